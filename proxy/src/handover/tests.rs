use netstack::{FlowHash, Instant, Record, Span, UnclaimedKind};
use weir_io::{Ring, RingConfig, Waker};

use super::{Directory, Handover, Owner, Passed, Question, STRAYS_WAITING_MAX, Trail, WorkerIndex};

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

fn segment(trail: Trail) -> Question<'static> {
    let (kind, record) = (UnclaimedKind::Segment, Record::None);
    Question { bytes: b"frame", kind, flow: FLOW, record, trail }
}

/// A segment that comes from the network.
fn fresh() -> Question<'static> {
    segment(Trail::default())
}

fn syn() -> Question<'static> {
    Question { kind: UnclaimedKind::Syn, ..fresh() }
}

/// As `question`, where the asking worker has a record of TIME-WAIT.
fn on_record(question: Question<'static>) -> Question<'static> {
    Question { record: Record::TimeWait, ..question }
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
    assert_eq!((&*stray.bytes, stray.trail.asked), (&b"frame"[..], 1));
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
    assert_eq!(ends[0].pass(&fresh(), START), Passed::On);
    assert!(ends[1].next().is_none());
    assert!(ends[2].next().is_some());
}

#[test]
fn stray_of_nobody_is_answered_when_all_were_asked() {
    let (mut ends, _rings) = three();
    assert_eq!(ends[0].pass(&fresh(), START), Passed::On);
    let stray = ends[1].next().expect("the neighbour is asked");
    assert_eq!(ends[1].pass(&segment(stray.trail), START), Passed::On);
    let stray = ends[2].next().expect("then its neighbour");
    assert_eq!(ends[2].pass(&segment(stray.trail), START), Passed::Stays);
}

#[test]
fn record_answers_at_once_where_nobody_took_the_flow_since() {
    let (mut ends, _rings) = three();
    assert_eq!(ends[0].pass(&syn(), START), Passed::Stays);
    assert_eq!(ends[0].pass(&on_record(fresh()), START), Passed::Stays);
    assert_eq!(ends[0].pass(&on_record(syn()), START), Passed::Stays);
}

#[test]
fn record_leaves_a_segment_to_the_worker_that_took_the_flow_since() {
    let (mut ends, _rings) = three();
    assert_eq!(ends[2].pass(&syn(), START), Passed::Stays);
    for question in [fresh(), syn()] {
        assert_eq!(ends[0].pass(&on_record(question), START), Passed::On);
        assert!(ends[2].next().is_some());
    }
}

#[test]
fn record_answers_when_nobody_has_a_newer_connection() {
    let (mut ends, _rings) = three();
    for question in [fresh(), syn()] {
        let kind = question.kind;
        let again = |trail| Question { kind, ..segment(trail) };
        // The directory has forgotten the flow: another one took its slot.
        ends[0].directory.take(FlowHash(FLOW.0 ^ 1 << 63), WorkerIndex(0), START);
        assert_eq!(ends[1].pass(&on_record(question), START), Passed::On);
        let stray = ends[2].next().expect("the neighbour is asked");
        assert_eq!(ends[2].pass(&again(stray.trail), START), Passed::On);
        let stray = ends[0].next().expect("then its neighbour");
        assert_eq!(ends[0].pass(&again(stray.trail), START), Passed::On);
        let stray = ends[1].next().expect("then it comes back to the record");
        assert_eq!(ends[1].pass(&on_record(again(stray.trail)), START), Passed::Stays);
        // The record may be over by then.
        assert_eq!(ends[1].pass(&again(stray.trail), START), Passed::Stays);
        let claimed = (kind == UnclaimedKind::Syn).then_some(WorkerIndex(1));
        assert_eq!(ends[1].directory.owner(FLOW), claimed);
    }
}

#[test]
fn full_queue_says_so_and_takes_more_when_it_was_emptied() {
    let (mut ends, _rings) = three();
    for _ in 0..STRAYS_WAITING_MAX {
        assert_eq!(ends[0].pass(&fresh(), START), Passed::On);
    }
    assert_eq!(ends[0].pass(&fresh(), START), Passed::Full);
    assert!(ends[1].next().is_some());
    assert_eq!(ends[0].pass(&fresh(), START), Passed::On);
}
