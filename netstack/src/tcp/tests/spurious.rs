//! Recoveries that were for nothing: told by the order of what arrives, or by what arrived twice.

use std::vec::Vec;

use super::host::{Host, Peer};
use super::recovery::{in_flight, report, sequence_numbers};
use crate::tcp::seq::SeqNum;
use crate::wire::tcp_options::{SackBlock, SackPermitted, Timestamps};
use crate::{ConnectionId, Span};

const SEGMENT: u32 = 1_460;

/// Six segments whose timer has expired, with as many queued behind them; the first was sent again.
fn timed_out(sack: SackPermitted) -> (Host, Peer, ConnectionId) {
    let (mut host, peer, id) = in_flight(6, |peer| peer.syn.sack_permitted = sack);
    while host.engine.counters().retransmits_timeout == 0 {
        host.sleep(Span::from_millis(10));
        host.segments();
    }
    host.engine.send(host.now, id, std::vec![b'y'; 6 * 1_460]).expect("there is room");
    assert_eq!(sequence_numbers(&mut host), []);
    (host, peer, id)
}

/// The peer acknowledges so many segments more.
fn acknowledge(host: &mut Host, peer: &mut Peer, segments: u32) -> Vec<u32> {
    host.now += Span::from_millis(5);
    let before = peer.ack;
    peer.ack += segments * SEGMENT;
    host.receive(peer.frame(&[]));
    let count = |seq: SeqNum| before.distance_to(seq) / SEGMENT;
    sequence_numbers(host).into_iter().map(count).collect()
}

fn cwnd(host: &Host, id: ConnectionId) -> usize {
    host.engine.send_view(id).expect("it lives").cwnd_bytes
}

fn threshold(host: &Host, id: ConnectionId) -> usize {
    host.engine.info(host.now, id).expect("it lives").ssthresh_bytes
}

#[test]
fn after_the_first_answer_to_a_timeout_two_new_segments_go_out() {
    for sack in [SackPermitted::No, SackPermitted::Yes] {
        let (mut host, mut peer, _) = timed_out(sack);
        assert_eq!(acknowledge(&mut host, &mut peer, 1), [6, 7], "{sack:?}");
    }
}

#[test]
fn an_acknowledgment_of_what_was_sent_once_shows_a_spurious_timeout() {
    for sack in [SackPermitted::No, SackPermitted::Yes] {
        let (mut host, mut peer, id) = timed_out(sack);
        acknowledge(&mut host, &mut peer, 1);
        let before = host.engine.counters().bytes_retransmitted;
        let more = acknowledge(&mut host, &mut peer, 1);
        assert!(more.iter().all(|segment| *segment > 6), "{sack:?}: {more:?} is new");
        assert_eq!(host.engine.counters().recoveries_undone, 1);
        assert_eq!(cwnd(&host, id), 14_600);
        assert_eq!(threshold(&host, id), u32::MAX as usize);
        acknowledge(&mut host, &mut peer, 10);
        assert_eq!(host.engine.counters().bytes_retransmitted, before);
    }
}

#[test]
fn a_report_of_what_was_sent_once_shows_a_spurious_timeout() {
    let (mut host, mut peer, _) = timed_out(SackPermitted::Yes);
    acknowledge(&mut host, &mut peer, 1);
    report(&mut peer, 1, 2);
    acknowledge(&mut host, &mut peer, 0);
    assert_eq!(host.engine.counters().recoveries_undone, 1);
}

#[test]
fn a_duplicate_in_answer_to_new_data_shows_that_the_timeout_was_needed() {
    for sack in [SackPermitted::No, SackPermitted::Yes] {
        let (mut host, mut peer, id) = timed_out(sack);
        acknowledge(&mut host, &mut peer, 1);
        // Nothing else is in flight: room for it is made by a retransmission that is given up first.
        let again = acknowledge(&mut host, &mut peer, 0);
        assert!(again.is_empty() || again[0] == 0, "{sack:?}: {again:?}");
        assert_eq!(host.engine.counters().recoveries_undone, 0);
        assert!(cwnd(&host, id) <= 3 * 1_460);
        // What is acknowledged now was sent again, and says nothing.
        acknowledge(&mut host, &mut peer, 1);
        assert_eq!(host.engine.counters().recoveries_undone, 0);
    }
}

#[test]
fn with_sack_a_duplicate_before_any_news_is_waited_out() {
    let (mut host, mut peer, _) = timed_out(SackPermitted::Yes);
    assert_eq!(acknowledge(&mut host, &mut peer, 0), []);
    assert_eq!(acknowledge(&mut host, &mut peer, 1), [6, 7]);
}

#[test]
fn a_part_of_what_was_sent_again_shows_nothing() {
    let (mut host, mut peer, _) = timed_out(SackPermitted::No);
    for part in [100, 1_360] {
        host.now += Span::from_millis(5);
        peer.ack += part;
        host.receive(peer.frame(&[]));
        host.segments();
    }
    assert_eq!(acknowledge(&mut host, &mut peer, 1).first(), Some(&1), "it is repaired as usual");
    assert_eq!(host.engine.counters().recoveries_undone, 0);
}

#[test]
fn new_data_that_overtakes_a_hole_shows_that_the_timeout_was_needed() {
    let (mut host, mut peer, id) = timed_out(SackPermitted::Yes);
    acknowledge(&mut host, &mut peer, 1);
    report(&mut peer, 5, 6);
    assert_eq!(acknowledge(&mut host, &mut peer, 0)[..1], [0]);
    assert_eq!(host.engine.counters().recoveries_undone, 0);
    assert!(cwnd(&host, id) <= 3 * 1_460);
}

#[test]
fn a_duplicate_before_any_news_ends_the_test_of_a_timeout() {
    let (mut host, mut peer, _) = timed_out(SackPermitted::No);
    assert_eq!(acknowledge(&mut host, &mut peer, 0), [1], "the next that is lost");
    assert_eq!(acknowledge(&mut host, &mut peer, 1)[..1], [2]);
}

#[test]
fn without_new_data_a_timeout_is_repaired_as_usual() {
    let (mut host, mut peer, _) = in_flight(6, |peer| peer.syn.sack_permitted = SackPermitted::No);
    host.sleep(Span::from_millis(500));
    host.segments();
    assert_eq!(acknowledge(&mut host, &mut peer, 1), [1, 2]);
    acknowledge(&mut host, &mut peer, 1);
    assert_eq!(host.engine.counters().recoveries_undone, 0);
}

#[test]
fn a_timeout_within_the_repair_of_another_is_not_tested() {
    for sack in [SackPermitted::No, SackPermitted::Yes] {
        let (mut host, mut peer, _) = timed_out(sack);
        assert_eq!(acknowledge(&mut host, &mut peer, 1), [6, 7]);
        host.sleep(Span::from_secs(2));
        assert!(host.engine.counters().retransmits_timeout > 1);
        host.segments();
        assert_eq!(acknowledge(&mut host, &mut peer, 1)[..1], [1], "{sack:?}");
    }
}

#[test]
fn a_timeout_again_before_any_answer_is_tested_as_the_first() {
    for sack in [SackPermitted::No, SackPermitted::Yes] {
        let (mut host, mut peer, id) = timed_out(sack);
        while host.engine.counters().retransmits_timeout < 2 {
            host.sleep(Span::from_millis(10));
            host.segments();
        }
        assert_eq!(acknowledge(&mut host, &mut peer, 1), [6, 7], "{sack:?}");
        acknowledge(&mut host, &mut peer, 1);
        assert_eq!(host.engine.counters().recoveries_undone, 1);
        assert_eq!(cwnd(&host, id), 14_600);
    }
}

#[test]
fn a_timeout_within_fast_recovery_is_not_tested() {
    let (mut host, mut peer, id) = in_flight(10, |_| {});
    host.engine.send(host.now, id, std::vec![b'y'; 6 * 1_460]).expect("there is room");
    report(&mut peer, 1, 4);
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries, 1);
    while host.engine.counters().retransmits_timeout == 0 {
        host.sleep(Span::from_millis(10));
        host.segments();
    }
    peer.sack = Default::default();
    assert_eq!(acknowledge(&mut host, &mut peer, 4)[..1], [4], "what is lost, and nothing new");
}

#[test]
fn an_echo_with_the_ack_of_everything_says_nothing_before_a_duplicate_is_reported() {
    let (mut host, mut peer, id) = in_flight(4, |peer| {
        peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    });
    let echo = peer.timestamps;
    while host.engine.counters().retransmits_timeout == 0 {
        host.sleep(Span::from_millis(10));
        host.segments();
    }
    // All ACKs may have been lost but this one.
    peer.timestamps = echo;
    peer.ack += 4 * 1_448;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 0);
    assert!(cwnd(&host, id) < 14_480);
    for first in [1, 4] {
        let left = peer.ack - first * 1_448;
        peer.sack.sack = Default::default();
        peer.sack.sack.push(SackBlock { left, right: left + 1_448 });
        host.receive(peer.frame(&[]));
    }
    assert_eq!(host.engine.counters().recoveries_undone, 1);
    assert!(cwnd(&host, id) >= 14_480);
}

/// Ten segments of which the first `holes` were taken for lost and sent again; then all arrived.
fn overtaken(holes: u32) -> (Host, Peer, ConnectionId) {
    let (mut host, mut peer, id) = in_flight(10, |_| {});
    report(&mut peer, holes, 10);
    host.receive(peer.frame(&[]));
    let mut again = sequence_numbers(&mut host).len();
    for _ in 0..10 {
        host.sleep(Span::from_millis(1));
        host.receive(peer.frame(&[]));
        again += sequence_numbers(&mut host).len();
    }
    assert_eq!(again, holes as usize);
    peer.sack = Default::default();
    assert_eq!(acknowledge(&mut host, &mut peer, 10), []);
    assert!(threshold(&host, id) < 14_600);
    (host, peer, id)
}

/// The peer says that of its ten segments this one arrived twice.
fn twice(host: &mut Host, peer: &mut Peer, segment: u32) {
    let left = peer.ack - (10 - segment) * SEGMENT;
    peer.sack.sack.push(SackBlock { left, right: left + SEGMENT });
    host.receive(peer.frame(&[]));
    peer.sack = Default::default();
}

#[test]
fn a_recovery_is_taken_back_when_all_that_it_sent_again_arrived_twice() {
    let (mut host, mut peer, id) = overtaken(2);
    twice(&mut host, &mut peer, 0);
    assert_eq!(host.engine.counters().recoveries_undone, 0, "the second may have been lost");
    twice(&mut host, &mut peer, 1);
    assert_eq!(host.engine.counters().recoveries_undone, 1);
    assert_eq!((cwnd(&host, id), threshold(&host, id)), (14_600, u32::MAX as usize));
}

#[test]
fn a_duplicate_of_something_else_takes_nothing_back() {
    let (mut host, mut peer, _) = overtaken(1);
    let end = peer.ack - 10 * SEGMENT;
    peer.sack.sack.push(SackBlock { left: end - SEGMENT, right: end });
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 0);
}

#[test]
fn a_round_trip_after_a_recovery_nothing_is_taken_back_any_more() {
    let (mut host, mut peer, id) = overtaken(1);
    host.engine.send(host.now, id, std::vec![b'y'; 1_460]).expect("there is room");
    host.segments();
    acknowledge(&mut host, &mut peer, 1);
    let left = peer.ack - 11 * SEGMENT;
    peer.sack.sack.push(SackBlock { left, right: left + SEGMENT });
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 0);
}

#[test]
fn only_the_first_echo_of_a_recovery_says_whether_it_was_needed() {
    let (mut host, mut peer, _) = in_flight(6, |peer| {
        peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    });
    host.sleep(Span::from_secs(1));
    let again = host.segments().pop().expect("the first, or the tail");
    let (timestamps, mss) = (again.0.timestamps().expect("agreed"), 1_448);
    // The retransmission is what arrived: the timeout was needed.
    peer.timestamps = Some(Timestamps { value: 2, echo: timestamps.value });
    peer.ack += mss;
    host.now += Span::from_millis(20);
    host.receive(peer.frame(&[]));
    assert!(!host.segments().is_empty(), "the second and the third, with a later timestamp");
    peer.ack += mss;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 0);
}
