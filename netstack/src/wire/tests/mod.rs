//! Tests of the headers.

mod checksum;
mod headers;
mod icmp;
mod options;
mod plain;
mod total;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

use super::ethernet::{EtherType, Ethernet, MacAddress};
use super::ipv4::{Ecn, Ipv4, protocol};
use super::ipv6::Ipv6;
use super::tcp::{Endpoints, Flags, TcpHeader, fill_checksum};
use crate::tcp::seq::SeqNum;

/// The link address that test frames are for.
pub(super) const OURS: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
/// The link address that test frames come from.
pub(super) const THEIRS: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);

/// The ends of a test packet over IPv4.
pub(super) const ENDS_V4: Endpoints = Endpoints {
    source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    destination: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
};

/// The ends of a test packet over IPv6.
pub(super) const ENDS_V6: Endpoints = Endpoints {
    source: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
    destination: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
};

/// A segment that most tests change one thing about.
pub(super) const HEADER: TcpHeader = TcpHeader {
    source_port: 40_000,
    destination_port: 443,
    seq: SeqNum::from_wire(1_000),
    ack: SeqNum::from_wire(2_000),
    flags: Flags::ACK,
    window: 512,
};

/// A TCP segment with its checksum.
pub(super) fn segment(
    header: &TcpHeader,
    options: &[u8],
    payload: &[u8],
    ends: Endpoints,
) -> Vec<u8> {
    let mut bytes = std::vec![0; 60];
    let header_len = header.emit(options.len(), &mut bytes).expect("a header fits into 60 bytes");
    bytes[20..header_len].copy_from_slice(options);
    bytes.truncate(header_len);
    bytes.extend_from_slice(payload);
    fill_checksum(&mut bytes, ends).expect("a header has a checksum field");
    bytes
}

/// An IP packet of either version around `payload`.
pub(super) fn packet(ends: Endpoints, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = std::vec![0; 40];
    let len = match (ends.source, ends.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Ipv4 {
            source,
            destination,
            protocol,
            ttl: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            identification: 7,
            payload_len: payload.len(),
        }
        .emit(&mut bytes),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6 {
            source,
            destination,
            protocol,
            hop_limit: 255,
            dscp: 0,
            ecn: Ecn::NotEct,
            flow_label: 9,
            payload_len: payload.len(),
        }
        .emit(&mut bytes),
        _ => None,
    };
    bytes.truncate(len.expect("both ends are of one family"));
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame from THEIRS to OURS around an IP packet.
pub(super) fn frame(packet: &[u8]) -> Vec<u8> {
    let ether_type = if packet[0] >> 4 == 4 { EtherType::Ipv4 } else { EtherType::Ipv6 };
    let header = Ethernet { destination: OURS, source: THEIRS, vlan: None, ether_type };
    let mut bytes = std::vec![0; 14];
    header.emit(&mut bytes).expect("a header without tag is 14 bytes");
    bytes.extend_from_slice(packet);
    bytes
}

/// A whole frame with a TCP segment.
pub(super) fn tcp_frame(header: &TcpHeader, options: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(&packet(ENDS_V4, protocol::TCP, &segment(header, options, payload, ENDS_V4)))
}
