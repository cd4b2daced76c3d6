//! Interfaces and what their drivers offer.

use std::io;

use xdp::link::{self, LinkFacts};

use super::{Finding, State};

/// Every interface but loopback.
pub(super) fn findings() -> Vec<Finding> {
    let names = link::names().unwrap_or_default();
    let mut findings: Vec<_> =
        names.iter().filter(|name| *name != "lo").map(|name| interface(name)).collect();
    if findings.is_empty() {
        findings.push(none());
    }
    findings
}

fn none() -> Finding {
    Finding {
        what: "interfaces".to_owned(),
        state: State::Fallback,
        detail: "none but loopback".to_owned(),
        advice: Some("`weir demo` makes its own".to_owned()),
    }
}

fn interface(name: &str) -> Finding {
    let what = format!("interface {name}");
    match LinkFacts::of(name) {
        Ok(facts) => described(what, &facts),
        Err(error) => unknown(what, &error),
    }
}

fn described(what: String, facts: &LinkFacts) -> Finding {
    let LinkFacts { driver, mtu_bytes, rx_queues, state, xdp, .. } = facts;
    let driver = driver.as_deref().unwrap_or("unknown");
    let up = match state {
        link::State::Up => "up",
        link::State::Down => "down",
    };
    let (mode, state, advice) = match xdp {
        Some(xdp) if xdp.has_native() => {
            let zero_copy = if xdp.has_zero_copy() { "zero-copy" } else { "copy" };
            (format!("native XDP, {zero_copy}"), State::Good, None)
        }
        Some(_) => {
            let advice = "the kernel runs the program in SKB mode, which is slower";
            ("no native XDP".to_owned(), State::Fallback, Some(advice))
        }
        None => ("XDP unknown until it is tried".to_owned(), State::Good, None),
    };
    Finding {
        what,
        state,
        detail: format!(
            "driver {driver}, {up}, mtu {mtu_bytes}, receive queues {rx_queues}, {mode}"
        ),
        advice: advice.map(str::to_owned),
    }
}

fn unknown(what: String, error: &io::Error) -> Finding {
    Finding { what, state: State::Fallback, detail: format!("not known: {error}"), advice: None }
}
