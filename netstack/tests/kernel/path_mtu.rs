//! Paths whose MTU changes under way, and say so or don't.

use netstack::{CloseReason, ConnectionInfo, Span};
use netstack_simulator::{
    Bottleneck, Ending, Family, HostConfig, IcmpErrors, Impairments, Plan, Refusal, Strait,
};

use crate::lab::{GOOD, Lab, Opener, SOON};
use crate::peer::{Finish, exchange, read};

const STREAM: u64 = 2_000_000;
const MTU: u16 = 1_400;
/// 20 Mbit/s, and room before it for the largest window: what is lost is lost for its size.
const RATE: Bottleneck =
    Bottleneck { bytes_per_ms: 2_500, queue_bytes: 4_000_000, marks_above_bytes: u64::MAX };
const WAY: Impairments = Impairments { bottleneck: Some(RATE), ..GOOD };
/// What a narrow path does to a packet that is too long: its router tells.
const NARROW: Strait = Strait { mtu: MTU, refusal: Refusal::Told };

/// The engine's only connection.
fn info(lab: &Lab) -> ConnectionInfo {
    let engine = &lab.engine.host.engine;
    let id = engine.connections().next().expect("a connection");
    engine.info(lab.engine.clock(), id).expect("it lives")
}

/// Opens a connection on which the engine sends, and makes its path narrow under way. `to_engine`:
/// what meets the routers' errors.
fn narrow_under_way(lab: &mut Lab, family: Family, opener: Opener, to_engine: Impairments) {
    lab.path.change(|ways| ways.iter_mut().for_each(|way| way.set_impairments(WAY)));
    let counters = lab.engine.host.engine.counters();
    let sent = counters.bytes_sent + 50_000;
    let stream = lab.open(family, opener, Plan::sending(STREAM).ending(Ending::FinishAfterPeer));
    lab.engine
        .run_until(SOON, "something under way", |host| host.engine.counters().bytes_sent >= sent);
    assert_eq!(info(lab).path_mtu_bytes, 1_500, "{family:?} {opener:?}");
    lab.path.change(|[to, from]| {
        to.set_impairments(to_engine);
        from.set_strait(Some(NARROW));
    });
    lab.kernel(|| read(&stream, 0..STREAM));
    let found = info(lab).path_mtu_bytes;
    assert!((MTU - 7..=MTU).contains(&found), "{family:?} {opener:?}: {found}");
    lab.kernel(move || exchange(stream, 0, 0, Finish::WhenSent));
    finished(lab, [STREAM, 0]);
}

/// Waits for the end of the only connection. `bytes`: sent and received.
fn finished(lab: &mut Lab, bytes: [u64; 2]) {
    let [outcome] = lab.outcomes(1)[..] else { panic!("one connection") };
    assert_eq!([outcome.queued, outcome.received], bytes);
    assert_eq!(outcome.closed, Some(CloseReason::Finished));
}

#[test]
fn a_router_that_tells_makes_the_engines_packets_smaller() {
    let mut lab = Lab::new("told", HostConfig::new(1), [WAY; 2], 1);
    for (family, opener) in [(Family::V4, Opener::Kernel), (Family::V6, Opener::Engine)] {
        narrow_under_way(&mut lab, family, opener, WAY);
    }
    let counters = lab.engine.host.engine.counters();
    assert_eq!((counters.path_mtu_lowered, counters.path_mtu_black_holes), (2, 0), "{counters:?}");
    lab.engine.settle();
}

#[test]
fn a_black_hole_makes_the_engines_packets_smaller() {
    let mut lab = Lab::new("hole", HostConfig::new(1), [WAY; 2], 1);
    let filtered = Impairments { icmp_errors: IcmpErrors::Filtered, ..WAY };
    for (family, opener) in [(Family::V4, Opener::Engine), (Family::V6, Opener::Kernel)] {
        narrow_under_way(&mut lab, family, opener, filtered);
    }
    let counters = lab.engine.host.engine.counters();
    assert_eq!((counters.path_mtu_lowered, counters.path_mtu_black_holes), (0, 2), "{counters:?}");
    assert!(lab.path.counts()[0].filtered > 0, "{:?}", lab.path.counts());
    lab.engine.settle();
}

#[test]
fn a_path_that_takes_more_again_is_noticed() {
    let mut config = HostConfig::new(1);
    config.tcp.path_mtu_age = Span::from_millis(200);
    let mut lab = Lab::new("wider", config, [WAY; 2], 1);
    lab.path.change(|[_, from]| from.set_strait(Some(NARROW)));
    let stream = lab.open(Family::V4, Opener::Kernel, Plan::sending(STREAM));
    lab.engine.run_until(SOON, "a refusal", |host| host.engine.counters().path_mtu_lowered > 0);
    lab.path.change(|[_, from]| from.set_strait(None));
    lab.kernel(|| read(&stream, 0..STREAM));
    lab.engine.run_until(SOON, "a larger size", |host| host.engine.counters().path_mtu_raised > 0);
    assert_eq!(info(&lab).path_mtu_bytes, 1_500);
    lab.kernel(move || exchange(stream, 0, 0, Finish::WhenSent));
    finished(&mut lab, [STREAM, 0]);
    lab.engine.settle();
}

#[test]
fn a_kernel_on_a_narrow_path_is_told_or_finds_out() {
    let mut lab = Lab::new("upload", HostConfig::new(1), [WAY; 2], 1);
    lab.peer.set_sysctl("net.ipv4.tcp_mtu_probing", "1").expect("after a black hole");
    for icmp_errors in [IcmpErrors::Pass, IcmpErrors::Filtered] {
        for (family, opener) in [(Family::V4, Opener::Engine), (Family::V6, Opener::Kernel)] {
            lab.path.change(|[to, from]| {
                to.set_impairments(WAY);
                from.set_impairments(Impairments { icmp_errors, ..WAY });
            });
            let stream = lab.open(family, opener, Plan::sending(0).ending(Ending::FinishAfterPeer));
            lab.path.change(|[to, _]| to.set_strait(Some(NARROW)));
            lab.kernel(move || exchange(stream, STREAM, 0, Finish::WhenSent));
            finished(&mut lab, [0, STREAM]);
            lab.peer.ip(&["route", "flush", "cache"]).expect("it forgets");
            lab.peer.ip(&["-6", "route", "flush", "cache"]).expect("it forgets");
        }
    }
    let [to, from] = lab.path.counts();
    assert!(to.too_long > 0 && from.filtered > 0, "{to:?} {from:?}");
    lab.engine.settle();
}
