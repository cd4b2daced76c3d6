//! Streams both ways, over paths of every kind.

use netstack::{CloseReason, Span};
use netstack_simulator::{Ending, HostConfig, Impairments, Plan};

use crate::lab::{GOOD, Lab, OPENINGS};
use crate::peer::{Finish, exchange};

const STREAM: u64 = 200_000;

/// Sends [`STREAM`] both ways at once, opened each way over each family.
fn streams_survive(hint: &str, way: Impairments) -> Lab {
    let mut lab = Lab::new(hint, HostConfig::new(1), [way; 2], 1);
    for (family, opener) in OPENINGS {
        let plan = Plan::sending(STREAM).ending(Ending::Finish);
        let stream = lab.open(family, opener, plan);
        lab.kernel(move || exchange(stream, STREAM, STREAM, Finish::WhenSent));
        let [outcome] = lab.outcomes(1)[..] else { panic!("one connection") };
        assert_eq!((outcome.received, outcome.queued), (STREAM, STREAM), "{family:?} {opener:?}");
        assert!(outcome.peer_finished);
        assert_eq!(outcome.closed, Some(CloseReason::Finished), "{family:?} {opener:?}");
    }
    lab.engine.settle();
    lab
}

#[test]
fn streams_cross_a_good_path_without_a_reset() {
    let lab = streams_survive("good", GOOD);
    let counters = lab.engine.host.engine.counters();
    assert_eq!((counters.opens_active, counters.accepts), (2, 2));
    assert_eq!(counters.resets_sent + counters.resets_received, 0, "{counters:?}");
}

#[test]
fn streams_survive_one_percent_of_loss() {
    let lab = streams_survive("loss-1", Impairments { loss: 10, ..GOOD });
    assert!(lab.path.counts().iter().all(|counts| counts.lost > 0), "{:?}", lab.path.counts());
    assert!(lab.engine.host.engine.counters().bytes_retransmitted > 0);
}

#[test]
fn streams_survive_five_percent_of_loss() {
    let way = Impairments { loss: 50, delay: Span::from_millis(5), ..Impairments::NONE };
    let lab = streams_survive("loss-5", way);
    assert!(lab.engine.host.engine.counters().retransmits_recovery > 0);
}

#[test]
fn streams_survive_reordering() {
    let lab = streams_survive("reorder", Impairments { reordering: 100, ..GOOD });
    assert!(lab.engine.host.engine.counters().out_of_order_bytes > 0);
}

#[test]
fn streams_survive_duplication() {
    let lab = streams_survive("double", Impairments { duplication: 100, ..GOOD });
    assert!(lab.engine.host.engine.counters().duplicates_reported > 0);
}

#[test]
fn streams_survive_corruption() {
    let lab = streams_survive("damage", Impairments { corruption: 20, ..GOOD });
    assert!(lab.path.counts().iter().all(|counts| counts.corrupted > 0));
}

#[test]
fn streams_survive_everything_at_once() {
    let way = Impairments {
        loss: 20,
        reordering: 50,
        duplication: 20,
        corruption: 10,
        delay: Span::from_millis(3),
        jitter: Span::from_millis(2),
        ..Impairments::NONE
    };
    streams_survive("all", way);
}
