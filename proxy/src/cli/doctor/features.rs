//! Features of newer kernels, and what is done without them.

use weir_io::Presence;
use xdp::Support;

use super::{Finding, State};

/// Those of packet I/O, then those of io_uring.
pub(super) fn findings() -> Vec<Finding> {
    let packets = xdp::probe().into_iter().map(|feature| {
        let (state, how) = match feature.support {
            Support::Available => (State::Good, "there"),
            Support::Hidden => (State::Fallback, "hidden by WEIR_KERNEL_MAX"),
            Support::Missing => (without(feature.fallback), "not there"),
            Support::Forbidden => (without(feature.fallback), "not allowed"),
        };
        finding(feature.name, state, how, (&feature.since.to_string(), feature.fallback))
    });
    let rings = weir_io::probe().into_iter().map(|feature| {
        let (state, how) = match feature.presence {
            Presence::Present => (State::Good, "there"),
            Presence::Hidden => (State::Fallback, "hidden by WEIR_KERNEL_MAX"),
            Presence::Absent => (without(feature.fallback), "not there"),
        };
        finding(feature.name, state, how, (&feature.since.to_string(), feature.fallback))
    });
    packets.chain(rings).collect()
}

fn finding(name: &str, state: State, how: &str, (since, fallback): (&str, &str)) -> Finding {
    Finding {
        what: name.to_owned(),
        state,
        detail: format!("{how}, since Linux {since}"),
        advice: (state != State::Good).then(|| fallback.to_owned()),
    }
}

/// Both rooms begin the text with `none` where there is no way without.
fn without(fallback: &str) -> State {
    if fallback.starts_with("none") { State::Missing } else { State::Fallback }
}
