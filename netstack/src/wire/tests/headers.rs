//! Ethernet, ARP, IPv4, IPv6 and TCP headers: round trips, and one frame for each error.

use core::net::Ipv4Addr;

use super::{ENDS_V4, ENDS_V6, HEADER, OURS, THEIRS, frame, packet, segment, tcp_frame};
use crate::tcp::segment::{Control, Options};
use crate::wire::WireError;
use crate::wire::arp::{self, Arp, ArpOperation};
use crate::wire::checksum::{Checksum, ChecksumFound, ChecksumPolicy};
use crate::wire::ethernet::{EtherType, Ethernet, MacAddress, VlanTag};
use crate::wire::ipv4::{Ipv4, protocol};
use crate::wire::packet::{Body, Packet};
use crate::wire::tcp::{Endpoints, Flags, TcpHeader};

fn parse(frame: &[u8]) -> Result<Packet, WireError> {
    Packet::parse(frame, ChecksumPolicy::Verify)
}

/// The frame of [`HEADER`] with the octet at `at` set, header checksum left as it is.
fn with_octet(at: usize, octet: u8) -> Result<Packet, WireError> {
    let mut bytes = tcp_frame(&HEADER, &[], b"hello");
    bytes[at] = octet;
    parse(&bytes)
}

#[test]
fn a_segment_arrives_as_it_was_sent_over_both_versions() {
    for ends in [ENDS_V4, ENDS_V6] {
        let header = TcpHeader { flags: Flags::ACK | Flags::PSH, ..HEADER };
        let bytes =
            frame(&packet(ends, protocol::TCP, &segment(&header, &[1, 1, 1, 1], b"hello", ends)));
        let Packet { ethernet, body } = parse(&bytes).expect("well formed");
        assert_eq!((ethernet.source, ethernet.destination), (THEIRS, OURS));
        let Body::Tcp(parsed) = body else { panic!("a segment, not {body:?}") };
        assert_eq!(parsed.tuple.local.ip(), ends.destination);
        assert_eq!(parsed.tuple.remote.ip(), ends.source);
        assert_eq!((parsed.tuple.local.port(), parsed.tuple.remote.port()), (443, 40_000));
        assert_eq!((parsed.seq, parsed.ack, parsed.window), (header.seq, Some(header.ack), 512));
        assert_eq!((parsed.control, parsed.flags), (Control::None, header.flags));
        assert_eq!(parsed.checksum, ChecksumFound::Full);
        assert_eq!(&bytes[parsed.payload.clone()], b"hello");
        assert_eq!(parsed.seq_end(), header.seq + 5);
    }
}

#[test]
fn one_vlan_tag_is_kept_and_two_are_refused() {
    let header = Ethernet {
        destination: OURS,
        source: THEIRS,
        vlan: Some(VlanTag(0x2005)),
        ether_type: EtherType::Ipv4,
    };
    let mut bytes = std::vec![0; 18];
    assert_eq!(header.emit(&mut bytes), Some(18));
    bytes.extend(packet(ENDS_V4, protocol::TCP, &segment(&HEADER, &[], b"", ENDS_V4)));
    assert_eq!(parse(&bytes).map(|packet| packet.ethernet), Ok(header));
    bytes[16..18].copy_from_slice(&[0x81, 0x00]);
    assert_eq!(parse(&bytes), Err(WireError::EthernetVlanNested));
}

#[test]
fn padding_behind_the_packet_is_no_payload() {
    let mut bytes = tcp_frame(&HEADER, &[], b"x");
    bytes.extend([0xee; 30]);
    let Ok(Packet { body: Body::Tcp(parsed), .. }) = parse(&bytes) else { panic!("well formed") };
    assert_eq!(&bytes[parsed.payload], b"x");
}

#[test]
fn every_way_to_break_a_frame_has_its_error() {
    assert_eq!(parse(&[0; 13]), Err(WireError::EthernetTruncated));
    assert_eq!(with_octet(12, 0x99), Err(WireError::EtherTypeUnknown));
    assert_eq!(with_octet(14, 0x65), Err(WireError::Ipv4Version));
    assert_eq!(with_octet(14, 0x44), Err(WireError::Ipv4HeaderLength));
    assert_eq!(with_octet(22, 0x01), Err(WireError::Ipv4Checksum));
    assert_eq!(parse(&tcp_frame(&HEADER, &[], b"")[..30]), Err(WireError::Ipv4Truncated));
    assert_eq!(parse(&tcp_frame(&HEADER, &[], b"")[..50]), Err(WireError::Ipv4TotalLength));
    assert_eq!(with_octet(46, 0x40), Err(WireError::TcpDataOffset));
    assert_eq!(with_octet(46, 0xf0), Err(WireError::TcpDataOffset));
    assert_eq!(with_octet(50, 0x01), Err(WireError::TcpChecksum));
}

#[test]
fn ip_options_are_skipped() {
    // RFC 9293 §3.9.2 (MUST-50): a header of 24 octets with an option that nobody knows.
    let mut bytes = packet(ENDS_V4, protocol::TCP, &segment(&HEADER, &[], b"hello", ENDS_V4));
    bytes.splice(20..20, [0x9e, 4, 1, 2]);
    let len = u16::try_from(bytes.len()).expect("it is short");
    bytes[0] = 0x46;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes[10..12].copy_from_slice(&[0, 0]);
    let mut sum = Checksum::new();
    sum.add(&bytes[..24]);
    bytes[10..12].copy_from_slice(&sum.finish().to_be_bytes());
    let bytes = frame(&bytes);
    let Ok(Packet { body: Body::Tcp(parsed), .. }) = parse(&bytes) else {
        panic!("a segment: {:?}", parse(&bytes));
    };
    assert_eq!(&bytes[parsed.payload], b"hello");
}

#[test]
fn fragments_are_refused_whichever_their_place() {
    // More fragments; an offset; both. Don't Fragment alone is no fragment.
    for (field, expected) in [(0x2000u16, false), (0x0001, false), (0x2123, false), (0x4000, true)]
    {
        let mut bytes = packet(ENDS_V4, protocol::TCP, &segment(&HEADER, &[], b"", ENDS_V4));
        bytes[6..8].copy_from_slice(&field.to_be_bytes());
        bytes[10..12].copy_from_slice(&[0, 0]);
        let mut sum = Checksum::new();
        sum.add(&bytes[..20]);
        bytes[10..12].copy_from_slice(&sum.finish().to_be_bytes());
        let parsed = parse(&frame(&bytes));
        assert_eq!(parsed.is_ok(), expected, "{field:04x}");
        if !expected {
            assert_eq!(parsed, Err(WireError::Ipv4Fragment));
        }
    }
}

#[test]
fn ipv6_extension_headers_are_walked_within_bounds() {
    let tcp = segment(&HEADER, &[], b"x", ENDS_V6);
    let with = |extensions: &[u8], first: u8| {
        let mut payload = extensions.to_vec();
        payload.extend(&tcp);
        parse(&frame(&packet(ENDS_V6, first, &payload))).map(|_| ())
    };
    // Destination options, then TCP.
    assert_eq!(with(&[6, 0, 1, 4, 0, 0, 0, 0], 60), Ok(()));
    // Hop-by-hop, then destination options, then TCP.
    assert_eq!(with(&[60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0], 0), Ok(()));
    // Hop-by-hop in second place.
    let second = [0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
    assert_eq!(with(&second, 60), Err(WireError::Ipv6Extension));
    // A fragment, and an atomic one.
    assert_eq!(with(&[6, 0, 0, 1, 0, 0, 0, 1], 44), Err(WireError::Ipv6Fragment));
    assert_eq!(with(&[6, 0, 0, 0, 0, 0, 0, 1], 44), Ok(()));
    // A route with segments left, and one without.
    assert_eq!(with(&[6, 0, 0, 1, 0, 0, 0, 0], 43), Err(WireError::Ipv6Extension));
    assert_eq!(with(&[6, 0, 0, 0, 0, 0, 0, 0], 43), Ok(()));
    // A header that is longer than the packet.
    assert_eq!(with(&[6, 255, 1, 4, 0, 0, 0, 0], 60), Err(WireError::Ipv6Extension));
    // More headers than anybody needs.
    let many = [60, 0, 1, 4, 0, 0, 0, 0].repeat(20);
    assert_eq!(with(&many, 60), Err(WireError::Ipv6Extension));
}

#[test]
fn sources_that_can_not_be_answered_are_refused() {
    let refused = |source: &str, mut ends: Endpoints| {
        ends.source = source.parse().expect("an address");
        parse(&frame(&packet(ends, protocol::TCP, &segment(&HEADER, &[], b"", ends)))).map(|_| ())
    };
    for source in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1"] {
        assert_eq!(refused(source, ENDS_V4), Err(WireError::Ipv4Source), "{source}");
    }
    for source in ["ff02::1", "::", "::1"] {
        assert_eq!(refused(source, ENDS_V6), Err(WireError::Ipv6Source), "{source}");
    }
}

#[test]
fn a_segment_needs_ports_and_makes_sense() {
    let parse_header = |header: TcpHeader| parse(&tcp_frame(&header, &[], b"")).map(|_| ());
    let zero = Err(WireError::TcpPortZero);
    assert_eq!(parse_header(TcpHeader { source_port: 0, ..HEADER }), zero);
    assert_eq!(parse_header(TcpHeader { destination_port: 0, ..HEADER }), zero);
    let flags = Flags::SYN | Flags::FIN;
    assert_eq!(parse_header(TcpHeader { flags, ..HEADER }), Err(WireError::TcpSynFin));
}

#[test]
fn control_is_rst_before_syn_before_fin() {
    let control = |flags| {
        let Ok(Packet { body: Body::Tcp(parsed), .. }) =
            parse(&tcp_frame(&TcpHeader { flags, ..HEADER }, &[], b""))
        else {
            panic!("well formed");
        };
        assert_eq!(matches!(parsed.options, Options::Syn(_)), parsed.control == Control::Syn);
        (parsed.control, parsed.seq_len(), parsed.ack.is_some())
    };
    assert_eq!(control(Flags::NONE), (Control::None, 0, false));
    assert_eq!(control(Flags::SYN), (Control::Syn, 1, false));
    assert_eq!(control(Flags::FIN | Flags::ACK), (Control::Fin, 1, true));
    assert_eq!(control(Flags::RST | Flags::SYN), (Control::Rst, 0, false));
    assert_eq!(control(Flags::RST | Flags::FIN | Flags::ACK), (Control::Rst, 0, true));
}

#[test]
fn a_patched_header_has_a_right_checksum() {
    let mut bytes = packet(ENDS_V4, protocol::TCP, &[0; 100]);
    for (total_len, id) in [(120, 0), (65_535, 0xffff), (20, 1), (1500, 0x8000)] {
        Ipv4::patch(&mut bytes, total_len, id).expect("long enough");
        assert!(crate::wire::checksum::is_valid(&bytes[..20]), "{total_len} {id}");
        let parsed = Ipv4::parse_quoted(&bytes).expect("well formed");
        assert_eq!(parsed.payload.end, usize::from(total_len));
        assert_eq!(parsed.header.identification, id);
    }
}

#[test]
fn arp_survives_the_wire_and_nonsense_does_not() {
    let arp = Arp {
        operation: ArpOperation::Request,
        sender_mac: THEIRS,
        sender_ip: Ipv4Addr::new(192, 0, 2, 2),
        target_mac: MacAddress::ZERO,
        target_ip: Ipv4Addr::new(192, 0, 2, 1),
    };
    let mut bytes = [0; 46];
    assert_eq!(arp.emit(&mut bytes), Some(arp::LEN));
    assert_eq!(Arp::parse(&bytes), Ok(arp));
    assert_eq!(Arp::parse(&bytes[..27]), Err(WireError::ArpMalformed));
    // Hardware type, operation, a group as the sender, a group as the sender's address.
    for (at, octet) in [(1, 2), (7, 3), (8, 3), (14, 224)] {
        let mut broken = bytes;
        broken[at] = octet;
        assert_eq!(Arp::parse(&broken), Err(WireError::ArpMalformed), "octet {at}");
    }
}
