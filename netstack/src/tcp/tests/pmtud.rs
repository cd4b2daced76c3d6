//! The path MTU beyond ICMP: what is suspected, tried again, probed for. RFC 4821, RFC 1191 §6.3.

use std::vec;
use std::vec::Vec;

use super::host::{Host, Peer};
use super::icmp::packet_too_big;
use crate::tcp::segment::Segment;
use crate::wire::tcp_options::{SackBlock, SackPermitted};
use crate::{Config, ConnectionId, DropReason, MtuProbing, Span};

fn connected(change: impl FnOnce(&mut Config), mut peer: Peer) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(change);
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer, id)
}

fn send(host: &mut Host, id: ConnectionId, bytes: usize) -> Vec<(Segment, Vec<u8>)> {
    host.engine.send(host.now, id, vec![b'x'; bytes]).expect("there is room");
    host.segments()
}

fn path_mtu(host: &Host, id: ConnectionId) -> u16 {
    host.engine.info(host.now, id).expect("it lives").path_mtu_bytes
}

/// Lets the next timeout happen: the sizes of what goes out.
fn time_out(host: &mut Host) -> Vec<usize> {
    loop {
        let before = host.engine.counters().retransmits_timeout;
        let at = host.engine.poll_timeout().expect("something is unacknowledged");
        host.now = host.now.max(at);
        host.engine.handle_timeout(host.now);
        let sizes = host.segments().iter().map(|(_, payload)| payload.len()).collect();
        if host.engine.counters().retransmits_timeout > before {
            return sizes;
        }
    }
}

/// A connection that probes from the start, right after its first probe went out.
fn probing() -> (Host, Peer, ConnectionId, Vec<Segment>) {
    let always = |config: &mut Config| config.tcp.mtu_probing = MtuProbing::Always;
    let (mut host, peer, id) = connected(always, Peer::new());
    assert_eq!(path_mtu(&host, id), 1_064);
    let sent = send(&mut host, id, 20_000);
    assert_eq!(sent[0].1.len(), 1_460, "as much as the link takes");
    assert!(sent[1..].iter().all(|(_, payload)| payload.len() == 1_024));
    (host, peer, id, sent.into_iter().map(|(segment, _)| segment).collect())
}

#[test]
fn three_timeouts_in_a_row_make_segments_smaller() {
    let (mut host, _, id) = connected(|_| {}, Peer::new());
    send(&mut host, id, 14_600);
    assert_eq!([time_out(&mut host), time_out(&mut host)], [[1_460], [1_460]]);
    assert_eq!(time_out(&mut host), [1_024]);
    assert_eq!(time_out(&mut host), [512]);
    assert_eq!(time_out(&mut host), [512]);
    assert_eq!(host.engine.counters().path_mtu_black_holes, 2);
}

#[test]
fn progress_between_timeouts_clears_the_path_of_suspicion() {
    let (mut host, mut peer, id) = connected(|_| {}, Peer::new());
    send(&mut host, id, 14_600);
    for _ in 0..4 {
        time_out(&mut host);
        time_out(&mut host);
        peer.ack += 1_460;
        host.receive(peer.frame(&[]));
        host.segments();
    }
    assert_eq!(path_mtu(&host, id), 1_500);
}

#[test]
fn small_segments_are_not_lost_for_their_size() {
    let (mut host, _, id) = connected(|_| {}, Peer::new());
    send(&mut host, id, 1_000);
    for _ in 0..6 {
        time_out(&mut host);
    }
    assert_eq!(path_mtu(&host, id), 1_500);
    // Nor those of a peer that takes no larger ones.
    let mut peer = Peer::new();
    peer.syn.mss = Some(536);
    let (mut host, _, id) = connected(|_| {}, peer);
    send(&mut host, id, 3_000);
    for _ in 0..6 {
        time_out(&mut host);
    }
    assert_eq!(path_mtu(&host, id), 1_500);
}

#[test]
fn who_does_not_probe_suspects_nothing() {
    let off = |config: &mut Config| config.tcp.mtu_probing = MtuProbing::Off;
    let (mut host, _, id) = connected(off, Peer::new());
    send(&mut host, id, 14_600);
    for _ in 0..6 {
        time_out(&mut host);
    }
    assert_eq!(path_mtu(&host, id), 1_500);
}

#[test]
fn a_probe_that_arrives_makes_segments_larger() {
    let (mut host, mut peer, id, _) = probing();
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(path_mtu(&host, id), 1_500);
    let next = host.segments();
    assert!(next.iter().all(|(_, payload)| payload.len() == 1_460));
}

#[test]
fn a_lost_probe_is_sent_again_in_small_segments_and_is_no_congestion() {
    let (mut host, mut peer, id, sent) = probing();
    let before = host.engine.send_view(id).expect("it lives").cwnd_bytes;
    let right = sent.last().expect("more than the probe").seq;
    peer.sack.sack.push(SackBlock { left: peer.ack + 1_460, right });
    host.receive(peer.frame(&[]));
    let again: Vec<(u32, usize)> = host
        .segments()
        .iter()
        .map(|(segment, payload)| (peer.ack.distance_to(segment.seq), payload.len()))
        .take(2)
        .collect();
    assert_eq!(again, [(0, 1_024), (1_024, 436)]);
    assert_eq!(host.engine.send_view(id).expect("it lives").cwnd_bytes, before);
    let counters = host.engine.counters();
    assert_eq!((counters.recoveries, counters.path_mtu_probes_lost), (0, 1));
    assert_eq!(path_mtu(&host, id), 1_064);
}

#[test]
fn a_router_that_refuses_a_probe_is_believed_only_if_it_quotes_it() {
    let (mut host, mut peer, id, sent) = probing();
    host.receive(packet_too_big(&peer, sent[1].seq, 1_400));
    assert_eq!(host.engine.counters().drops(DropReason::IcmpIgnored), 1);
    host.receive(packet_too_big(&peer, sent[0].seq, 1_400));
    assert_eq!(host.engine.counters().path_mtu_probes_lost, 1);
    let again: Vec<usize> =
        host.segments().iter().map(|(_, payload)| payload.len()).take(2).collect();
    assert_eq!(again, [1_024, 436]);
    // What it told is tried next.
    peer.ack = sent.last().expect("some").seq;
    host.receive(peer.frame(&[]));
    let next = send(&mut host, id, 20_000);
    assert_eq!(next[0].1.len(), 1_360);
}

#[test]
fn a_path_mtu_that_has_aged_is_forgotten_where_there_are_no_probes() {
    let mut peer = Peer::new();
    peer.syn.sack_permitted = SackPermitted::No;
    let (mut host, mut peer, id) = connected(|_| {}, peer);
    send(&mut host, id, 1_460);
    host.receive(packet_too_big(&peer, peer.ack, 1_000));
    host.segments();
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_secs(599));
    assert_eq!(send(&mut host, id, 1_460).len(), 2);
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_secs(2));
    assert_eq!(send(&mut host, id, 1_460).len(), 1);
    assert_eq!(host.engine.counters().path_mtu_raised, 1);
}
