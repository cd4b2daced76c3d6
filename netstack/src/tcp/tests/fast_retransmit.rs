//! Fast retransmit and fast recovery without SACK, and limited transmit. RFC 5681 §3.2, RFC 6582, RFC 3042.

use super::congestion::MSS;
use super::host::{Host, Peer};
use super::recovery::{in_flight, sequence_numbers};
use crate::tcp::congestion::{Congestion, CongestionAlgorithm};
use crate::tcp::seq::SeqNum;
use crate::wire::tcp_options::SackPermitted;
use crate::{ConnectionId, Span};

/// Ten segments of NewReno in flight, and more to send.
fn full_window(sack: SackPermitted) -> (Host, Peer, ConnectionId) {
    let (mut host, peer, id) = in_flight(10, |peer| peer.syn.sack_permitted = sack);
    host.engine.set_congestion(id, CongestionAlgorithm::NewReno).expect("it lives");
    host.engine.send(host.now, id, std::vec![b'y'; 14_600]).expect("there is room");
    assert_eq!(sequence_numbers(&mut host), []);
    (host, peer, id)
}

fn windows(host: &Host, id: ConnectionId) -> (usize, usize) {
    let info = host.engine.info(host.now, id).expect("it lives");
    (info.cwnd_bytes, info.ssthresh_bytes)
}

/// The peer repeats its last ACK so often: where what goes out begins.
fn repeat(host: &mut Host, peer: &Peer, times: usize) -> std::vec::Vec<SeqNum> {
    let mut sent = std::vec::Vec::new();
    for _ in 0..times {
        host.receive(peer.frame(&[]));
        sent.extend(sequence_numbers(host));
    }
    sent
}

#[test]
fn limited_transmit_leaves_the_window_as_it_is() {
    let (mut host, peer, id) = full_window(SackPermitted::No);
    assert_eq!(repeat(&mut host, &peer, 2), [peer.ack + 10 * MSS, peer.ack + 11 * MSS]);
    assert_eq!(windows(&host, id), (14_600, u32::MAX as usize));
}

#[test]
fn limited_transmit_does_not_count_as_flight() {
    let (mut host, peer, id) = full_window(SackPermitted::No);
    assert_eq!(repeat(&mut host, &peer, 3).last(), Some(&peer.ack));
    assert_eq!(windows(&host, id).1, 7_300, "half of ten segments, not of twelve");
}

#[test]
fn with_sack_a_duplicate_without_news_lets_nothing_out() {
    let (mut host, peer, _) = full_window(SackPermitted::Yes);
    assert_eq!(repeat(&mut host, &peer, 6), []);
    assert_eq!(host.engine.counters().bytes_retransmitted, 0);
}

#[test]
fn after_fast_recovery_the_window_is_the_threshold() {
    let (mut host, mut peer, id) = full_window(SackPermitted::No);
    repeat(&mut host, &peer, 3);
    peer.ack += 12 * MSS;
    host.receive(peer.frame(&[]));
    assert_eq!(windows(&host, id), (7_300, 7_300));
}

#[test]
fn each_further_duplicate_lets_out_what_it_says_to_have_arrived() {
    // Six of the twelve have left the network with the ninth duplicate: then one for each more.
    let (mut host, peer, _) = full_window(SackPermitted::No);
    repeat(&mut host, &peer, 3);
    let sent = repeat(&mut host, &peer, 9);
    assert!((3..=6).contains(&sent.len()), "{} segments for nine, the window is half", sent.len());
    assert!(sent.iter().all(|seq| seq.after(peer.ack + 11 * MSS)), "all of it is new");
}

#[test]
fn duplicates_after_a_timeout_begin_no_fast_recovery() {
    let (mut host, mut peer, id) = full_window(SackPermitted::No);
    host.sleep(Span::from_millis(500));
    host.segments();
    let threshold = windows(&host, id).1;
    peer.ack += 3 * MSS;
    host.receive(peer.frame(&[]));
    host.segments();
    repeat(&mut host, &peer, 4);
    assert_eq!(windows(&host, id).1, threshold, "they do not cover more than recover");
    assert_eq!(host.engine.counters().recoveries, 0);
}

#[test]
fn a_segment_size_that_turns_out_too_large_shrinks_the_first_window() {
    let mut congestion = Congestion::new(CongestionAlgorithm::NewReno, 1_460);
    congestion.set_mss(536);
    assert_eq!(congestion.cwnd_bytes(), 5_360);
}
