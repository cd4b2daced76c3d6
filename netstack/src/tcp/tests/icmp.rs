//! ICMP errors about our segments: believed only about what is in flight. RFC 5927, RFC 1191.

use core::net::IpAddr;
use std::vec::Vec;

use super::host::{Host, PEER_MAC, Peer, SERVER_MAC};
use crate::tcp::seq::SeqNum;
use crate::wire::checksum::{self, Checksum};
use crate::wire::ethernet::{EtherType, Ethernet};
use crate::wire::ipv4::{Ecn, Ipv4, protocol};
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackBlock, Timestamps};
use crate::{ConnectionId, DropReason, Span};

/// A packet too big with `mtu`, from a router at the peer's link address, about our segment at
/// `seq`.
pub(super) fn packet_too_big(peer: &Peer, seq: SeqNum, mtu: u16) -> Vec<u8> {
    let (IpAddr::V4(ours), IpAddr::V4(theirs)) = (peer.tuple.remote.ip(), peer.tuple.local.ip())
    else {
        panic!("the peer has IPv4");
    };
    let ip = |source, destination, protocol, payload_len| Ipv4 {
        source,
        destination,
        protocol,
        ttl: 64,
        dscp: 0,
        ecn: Ecn::NotEct,
        identification: 0,
        payload_len,
    };
    let mut frame = std::vec![0; 14 + 20 + 8 + 20 + 8];
    let (source, destination) = (PEER_MAC, SERVER_MAC);
    let ethernet = Ethernet { destination, source, vlan: None, ether_type: EtherType::Ipv4 };
    ethernet.emit(&mut frame).expect("it fits");
    ip(theirs, ours, protocol::ICMP, 36).emit(&mut frame[14..]).expect("it fits");
    frame[34..36].copy_from_slice(&[3, 4]);
    frame[40..42].copy_from_slice(&mtu.to_be_bytes());
    ip(ours, theirs, protocol::TCP, 1_460).emit(&mut frame[42..]).expect("it fits");
    frame[62..64].copy_from_slice(&peer.tuple.remote.port().to_be_bytes());
    frame[64..66].copy_from_slice(&peer.tuple.local.port().to_be_bytes());
    frame[66..70].copy_from_slice(&seq.to_wire().to_be_bytes());
    let mut sum = Checksum::new();
    sum.add(&frame[34..]);
    let sum = sum.finish();
    frame[36..38].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// A server with two full segments in flight.
fn in_flight() -> (Host, Peer, ConnectionId) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.segments();
    host.engine.send(host.now, id, std::vec![b'x'; 2_920]).expect("there is room");
    assert_eq!(host.segments().len(), 2);
    (host, peer, id)
}

/// An echo request from the peer that has one hop left.
fn echo_request() -> Vec<u8> {
    let finish = |data: &[u8]| {
        let mut sum = Checksum::new();
        sum.add(data);
        sum.finish().to_be_bytes()
    };
    let mut ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 1, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
    let sum = finish(&ip);
    ip[10..12].copy_from_slice(&sum);
    let mut echo = [8, 0, 0, 0, 0, 1, 0, 1];
    let sum = finish(&echo);
    echo[2..4].copy_from_slice(&sum);
    let (to, from) = (SERVER_MAC.0, PEER_MAC.0);
    [&to[..], &from, &[8, 0], &ip, &echo].concat()
}

#[test]
fn an_echo_reply_has_hops_of_its_own() {
    let mut host = Host::new();
    host.receive(echo_request());
    let reply = host.transmit().pop().expect("an answer");
    assert_eq!((reply[22], reply[34]), (64, 0), "TTL and type");
    assert!(checksum::is_valid(&reply[14..34]));
}

#[test]
fn a_packet_too_big_lowers_the_path_mtu_and_sends_again() {
    let (mut host, peer, id) = in_flight();
    host.receive(packet_too_big(&peer, peer.ack, 1_000));
    let view = host.engine.send_view(id).expect("it lives");
    // Still the first window, in segments of the new size: no sign of congestion.
    assert_eq!((view.mss_bytes, view.cwnd_bytes), (960, 9_600));
    assert_eq!(host.engine.counters().recoveries, 0);
    let sent: Vec<usize> = host.segments().iter().map(|(_, payload)| payload.len()).collect();
    assert_eq!(sent, [960, 960, 960, 40]);
}

#[test]
fn a_path_mtu_has_a_floor_and_only_sinks() {
    let (mut host, peer, id) = in_flight();
    host.receive(packet_too_big(&peer, peer.ack, 68));
    assert_eq!(host.engine.send_view(id).expect("it lives").mss_bytes, 512);
    host.receive(packet_too_big(&peer, peer.ack, 1_400));
    assert_eq!(host.engine.send_view(id).expect("it lives").mss_bytes, 512);
    assert_eq!(host.engine.counters().path_mtu_lowered, 1);
}

#[test]
fn no_router_may_cut_a_packet() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    let flags = |frames: Vec<Vec<u8>>| frames.iter().map(|frame| frame[20]).collect::<Vec<_>>();
    host.engine.send(host.now, id, std::vec![b'x'; 2_000]).expect("there is room");
    assert_eq!(flags(host.transmit()), [0x40, 0x40]);
    peer.send(&mut host, b"hello");
    assert_eq!(flags(host.transmit()), [0x40], "an ACK");
    host.receive(Peer { seq: peer.seq + 5, ..Peer::new() }.flagged(Flags::SYN));
    host.engine.abort(host.now, id);
    assert!(flags(host.transmit()).iter().all(|flags| *flags == 0x40));
}

#[test]
fn a_router_that_names_no_size_leaves_the_floor() {
    // As those from before RFC 1191 do.
    let (mut host, peer, id) = in_flight();
    host.receive(packet_too_big(&peer, peer.ack, 0));
    assert_eq!(host.engine.send_view(id).expect("it lives").mss_bytes, 512);
}

#[test]
fn an_error_about_what_is_not_in_flight_is_not_believed() {
    let (mut host, peer, id) = in_flight();
    for seq in [peer.ack - 1, peer.ack + 2_920] {
        host.receive(packet_too_big(&peer, seq, 1_000));
    }
    assert_eq!(host.engine.send_view(id).expect("it lives").mss_bytes, 1_460);
    assert_eq!(host.engine.counters().drops(DropReason::IcmpNotInFlight), 2);
}

#[test]
fn what_was_sent_again_for_its_size_is_not_taken_for_a_recovery_in_vain() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    let id = peer.handshake(&mut host);
    host.segments();
    host.engine.send(host.now, id, std::vec![b'x'; 10 * 1_448]).expect("there is room");
    host.segments();
    host.receive(packet_too_big(&peer, peer.ack, 1_000));
    let (copy, payload) = host.segments().remove(0);
    assert_eq!((copy.seq, payload.len()), (peer.ack, 948));
    host.now += Span::from_millis(20);
    // Of the copies the second is lost, which is a loss indeed.
    let (left, right) = (peer.ack + 2 * 948, peer.ack + 6 * 948);
    peer.ack += 948;
    peer.sack.sack.push(SackBlock { left, right });
    peer.timestamps = Some(Timestamps { value: 2, echo: copy.timestamps().expect("both").value });
    let second = Peer { ack: peer.ack - 948, ..peer };
    host.receive(second.frame(&[]));
    host.segments();
    assert_eq!(host.engine.counters().recoveries, 1);
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries_undone, 0);
}
