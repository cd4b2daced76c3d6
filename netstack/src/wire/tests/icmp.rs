//! ICMP of both versions, and neighbour discovery.

use core::net::{IpAddr, Ipv6Addr};
use std::vec::Vec;

use super::{ENDS_V4, ENDS_V6, HEADER, OURS, THEIRS, frame, packet, segment};
use crate::wire::WireError;
use crate::wire::checksum::{Checksum, ChecksumPolicy};
use crate::wire::icmp::{self, Icmp, IcmpError, Problem};
use crate::wire::icmpv6::{self, Neighbor, Override, Solicited, multicast_mac, solicited_node};
use crate::wire::ipv4::protocol;
use crate::wire::packet::{Body, Packet};
use crate::wire::tcp::Endpoints;

fn swapped(ends: Endpoints) -> Endpoints {
    Endpoints { source: ends.destination, destination: ends.source }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(_) => panic!("an IPv6 address"),
    }
}

/// An ICMP message with its checksum.
fn message(ends: Endpoints, kind: [u8; 2], rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = std::vec![kind[0], kind[1], 0, 0];
    bytes.extend(rest);
    bytes.extend(body);
    let mut sum = match ends.source {
        IpAddr::V4(_) => Checksum::new(),
        IpAddr::V6(_) => ends.pseudo_header(protocol::ICMPV6, bytes.len()),
    };
    sum.add(&bytes);
    bytes[2..4].copy_from_slice(&sum.finish().to_be_bytes());
    bytes
}

fn protocol_of(ends: Endpoints) -> u8 {
    if ends.source.is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 }
}

fn parse(ends: Endpoints, message: &[u8]) -> Result<Body, WireError> {
    let bytes = frame(&packet(ends, protocol_of(ends), message));
    Packet::parse(&bytes, ChecksumPolicy::Verify).map(|packet| packet.body)
}

fn parse_icmp(ends: Endpoints, message: &[u8]) -> Result<Icmp, WireError> {
    match parse(ends, message)? {
        Body::Icmp(packet) => Ok(packet.message),
        other => panic!("ICMP, not {other:?}"),
    }
}

#[test]
fn an_echo_reply_verifies_and_repeats_the_data() {
    for (ends, request_type, reply_type) in [(ENDS_V4, 8, 0), (ENDS_V6, 128, 129)] {
        let request = message(ends, [request_type, 0], [1, 2, 3, 4], b"odd");
        assert_eq!(parse_icmp(ends, &request), Ok(Icmp::EchoRequest));
        let mut reply = request;
        let turned = match ends.source {
            IpAddr::V4(_) => icmp::turn_into_reply(&mut reply),
            IpAddr::V6(_) => icmpv6::turn_into_reply(&mut reply),
        };
        assert_eq!(turned, Some(()));
        assert_eq!(reply, message(swapped(ends), [reply_type, 0], [1, 2, 3, 4], b"odd"));
    }
}

#[test]
fn a_packet_too_big_names_the_connection_and_the_sequence_number() {
    for (ends, kind, rest) in [(ENDS_V4, [3, 4], [0, 0, 5, 0]), (ENDS_V6, [2, 0], [0, 0, 5, 0])] {
        // What we sent: from our side to theirs. Routers quote as few as 8 octets of TCP.
        let ours = swapped(ends);
        let quoted = packet(ours, protocol::TCP, &segment(&HEADER, &[], b"payload", ours));
        let ip_len = if ends.source.is_ipv4() { 20 } else { 40 };
        for quote in [&quoted[..ip_len + 8], &quoted[..]] {
            let parsed = parse_icmp(ends, &message(ends, kind, rest, quote));
            let Ok(Icmp::Error(IcmpError { problem, tuple, seq })) = parsed else {
                panic!("an error, not {parsed:?}");
            };
            assert_eq!(problem, Problem::PacketTooBig { mtu: 1280 });
            assert_eq!((tuple.local.ip(), tuple.local.port()), (ours.source, 40_000));
            assert_eq!((tuple.remote.ip(), tuple.remote.port()), (ours.destination, 443));
            assert_eq!(seq, HEADER.seq);
        }
        let short = message(ends, kind, rest, &quoted[..ip_len + 7]);
        assert_eq!(parse_icmp(ends, &short), Err(WireError::IcmpQuote));
    }
}

#[test]
fn problems_are_told_apart() {
    let quoted = packet(ENDS_V4, protocol::TCP, &segment(&HEADER, &[], b"", ENDS_V4));
    let problem = |kind| match parse_icmp(ENDS_V4, &message(ENDS_V4, kind, [0; 4], &quoted)) {
        Ok(Icmp::Error(error)) => error.problem,
        other => panic!("an error, not {other:?}"),
    };
    assert_eq!(problem([3, 3]), Problem::Refused);
    assert_eq!(problem([3, 1]), Problem::Unreachable);
    assert_eq!(problem([11, 0]), Problem::TimeExceeded);
    assert_eq!(problem([12, 0]), Problem::BadHeader);
    assert_eq!(problem([3, 4]), Problem::PacketTooBig { mtu: 0 });
}

#[test]
fn source_quench_is_discarded() {
    // RFC 9293 §3.9.2.2 (MUST-55), RFC 6633.
    let quoted = packet(ENDS_V4, protocol::TCP, &segment(&HEADER, &[], b"", ENDS_V4));
    let quench = message(ENDS_V4, [4, 0], [0; 4], &quoted);
    assert_eq!(parse_icmp(ENDS_V4, &quench), Err(WireError::IcmpUnknown));
}

#[test]
fn broken_messages_are_refused() {
    for ends in [ENDS_V4, ENDS_V6] {
        assert_eq!(parse(ends, &[8, 0, 0]), Err(WireError::IcmpTruncated));
        let mut echo = message(ends, [8, 0], [0; 4], b"x");
        echo[8] ^= 1;
        assert_eq!(parse(ends, &echo), Err(WireError::IcmpChecksum));
        assert_eq!(parse(ends, &message(ends, [77, 0], [0; 4], b"")), Err(WireError::IcmpUnknown));
        let udp = packet(ends, 17, &[0; 20]);
        let kind = if ends.source.is_ipv4() { [3, 3] } else { [1, 4] };
        assert_eq!(parse(ends, &message(ends, kind, [0; 4], &udp)), Err(WireError::IcmpQuote));
    }
}

#[test]
fn neighbour_messages_survive_the_wire() {
    let target = v6(ENDS_V6.destination);
    let messages = [
        Neighbor::Solicitation { target, source_mac: Some(THEIRS) },
        Neighbor::Advertisement {
            target,
            target_mac: Some(OURS),
            solicited: Solicited::Yes,
            overrides: Override::No,
        },
        Neighbor::Advertisement {
            target,
            target_mac: None,
            solicited: Solicited::No,
            overrides: Override::Yes,
        },
    ];
    for sent in messages {
        let mut bytes = std::vec![0xaa; 64];
        let len = sent.emit(ENDS_V6, &mut bytes).expect("64 octets are enough");
        match parse(ENDS_V6, &bytes[..len]) {
            Ok(Body::Neighbor(received)) => assert_eq!(received.message, sent),
            other => panic!("a neighbour message, not {other:?}"),
        }
    }
}

#[test]
fn neighbour_messages_from_beyond_a_router_are_refused() {
    let sent = Neighbor::Solicitation { target: v6(ENDS_V6.destination), source_mac: None };
    let mut bytes = [0; 64];
    let len = sent.emit(ENDS_V6, &mut bytes).expect("64 octets are enough");
    let mut packet = packet(ENDS_V6, protocol::ICMPV6, &bytes[..len]);
    packet[7] = 254;
    let parsed = Packet::parse(&frame(&packet), ChecksumPolicy::Verify);
    assert_eq!(parsed, Err(WireError::NeighborMalformed));
}

#[test]
fn neighbour_options_of_no_length_do_not_loop() {
    let body = [[0; 16].as_slice(), &[1, 0, 0, 0, 0, 0, 0, 0]].concat();
    let parsed = parse(ENDS_V6, &message(ENDS_V6, [135, 0], [0; 4], &body));
    assert_eq!(parsed, Err(WireError::NeighborMalformed));
}

#[test]
fn a_probe_for_duplicates_names_no_link_address() {
    let ends = Endpoints { source: Ipv6Addr::UNSPECIFIED.into(), ..ENDS_V6 };
    for (source_mac, fine) in [(None, true), (Some(THEIRS), false)] {
        let sent = Neighbor::Solicitation { target: v6(ENDS_V6.destination), source_mac };
        let mut bytes = [0; 64];
        let len = sent.emit(ends, &mut bytes).expect("64 octets are enough");
        assert_eq!(parse(ends, &bytes[..len]).is_ok(), fine);
    }
}

#[test]
fn solicitations_go_to_the_group_of_the_address() {
    let address: Ipv6Addr = "2001:db8::1:2345:6789".parse().expect("an address");
    let group = solicited_node(address);
    assert_eq!(group, "ff02::1:ff45:6789".parse::<Ipv6Addr>().expect("an address"));
    assert_eq!(std::format!("{}", multicast_mac(group)), "33:33:ff:45:67:89");
}
