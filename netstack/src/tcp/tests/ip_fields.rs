//! The class and the hop limit of what is sent: by configuration, by listener, by connection. RFC 9293
//! §3.9.1, MUST-48, MUST-49.

use std::vec::Vec;

use super::host::{Host, PEER, PEER_MAC, Peer, SERVER};
use crate::wire::tcp::Flags;
use crate::{IpFields, Span};

/// Traffic class and hop limit of every frame that goes out.
fn sent(host: &mut Host) -> Vec<(u8, u8)> {
    host.transmit().iter().map(|frame| (frame[15], frame[22])).collect()
}

fn fields(dscp: u8, hop_limit: u8) -> IpFields {
    let fields = IpFields::DEFAULT.with_dscp(dscp).expect("six bits");
    fields.with_hop_limit(hop_limit).expect("some hops")
}

#[test]
fn the_owner_of_a_listener_chooses_class_and_hop_limit() {
    let mut host = Host::new();
    assert!(host.engine.set_listener_ip_fields(host.listener, fields(46, 255)).is_some());
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    let frame = host.transmit().pop().expect("a SYN-ACK");
    assert_eq!((frame[15], frame[22]), (46 << 2, 255));
    let (syn_ack, _) = super::host::parse(&frame).expect("a segment");
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    // A challenge ACK before the handshake is done.
    let far = Peer { seq: peer.seq + 100_000, ..peer };
    host.receive(far.frame(&[]));
    assert_eq!(sent(&mut host), [(46 << 2, 255)]);
    host.receive(peer.frame(&[]));
    peer.send(&mut host, b"hello");
    assert_eq!(sent(&mut host), [(46 << 2, 255)], "an ACK");
    let id = host.only();
    host.engine.send(host.now, id, b"hello".to_vec()).expect("there is room");
    assert_eq!(sent(&mut host), [(46 << 2, 255)], "data");
    // While it lives, and what is sent again.
    assert!(host.engine.set_ip_fields(id, fields(10, 7)).is_some());
    host.sleep(Span::from_secs(2));
    let again = sent(&mut host);
    assert!(!again.is_empty() && again.iter().all(|fields| *fields == (10 << 2, 7)));
    host.engine.abort(host.now, id);
    assert_eq!(sent(&mut host), [(10 << 2, 7)], "a RST");
}

#[test]
fn so_does_who_opens_and_the_configuration_for_all_others() {
    let mut host = Host::with(|config| config.tcp.ip = fields(8, 32));
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    let id = host.connect(SERVER, PEER);
    assert!(host.engine.set_ip_fields(id, fields(34, 1)).is_some());
    assert_eq!(sent(&mut host), [(34 << 2, 1)], "its SYN");
    // A segment to nobody is answered by the configuration.
    let mut stray = Peer::new();
    stray.tuple.remote.set_port(9);
    host.receive(stray.flagged(Flags::SYN));
    assert_eq!(sent(&mut host), [(8 << 2, 32)]);
    assert_eq!(IpFields::DEFAULT.with_dscp(64), None);
    assert_eq!(IpFields::DEFAULT.with_hop_limit(0), None);
}
