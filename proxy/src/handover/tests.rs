use netstack::{FlowHash, Instant, Span, UnclaimedKind};
use weir_io::{Ring, RingConfig, Waker};

use super::{Directory, Handover, Owner, Passed, Question, STRAYS_WAITING_MAX, WorkerIndex};

const START: Instant = Instant::ORIGIN;
const FLOW: FlowHash = FlowHash(0x1234_5678_9abc_def0);

/// The ends of three workers, with the rings that their wakers belong to.
fn three() -> (Vec<Handover>, Vec<Ring<Vec<u8>>>) {
    let small = RingConfig { operations_max: 8, submissions: 8, ..RingConfig::default() };
    let rings: Vec<Ring<Vec<u8>>> =
        (0..3).map(|_| Ring::new(&small).expect("a small ring")).collect();
    let wakers: Vec<Waker> = rings.iter().map(Ring::waker).collect();
    (Handover::connect(&wakers), rings)
}

fn segment(asked: u8) -> Question<'static> {
    Question { bytes: b"frame", kind: UnclaimedKind::Segment, flow: FLOW, asked }
}

fn syn() -> Question<'static> {
    Question { kind: UnclaimedKind::Syn, ..segment(0) }
}

#[test]
fn first_worker_to_see_a_syn_owns_the_flow_for_a_while() {
    let directory = Directory::new();
    let (first, second) = (WorkerIndex(0), WorkerIndex(1));
    assert_eq!(directory.owner(FLOW), None);
    assert_eq!(directory.claim(FLOW, first, START), Owner::Mine);
    assert_eq!(directory.claim(FLOW, first, START), Owner::Mine);
    assert_eq!(directory.claim(FLOW, second, START), Owner::Other(first));
    assert_eq!(directory.owner(FLOW), Some(first));
    let later = START + Span::from_secs(200);
    assert_eq!(directory.claim(FLOW, second, later), Owner::Mine);
    assert_eq!(directory.owner(FLOW), Some(second));
}

#[test]
fn another_flow_in_the_same_slot_is_not_taken_for_this_one() {
    let directory = Directory::new();
    let neighbor = FlowHash(FLOW.0 ^ 1 << 63);
    assert_eq!(directory.claim(FLOW, WorkerIndex(0), START), Owner::Mine);
    assert_eq!(directory.owner(neighbor), None);
    assert_eq!(directory.claim(neighbor, WorkerIndex(1), START), Owner::Mine);
}

#[test]
fn repeated_syn_goes_to_the_worker_that_took_the_first() {
    let (mut ends, _rings) = three();
    assert_eq!(ends[2].pass(&syn(), START), Passed::Stays);
    assert_eq!(ends[0].pass(&syn(), START), Passed::On);
    let stray = ends[2].next().expect("worker 2 was handed it");
    assert_eq!((&*stray.bytes, stray.asked), (&b"frame"[..], 1));
    assert!(ends[1].next().is_none());
}

#[test]
fn every_worker_knows_that_one_has_sent_cookies() {
    let (ends, _rings) = three();
    assert_eq!(ends[1].cookies_sent_at(), None);
    ends[0].note_cookies(START);
    assert_eq!(ends[1].cookies_sent_at(), Some(START));
    // Known to a second, and never set back.
    ends[2].note_cookies(START + Span::from_millis(999));
    assert_eq!(ends[1].cookies_sent_at(), Some(START));
    ends[2].note_cookies(START + Span::from_secs(5));
    ends[0].note_cookies(START + Span::from_secs(1));
    assert_eq!(ends[1].cookies_sent_at(), Some(START + Span::from_secs(5)));
}

#[test]
fn stray_goes_to_the_owner_of_its_flow_at_once() {
    let (mut ends, _rings) = three();
    assert_eq!(ends[2].pass(&syn(), START), Passed::Stays);
    assert_eq!(ends[0].pass(&segment(0), START), Passed::On);
    assert!(ends[1].next().is_none());
    assert!(ends[2].next().is_some());
}

#[test]
fn stray_of_nobody_is_answered_when_all_were_asked() {
    let (mut ends, _rings) = three();
    assert_eq!(ends[0].pass(&segment(0), START), Passed::On);
    let stray = ends[1].next().expect("the neighbour is asked");
    assert_eq!(ends[1].pass(&segment(stray.asked), START), Passed::On);
    let stray = ends[2].next().expect("then its neighbour");
    assert_eq!(ends[2].pass(&segment(stray.asked), START), Passed::Stays);
}

#[test]
fn full_queue_says_so_and_takes_more_when_it_was_emptied() {
    let (mut ends, _rings) = three();
    for _ in 0..STRAYS_WAITING_MAX {
        assert_eq!(ends[0].pass(&segment(0), START), Passed::On);
    }
    assert_eq!(ends[0].pass(&segment(0), START), Passed::Full);
    assert!(ends[1].next().is_some());
    assert_eq!(ends[0].pass(&segment(0), START), Passed::On);
}
