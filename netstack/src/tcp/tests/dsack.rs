//! What arrives a second time is reported: RFC 2883.

use std::vec::Vec;

use super::host::{Host, Peer};
use super::recovery::in_flight;
use crate::tcp::segment::Options;
use crate::wire::tcp_options::{SackBlock, SackPermitted};

fn connected(change: impl FnOnce(&mut Peer)) -> (Host, Peer) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    change(&mut peer);
    peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer)
}

/// Sends ten bytes for each of `offsets`, counted from the first byte, in one burst; the reports of
/// each answer by the same count.
fn answers(host: &mut Host, peer: &Peer, offsets: &[u32]) -> Vec<(u32, Vec<(u32, u32)>)> {
    for offset in offsets {
        let seq = peer.seq + *offset;
        host.receive(Peer { seq, ..*peer }.frame(&[b'x'; 10]));
    }
    let count = |seq| peer.seq.distance_to(seq);
    host.segments()
        .iter()
        .map(|(segment, _)| {
            let Options::Other(options) = segment.options else { panic!("no SYN") };
            let blocks = options.sack.as_slice().iter();
            let blocks = blocks.map(|block| (count(block.left), count(block.right))).collect();
            (count(segment.ack.expect("an ACK")), blocks)
        })
        .collect()
}

#[test]
fn a_duplicate_below_the_acknowledgment_is_reported_once() {
    // Across the wrap of sequence numbers.
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[0, 10]);
    assert_eq!(answers(&mut host, &peer, &[0]), [(20, std::vec![(0, 10)])]);
    assert_eq!(answers(&mut host, &peer, &[20]), [(30, std::vec![])]);
    assert_eq!(host.engine.counters().duplicates_reported, 1);
}

#[test]
fn a_duplicate_above_the_acknowledgment_comes_before_the_block_that_holds_it() {
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[20, 30, 50]);
    let expected = std::vec![(30, 40), (20, 40), (50, 60)];
    assert_eq!(answers(&mut host, &peer, &[30]), [(0, expected)]);
}

#[test]
fn the_block_that_holds_a_duplicate_stands_before_a_newer_one() {
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[20, 30, 50]);
    let expected = std::vec![(30, 40), (20, 40), (70, 80), (50, 60)];
    assert_eq!(answers(&mut host, &peer, &[30, 70]), [(0, expected)]);
}

#[test]
fn only_the_duplicate_part_is_reported() {
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[0]);
    assert_eq!(answers(&mut host, &peer, &[5]), [(15, std::vec![(5, 10)])], "in order");
    answers(&mut host, &peer, &[30]);
    let expected = std::vec![(30, 35), (25, 40)];
    assert_eq!(answers(&mut host, &peer, &[25]), [(15, expected)], "ahead of a gap");
}

#[test]
fn a_duplicate_below_the_acknowledgment_comes_before_what_waits_ahead_of_a_gap() {
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[0, 20]);
    assert_eq!(answers(&mut host, &peer, &[0]), [(10, std::vec![(0, 10), (20, 30)])]);
}

#[test]
fn each_duplicate_of_a_burst_is_reported() {
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[0, 10, 20, 30]);
    let reports: Vec<_> = answers(&mut host, &peer, &[0, 10, 30]);
    assert_eq!(reports, [(40, std::vec![(0, 20)]), (40, std::vec![(30, 40)])]);
}

#[test]
fn a_report_goes_out_alone_and_not_with_each_segment_of_a_train() {
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[0]);
    let id = host.only();
    host.receive(peer.frame(&[b'x'; 10]));
    host.engine.send(host.now, id, std::vec![b'y'; 4 * 1_460]).expect("there is room");
    let reports: Vec<_> = answers(&mut host, &peer, &[]).into_iter().map(|(_, r)| r).collect();
    assert_eq!(reports.len(), 5);
    assert_eq!(reports.concat(), [(0, 10)]);
}

#[test]
fn without_sack_no_duplicate_is_reported() {
    let (mut host, peer) = connected(|peer| peer.syn.sack_permitted = SackPermitted::No);
    answers(&mut host, &peer, &[0]);
    assert_eq!(answers(&mut host, &peer, &[0]), [(10, std::vec![])]);
    assert_eq!(host.engine.counters().duplicates_reported, 0);
}

#[test]
fn of_several_duplicate_parts_the_first_is_reported() {
    // RFC 2883 §4.2.3: two pieces that wait ahead of a gap, and a segment over both of them.
    let (mut host, peer) = connected(|_| {});
    answers(&mut host, &peer, &[20, 40]);
    let over = Peer { seq: peer.seq + 20, ..peer };
    host.receive(over.frame(&[b'x'; 30]));
    let blocks: Vec<_> = answers(&mut host, &peer, &[]).into_iter().flat_map(|(_, r)| r).collect();
    assert_eq!(blocks, [(20, 30), (20, 50)]);
}

/// Ten segments in flight, of which the peer acknowledges and reports so many: D-SACKs that were seen.
fn seen(acks: &[u32], blocks: &[(u32, u32)]) -> u64 {
    let (mut host, mut peer, _) = in_flight(10, |_| {});
    let first = peer.ack;
    for ack in acks {
        peer.ack = first + ack * 1_460;
        // Only the last of them reports something.
        peer.sack.sack = Default::default();
        if ack == acks.last().expect("there is one") {
            for (left, right) in blocks {
                let (left, right) = (first + left * 1_460, first + right * 1_460);
                peer.sack.sack.push(SackBlock { left, right });
            }
        }
        host.receive(peer.frame(&[]));
    }
    host.engine.counters().duplicates_sent
}

#[test]
fn a_block_is_compared_with_the_acknowledgment_beside_it() {
    assert_eq!(seen(&[5, 2], &[(3, 4)]), 0, "an old ACK that reports what it does not acknowledge");
    assert_eq!(seen(&[5, 2], &[(1, 2)]), 1);
}

#[test]
fn a_duplicate_ahead_of_a_gap_is_known_by_the_block_that_holds_it() {
    assert_eq!(seen(&[1], &[(3, 4), (2, 5)]), 1);
    assert_eq!(seen(&[1], &[(3, 4), (6, 7)]), 0);
}
