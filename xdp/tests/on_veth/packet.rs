//! Frames as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use xdp::link::Mac;

pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST_ACK: u8 = 0x14;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Both ends of a flow.
#[derive(Clone, Copy)]
pub(crate) struct Flow {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
}

impl Flow {
    pub(crate) fn new(from: (IpAddr, u16), to: (IpAddr, u16)) -> Self {
        Self { from: from.into(), to: to.into() }
    }
}

/// A TCP segment without data, in an IP packet.
pub(crate) fn tcp(flow: Flow, seq: u32, ack: u32, flags: u8) -> Vec<u8> {
    let mut segment = ports(flow);
    segment.extend(seq.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    let sum = transport_checksum(flow, TCP, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    ip(flow.from.ip(), flow.to.ip(), TCP, &segment)
}

/// The usual SYN.
pub(crate) fn syn(flow: Flow) -> Vec<u8> {
    tcp(flow, 1, 0, SYN)
}

/// A UDP datagram in an IP packet.
pub(crate) fn udp(flow: Flow, payload: &[u8]) -> Vec<u8> {
    let mut datagram = ports(flow);
    let len = u16::try_from(8 + payload.len()).expect("a datagram");
    datagram.extend(len.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let sum = transport_checksum(flow, UDP, &datagram);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    ip(flow.from.ip(), flow.to.ip(), UDP, &datagram)
}

/// An IP packet.
pub(crate) fn ip(from: IpAddr, to: IpAddr, protocol: u8, body: &[u8]) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            ipv4(Ipv4 { from, to, protocol, ..Ipv4::default() }, body)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6(from, to, protocol, body),
        _ => panic!("addresses of two families"),
    }
}

/// An IPv4 header.
#[derive(Clone, Copy)]
pub(crate) struct Ipv4 {
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
    pub(crate) protocol: u8,
    /// Flags and offset.
    pub(crate) fragment: u16,
    /// Words of options, all of them NOP.
    pub(crate) option_words: u8,
}

impl Default for Ipv4 {
    fn default() -> Self {
        let nobody = Ipv4Addr::UNSPECIFIED;
        Self { from: nobody, to: nobody, protocol: TCP, fragment: 0, option_words: 0 }
    }
}

pub(crate) fn ipv4(header: Ipv4, body: &[u8]) -> Vec<u8> {
    let header_len = 20 + 4 * usize::from(header.option_words);
    let total = u16::try_from(header_len + body.len()).expect("an IPv4 packet");
    let mut packet = vec![0x45 + header.option_words, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 1]);
    packet.extend(header.fragment.to_be_bytes());
    packet.extend([64, header.protocol, 0, 0]);
    packet.extend(header.from.octets());
    packet.extend(header.to.octets());
    packet.resize(header_len, 1);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(body);
    packet
}

fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next_header: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(u16::try_from(body.len()).expect("an IPv6 packet").to_be_bytes());
    packet.extend([next_header, 64]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(body);
    packet
}

/// An ICMP or ICMPv6 message in an IP packet. `rest` is what follows the checksum.
pub(crate) fn icmp(from: IpAddr, to: IpAddr, kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.extend(rest);
    let protocol = if from.is_ipv4() { 1 } else { 58 };
    let sum = if from.is_ipv4() {
        checksum(&message)
    } else {
        transport_checksum(Flow::new((from, 0), (to, 0)), protocol, &message)
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ip(from, to, protocol, &message)
}

/// An ICMP error with what it quotes.
pub(crate) fn icmp_error(from: IpAddr, to: IpAddr, kind: u8, quoted: &[u8]) -> Vec<u8> {
    let mut rest = vec![0; 4];
    rest.extend(quoted);
    icmp(from, to, kind, &rest)
}

/// An ARP packet for Ethernet and IPv4.
pub(crate) fn arp(operation: u8, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, operation];
    packet.extend(sender.0);
    packet.extend(sender.1.octets());
    packet.extend(target.0);
    packet.extend(target.1.octets());
    packet
}

/// An Ethernet frame of the type that the packet says: IPv4, IPv6, or else ARP.
pub(crate) fn ethernet(from: Mac, to: Mac, packet: &[u8]) -> Vec<u8> {
    typed(from, to, ether_type(packet), packet)
}

/// The same with a VLAN tag in front.
pub(crate) fn tagged(from: Mac, to: Mac, vlan: u16, packet: &[u8]) -> Vec<u8> {
    let mut tag = vlan.to_be_bytes().to_vec();
    tag.extend(ether_type(packet).to_be_bytes());
    tag.extend(packet);
    typed(from, to, 0x8100, &tag)
}

/// An Ethernet frame of any type.
pub(crate) fn typed(from: Mac, to: Mac, ether_type: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = to.to_vec();
    frame.extend(from);
    frame.extend(ether_type.to_be_bytes());
    frame.extend(body);
    frame
}

fn ether_type(packet: &[u8]) -> u16 {
    match packet[0] >> 4 {
        4 => 0x0800,
        6 => 0x86dd,
        _ => 0x0806,
    }
}

fn ports(flow: Flow) -> Vec<u8> {
    [flow.from.port().to_be_bytes(), flow.to.port().to_be_bytes()].concat()
}

fn transport_checksum(flow: Flow, protocol: u8, body: &[u8]) -> u16 {
    let mut bytes = Vec::new();
    for address in [flow.from.ip(), flow.to.ip()] {
        match address {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    bytes.extend(u32::try_from(body.len()).expect("a packet").to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes.extend(body);
    checksum(&bytes)
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).expect("folded above")
}
