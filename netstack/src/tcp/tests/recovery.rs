//! Losses: found by time, by duplicate ACKs, by timeout; repaired once.

use super::host::{Host, Peer};
use crate::tcp::sack::{Learned, Scoreboard};
use crate::tcp::send_buffer::SeqRange;
use crate::tcp::seq::SeqNum;
use crate::wire::tcp_options::{SackBlock, SackPermitted, Timestamps};
use crate::{CloseReason, ConnectionId, Instant, Span};

/// A server that has `segments` whole segments in flight, half a round trip ago.
pub(super) fn in_flight(
    segments: usize,
    change: impl FnOnce(&mut Peer),
) -> (Host, Peer, ConnectionId) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    change(&mut peer);
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    let mss = host.engine.send_view(id).expect("it lives").mss_bytes;
    host.engine.send(host.now, id, std::vec![b'x'; segments * mss]).expect("there is room");
    assert_eq!(host.segments().len(), segments);
    host.now += Span::from_millis(20);
    (host, peer, id)
}

/// The peer reports the segments `first..last` after SND.UNA.
pub(super) fn report(peer: &mut Peer, first: u32, last: u32) {
    let (left, right) = (peer.ack + first * 1_460, peer.ack + last * 1_460);
    peer.sack.sack.push(SackBlock { left, right });
}

/// Where what goes out now begins.
pub(super) fn sequence_numbers(host: &mut Host) -> std::vec::Vec<SeqNum> {
    host.segments().iter().map(|(segment, _)| segment.seq).collect()
}

#[test]
fn three_segments_reported_mean_that_the_first_is_lost() {
    let (mut host, mut peer, _) = in_flight(10, |_| {});
    report(&mut peer, 1, 4);
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    let counters = host.engine.counters();
    assert_eq!((counters.recoveries, counters.bytes_retransmitted), (1, 1_460));
}

#[test]
fn one_segment_reported_waits_for_the_reordering_window() {
    let (mut host, mut peer, _) = in_flight(10, |_| {});
    report(&mut peer, 1, 2);
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host), []);
    // A quarter of the smallest round trip.
    host.sleep(Span::from_millis(4));
    assert_eq!(sequence_numbers(&mut host), []);
    host.sleep(Span::from_millis(2));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
}

#[test]
fn every_hole_is_filled_once() {
    let (mut host, mut peer, _) = in_flight(10, |_| {});
    report(&mut peer, 8, 10);
    report(&mut peer, 4, 7);
    report(&mut peer, 1, 3);
    host.receive(peer.frame(&[]));
    let mut sent = sequence_numbers(&mut host);
    for _ in 0..3 {
        host.receive(peer.frame(&[]));
        sent.extend(sequence_numbers(&mut host));
    }
    assert_eq!(sent, [peer.ack, peer.ack + 3 * 1_460, peer.ack + 7 * 1_460]);
    peer.ack += 14_600;
    peer.sack = Default::default();
    host.now += Span::from_millis(20);
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.held().send_buffers.count, 0);
}

#[test]
fn without_sack_three_duplicate_acks_are_enough() {
    let (mut host, mut peer, _) = in_flight(10, |peer| {
        peer.syn.sack_permitted = SackPermitted::No;
    });
    for _ in 0..2 {
        host.receive(peer.frame(&[]));
        assert_eq!(sequence_numbers(&mut host), []);
    }
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    // A partial ACK: the next hole. RFC 6582.
    peer.ack += 2 * 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host).first(), Some(&peer.ack));
}

#[test]
fn without_sack_duplicates_behind_a_partial_ack_repeat_nothing() {
    let (mut host, mut peer, _) = in_flight(10, |peer| {
        peer.syn.sack_permitted = SackPermitted::No;
    });
    for _ in 0..3 {
        host.receive(peer.frame(&[]));
    }
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    peer.ack += 2 * 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host).last(), Some(&peer.ack));
    // The peer's answers to what was in flight behind the hole.
    for _ in 0..6 {
        host.receive(peer.frame(&[]));
        assert_eq!(sequence_numbers(&mut host), []);
    }
    assert_eq!(host.engine.counters().bytes_retransmitted, 2 * 1_460);
}

#[test]
fn without_sack_duplicates_after_a_timeout_release_two_segments() {
    let (mut host, peer, _) = in_flight(10, |peer| {
        peer.syn.sack_permitted = SackPermitted::No;
    });
    host.sleep(Span::from_millis(500));
    assert_eq!(sequence_numbers(&mut host).last(), Some(&peer.ack));
    let mut released = 0;
    for _ in 0..9 {
        host.receive(peer.frame(&[]));
        released += sequence_numbers(&mut host).len();
    }
    assert_eq!(released, 2);
}

#[test]
fn a_lost_tail_is_probed_before_the_timeout() {
    let (mut host, mut peer, _) = in_flight(3, |_| {});
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_millis(100));
    assert_eq!(sequence_numbers(&mut host), [peer.ack + 1_460], "the last segment again");
    assert_eq!(host.engine.counters().loss_probes, 1);
    assert_eq!(host.engine.counters().retransmits_timeout, 0);
}

/// A server whose last segment of three was probed, with all of them acknowledged after it.
fn probed() -> (Host, Peer, ConnectionId) {
    let (mut host, mut peer, id) = in_flight(3, |_| {});
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_millis(100));
    assert_eq!(sequence_numbers(&mut host), [peer.ack + 1_460]);
    peer.ack += 2 * 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().loss_probes_repaired, 0, "it may have been needless");
    (host, peer, id)
}

/// The server sends one segment more, which is acknowledged; its slow start threshold then.
fn threshold_after_more(host: &mut Host, peer: &mut Peer, id: ConnectionId) -> usize {
    host.engine.send(host.now, id, std::vec![b'x'; 1_460]).expect("there is room");
    host.segments();
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    host.engine.info(host.now, id).expect("it lives").ssthresh_bytes
}

#[test]
fn a_probe_that_repaired_a_loss_costs_the_window_of_one() {
    let (mut host, mut peer, id) = probed();
    assert!(threshold_after_more(&mut host, &mut peer, id) < 14_600);
    assert_eq!(host.engine.counters().loss_probes_repaired, 1);
}

#[test]
fn a_probe_that_arrived_twice_costs_nothing() {
    // Told by a D-SACK, or by an ACK that repeats the last one.
    for dsack in [None, Some(SackBlock { left: SeqNum::ZERO, right: SeqNum::ZERO })] {
        let (mut host, mut peer, id) = probed();
        if dsack.is_some() {
            peer.sack.sack.push(SackBlock { left: peer.ack - 1_460, right: peer.ack });
            peer.window -= 1;
        }
        host.receive(peer.frame(&[]));
        peer.sack = Default::default();
        assert_eq!(threshold_after_more(&mut host, &mut peer, id), u32::MAX as usize);
        let counters = host.engine.counters();
        assert_eq!(counters.loss_probes_repaired, 0);
        assert_eq!(counters.duplicates_sent, u64::from(dsack.is_some()));
    }
}

#[test]
fn what_arrived_twice_makes_the_reordering_window_longer() {
    // Without a D-SACK a quarter of the smallest round trip of 20 ms; one more with each round
    // that reports one.
    for (reports, patience_ms) in [(0, 5), (1, 10)] {
        let (mut host, mut peer, _) = in_flight(10, |_| {});
        peer.ack += 2 * 1_460;
        for _ in 0..reports {
            peer.sack.sack.push(SackBlock { left: peer.ack - 1_460, right: peer.ack });
        }
        report(&mut peer, 1, 2);
        host.receive(peer.frame(&[]));
        host.sleep(Span::from_millis(patience_ms - 1));
        assert_eq!(sequence_numbers(&mut host), []);
        host.sleep(Span::from_millis(2));
        assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    }
}

#[test]
fn the_reordering_window_is_never_longer_than_the_round_trip() {
    let (mut host, mut peer, id) = in_flight(1, |_| {});
    for _ in 0..8 {
        peer.ack += 1_460;
        peer.sack.sack = Default::default();
        peer.sack.sack.push(SackBlock { left: peer.ack - 1_460, right: peer.ack });
        host.receive(peer.frame(&[]));
        host.engine.send(host.now, id, std::vec![b'y'; 1_460]).expect("there is room");
        host.segments();
        host.now += Span::from_millis(20);
    }
    peer.ack += 1_460;
    peer.sack.sack = Default::default();
    host.receive(peer.frame(&[]));
    host.engine.send(host.now, id, std::vec![b'y'; 2 * 1_460]).expect("there is room");
    host.segments();
    host.now += Span::from_millis(20);
    // Nine quarters of 20 ms would be 45 ms.
    report(&mut peer, 1, 2);
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_millis(19));
    assert_eq!(sequence_numbers(&mut host), []);
    host.sleep(Span::from_millis(2));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
}

#[test]
fn a_repair_that_makes_progress_sends_a_segment_more_for_each_ack() {
    // Seven of ten are lost; three that arrived let three out.
    let (mut host, mut peer, _) = in_flight(10, |_| {});
    report(&mut peer, 7, 10);
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host).len(), 3);
    for _ in 0..2 {
        host.now += Span::from_millis(20);
        peer.ack += 1_460;
        host.receive(peer.frame(&[]));
        assert_eq!(sequence_numbers(&mut host).len(), 2, "RFC 6937 §3, PRR-SSRB");
    }
}

#[test]
fn a_timeout_sends_from_the_first_byte_and_backs_off() {
    let (mut host, peer, _) = in_flight(4, |peer| {
        peer.syn.sack_permitted = SackPermitted::No;
    });
    let mut times = std::vec::Vec::new();
    while times.len() < 5 {
        let at = host.engine.poll_timeout().expect("something unacknowledged is on a timer");
        host.now = host.now.max(at);
        host.engine.handle_timeout(host.now);
        let sent = sequence_numbers(&mut host);
        if !sent.is_empty() {
            assert_eq!(sent, [peer.ack], "one segment: the window is one");
            times.push(host.now);
        }
    }
    let gaps: std::vec::Vec<u64> =
        times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis() / 100).collect();
    assert_eq!(gaps, [4, 8, 16, 32]);
}

#[test]
fn after_a_timeout_without_sack_each_segment_is_sent_again_once() {
    let (mut host, mut peer, _) = in_flight(8, |peer| {
        peer.syn.sack_permitted = SackPermitted::No;
    });
    host.sleep(Span::from_millis(500));
    assert_eq!(host.engine.counters().retransmits_timeout, 1);
    let mut sent = sequence_numbers(&mut host);
    let first = peer.ack;
    for _ in 0..8 {
        host.now += Span::from_millis(20);
        peer.ack += 1_460;
        host.receive(peer.frame(&[]));
        sent.extend(sequence_numbers(&mut host));
    }
    let once: std::vec::Vec<SeqNum> = (0..8).map(|segment| first + segment * 1_460).collect();
    assert_eq!(sent, once);
}

#[test]
fn a_timeout_of_other_data_reduces_again_and_of_the_same_does_not() {
    let (mut host, mut peer, id) = in_flight(10, |peer| {
        peer.syn.sack_permitted = SackPermitted::No;
    });
    let time_out = |host: &mut Host| {
        let before = host.engine.counters().retransmits_timeout;
        while host.engine.counters().retransmits_timeout == before {
            host.sleep(Span::from_millis(10));
        }
        host.segments();
        let info = host.engine.info(host.now, id).expect("it lives");
        assert_eq!(info.cwnd_bytes, 1_460);
        info.ssthresh_bytes
    };
    let first = time_out(&mut host);
    assert_eq!(time_out(&mut host), first);
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    host.segments();
    assert!(time_out(&mut host) < first);
}

#[test]
fn a_peer_that_is_gone_is_given_up() {
    let (mut host, _, _) = in_flight(4, |_| {});
    for _ in 0..400 {
        host.sleep(Span::from_secs(1));
        host.segments();
    }
    assert_eq!(host.close_reason(), Some(CloseReason::UserTimeout));
    host.assert_baseline();
}

#[test]
fn a_spurious_timeout_is_taken_back() {
    let (mut host, mut peer, id) = in_flight(4, |peer| {
        peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    });
    let before = host.engine.send_view(id).expect("it lives").cwnd_bytes;
    // The path stalls: timeouts, then the ACK of the originals.
    let echo = peer.timestamps;
    host.sleep(Span::from_secs(1));
    assert!(!host.segments().is_empty());
    assert!(host.engine.counters().retransmits_timeout > 0);
    peer.timestamps = echo;
    peer.ack += 1_448;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 1);
    assert!(host.engine.send_view(id).expect("it lives").cwnd_bytes >= before);
}

#[test]
fn what_an_undo_takes_back_is_not_given_up_by_the_same_ack() {
    let (mut host, mut peer, id) = in_flight(5, |peer| {
        peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    });
    // Sent later than the first five by more than a reordering window: their arrival is what would
    // give up the others.
    host.engine.send(host.now, id, std::vec![b'y'; 5 * 1_448]).expect("there is room");
    assert_eq!(host.segments().len(), 5);
    host.now += Span::from_millis(1);
    let block = |peer: &Peer, first: u32, last: u32| {
        let (left, right) = (peer.ack + first * 1_448, peer.ack + last * 1_448);
        SackBlock { left, right }
    };
    let report = block(&peer, 1, 4);
    peer.sack.sack.push(report);
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host).first(), Some(&peer.ack), "taken for lost");
    // The first was only late, and so is the fifth.
    host.now += Span::from_millis(20);
    let report = block(&peer, 5, 9);
    peer.ack += 4 * 1_448;
    peer.sack = Default::default();
    peer.sack.sack.push(report);
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 1);
    assert_eq!(host.engine.counters().recoveries, 1);
    assert!(!sequence_numbers(&mut host).contains(&peer.ack));
}

#[test]
fn a_burst_of_acks_grows_the_window_with_each() {
    let (mut host, mut peer, id) = in_flight(10, |_| {});
    for _ in 0..5 {
        peer.ack += 2 * 1_460;
        host.receive(peer.frame(&[]));
    }
    assert_eq!(host.engine.send_view(id).expect("it lives").cwnd_bytes, 2 * 14_600);
}

#[test]
fn reports_are_limited_by_what_the_peer_holds_and_not_by_what_was_sent() {
    let start = SeqNum::from_wire(0);
    let mut scoreboard = Scoreboard::new(start);
    let mut learned = Learned::default();
    for piece in 0..100 {
        let range = SeqRange { start: start + piece * 10, end: start + (piece + 1) * 10 };
        scoreboard.sent(range, Instant::from_millis(u64::from(piece)));
    }
    for piece in (0..100).filter(|piece| piece % 2 == 1) {
        let block = SackBlock { left: start + piece * 10, right: start + (piece + 1) * 10 };
        scoreboard.sack(block, 16, &mut learned);
    }
    assert_eq!(scoreboard.sacked_bytes(), 160);
}

#[test]
fn a_report_of_what_was_never_sent_is_ignored() {
    let (mut host, mut peer, _) = in_flight(2, |_| {});
    report(&mut peer, 1, 50);
    let (left, right) = (peer.ack - 100, peer.ack + 100);
    peer.sack.sack.push(SackBlock { left, right });
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host), []);
    assert_eq!(host.engine.counters().invariants_broken, 0);
}

#[test]
fn an_echo_beside_a_gap_is_no_round_trip() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    let id = peer.handshake(&mut host);
    host.sleep(Span::from_secs(10));
    let mss = host.engine.send_view(id).expect("it lives").mss_bytes;
    host.engine.send(host.now, id, std::vec![b'x'; 8 * mss]).expect("there is room");
    assert_eq!(host.segments().len(), 8);
    let report = |peer: &mut Peer, first: u32, last: u32| {
        let mss = u32::try_from(mss).expect("short");
        peer.sack.sack = Default::default();
        let (left, right) = (peer.ack + first * mss, peer.ack + last * mss);
        peer.sack.sack.push(SackBlock { left, right });
    };
    // The first and the third are lost; until the first is here, the echo is the handshake's.
    host.now += Span::from_millis(20);
    report(&mut peer, 3, 8);
    host.receive(peer.frame(&[]));
    assert!(host.segments().len() >= 2, "what is missing is sent again");
    host.now += Span::from_millis(20);
    report(&mut peer, 2, 3);
    host.receive(peer.frame(&[]));
    let srtt = host.engine.info(host.now, id).expect("it lives").srtt.expect("there were samples");
    assert!(srtt <= Span::from_millis(30), "{srtt:?}");
}
