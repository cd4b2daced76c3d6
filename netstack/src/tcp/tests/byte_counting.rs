//! Appropriate byte counting: the window grows with bytes, not with ACKs, and with no more than a
//! limit for each ACK. RFC 3465, RFC 5681 §3.1.

use super::congestion::MSS;
use super::host::{Host, Peer};
use super::recovery::{in_flight, sequence_numbers};
use crate::tcp::congestion::{AckEvent, Congestion, CongestionAlgorithm, CwndLimited, Repair};
use crate::tcp::seq::SeqNum;
use crate::wire::tcp_options::SackPermitted;
use crate::{ConnectionId, Instant, Span};

const BOTH: [CongestionAlgorithm; 2] = [CongestionAlgorithm::Cubic, CongestionAlgorithm::NewReno];
const RTT: Span = Span::from_millis(50);

/// A window whose slow start is over, if `threshold` is below it.
fn window_of(algorithm: CongestionAlgorithm, segments: u32, threshold: u32) -> Congestion {
    let mut congestion = Congestion::new(algorithm, MSS);
    // The threshold becomes that much, of CUBIC's 0.7 a little less.
    congestion.set_cwnd(4 * threshold * MSS);
    congestion.on_loss(2 * threshold * MSS);
    congestion.forget_prior();
    congestion.set_cwnd(segments * MSS);
    congestion
}

/// So many bytes are acknowledged, all at once or in pieces, a round trip later.
fn acknowledge(congestion: &mut Congestion, bytes: u32, piece: u32) -> u32 {
    let (before, mut left) = (congestion.cwnd_bytes(), bytes);
    while left > 0 {
        let acked_bytes = left.min(piece);
        left -= acked_bytes;
        congestion.on_ack(&AckEvent {
            now: Instant::from_millis(1_000),
            acked_bytes,
            rtt: Some(RTT),
            srtt: Some(RTT),
            snd_una: SeqNum::ZERO,
            snd_nxt: SeqNum::ZERO + left,
            limited: CwndLimited::Yes,
            repair: Repair::No,
        });
    }
    congestion.cwnd_bytes() - before
}

fn cwnd(host: &Host, id: ConnectionId) -> usize {
    host.engine.send_view(id).expect("it lives").cwnd_bytes
}

/// The peer acknowledges so many bytes more, and what may go out then does.
fn take(host: &mut Host, peer: &mut Peer, bytes: u32) {
    peer.ack += bytes;
    host.receive(peer.frame(&[]));
    host.segments();
}

#[test]
fn slow_start_grows_by_the_bytes_that_are_acknowledged() {
    for algorithm in BOTH {
        for piece in [1, 100, MSS, 2 * MSS, 40 * MSS] {
            let mut congestion = Congestion::new(algorithm, MSS);
            congestion.set_cwnd(40 * MSS);
            assert_eq!(acknowledge(&mut congestion, 40 * MSS, piece), 40 * MSS, "{piece}");
        }
    }
}

#[test]
fn one_ack_in_slow_start_brings_no_more_than_the_limit() {
    for algorithm in BOTH {
        let mut congestion = Congestion::new(algorithm, MSS);
        assert_eq!(acknowledge(&mut congestion, 400 * MSS, 400 * MSS), 48 * MSS);
    }
}

#[test]
fn congestion_avoidance_counts_a_window_of_bytes_for_a_segment() {
    let mut reno = window_of(CongestionAlgorithm::NewReno, 20, 10);
    assert_eq!(acknowledge(&mut reno, 20 * MSS - 1, 2 * MSS), 0);
    assert_eq!(acknowledge(&mut reno, 1, 1), MSS);
    assert_eq!(acknowledge(&mut reno, 21 * MSS - 1, 2 * MSS), 0, "21 segments from here on");
    assert_eq!(acknowledge(&mut reno, 1, 1), MSS);
}

#[test]
fn divided_acks_bring_no_more_in_congestion_avoidance() {
    for algorithm in BOTH {
        let mut whole = window_of(algorithm, 20, 10);
        let expected = acknowledge(&mut whole, 20 * MSS, 2 * MSS);
        let mut divided = window_of(algorithm, 20, 10);
        let grown = acknowledge(&mut divided, 20 * MSS, 10);
        assert!(grown <= expected.max(MSS), "{algorithm:?}: {grown} against {expected}");
    }
}

#[test]
fn a_peer_that_divides_its_acks_gets_no_larger_window() {
    let (mut host, mut peer, id) = in_flight(10, |_| {});
    for _ in 0..146 {
        take(&mut host, &mut peer, 100);
    }
    assert_eq!(cwnd(&host, id), 2 * 14_600);
}

/// Ten segments without SACK whose timer has expired; the first was sent again.
fn timed_out() -> (Host, Peer, ConnectionId) {
    let (mut host, peer, id) = in_flight(10, |peer| peer.syn.sack_permitted = SackPermitted::No);
    host.sleep(Span::from_millis(500));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    (host, peer, id)
}

#[test]
fn after_a_timeout_an_ack_brings_one_segment() {
    // RFC 3465 §2.3: what followed the lost segment had arrived.
    let (mut host, mut peer, id) = timed_out();
    take(&mut host, &mut peer, 3 * MSS);
    assert_eq!(cwnd(&host, id), 2 * 1_460);
    take(&mut host, &mut peer, 2 * MSS);
    assert_eq!(cwnd(&host, id), 3 * 1_460);
    take(&mut host, &mut peer, 100);
    assert_eq!(cwnd(&host, id), 3 * 1_460 + 100);
}

#[test]
fn the_ack_that_ends_the_repair_after_a_timeout_brings_one_segment() {
    let (mut host, mut peer, id) = timed_out();
    take(&mut host, &mut peer, 10 * MSS);
    assert_eq!(cwnd(&host, id), 2 * 1_460);
    // What goes out from here on was in flight when it is acknowledged.
    host.engine.send(host.now, id, std::vec![b'y'; 2 * 1_460]).expect("there is room");
    host.segments();
    take(&mut host, &mut peer, 2 * MSS);
    assert_eq!(cwnd(&host, id), 4 * 1_460);
}
