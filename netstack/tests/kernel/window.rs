//! Readers that sleep for 30 seconds of the engine's time, and senders that wait for them.

use netstack::{CloseReason, DropReason, Span};
use netstack_simulator::{Ending, Family, HostConfig, Plan, Reader};

use crate::lab::{GOOD, Lab, Opener};
use crate::peer::{Finish, exchange};

/// Much more than what the reader's buffer takes.
const STREAM: u64 = 1_000_000;
const SLEEP: Span = Span::from_secs(30);
/// Seconds of the engine in one of the kernel.
const PACE: u32 = 20;

#[test]
fn a_window_that_the_kernel_closes_is_probed_until_it_opens() {
    let mut lab = Lab::new("closed", HostConfig::new(1), [GOOD; 2], 1);
    lab.peer.set_sysctl("net.ipv4.tcp_rmem", "4096 65536 65536").expect("a bound for the reader");
    for (family, opener) in [(Family::V4, Opener::Engine), (Family::V6, Opener::Kernel)] {
        let stream = lab.open(family, opener, Plan::sending(STREAM).ending(Ending::Finish));
        let before = lab.engine.host.engine.counters().window_probes;
        lab.engine.set_pace(PACE);
        lab.engine.run_for(SLEEP);
        lab.engine.set_pace(1);
        let counters = lab.engine.host.engine.counters();
        // 200 ms and twice as long each time.
        let probes = counters.window_probes - before;
        assert!((3..=8).contains(&probes), "{family:?} {opener:?}: {counters:?}");
        lab.kernel(move || exchange(stream, 0, STREAM, Finish::WhenSent));
        let [outcome] = lab.outcomes(1)[..] else { panic!("one connection") };
        assert_eq!(outcome.closed, Some(CloseReason::Finished), "{family:?} {opener:?}");
    }
    lab.engine.settle();
}

#[test]
fn a_window_that_the_engine_closes_is_told_to_a_kernel_that_probes() {
    let mut config = HostConfig::new(1);
    config.tcp.receive_window_bytes = 40_000;
    let mut lab = Lab::new("asleep", config, [GOOD; 2], 1);
    for (family, opener) in [(Family::V6, Opener::Engine), (Family::V4, Opener::Kernel)] {
        let plan = Plan::sending(0).ending(Ending::FinishAfterPeer).reader(Reader::Asleep(SLEEP));
        let stream = lab.open(family, opener, plan);
        let probes = |lab: &Lab| lab.engine.host.engine.counters().drops(DropReason::OutsideWindow);
        let before = probes(&lab);
        lab.engine.set_pace(PACE);
        lab.kernel(move || exchange(stream, STREAM, 0, Finish::WhenSent));
        lab.engine.set_pace(1);
        assert!(probes(&lab) > before, "{:?}", lab.engine.host.engine.counters());
        let [outcome] = lab.outcomes(1)[..] else { panic!("one connection") };
        assert_eq!((outcome.received, outcome.peer_finished), (STREAM, true));
        assert_eq!(outcome.closed, Some(CloseReason::Finished), "{family:?} {opener:?}");
    }
    lab.engine.settle();
}
