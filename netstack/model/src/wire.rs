//! From a frame to a segment: a reader of its own, so that what the judged host writes is read by
//! other eyes than those that it reads with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::segment::{Flags, Form, Options, Segment, Stamps};

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// A segment.
    Segment(SocketAddr, SocketAddr, Segment),
    /// TCP that nobody may use: truncated, or with a wrong checksum.
    Damaged(&'static str),
    /// Something else.
    Other,
}

/// Reads an Ethernet frame. The addresses are source and destination.
#[must_use]
pub fn read(frame: &[u8]) -> Carried {
    let (mut kind, mut at) = (word(frame, 12), 14);
    if kind == Some(0x8100) {
        (kind, at) = (word(frame, 16), 18);
    }
    let packet = frame.get(at..).unwrap_or(&[]);
    match kind {
        Some(0x0800) => read_v4(packet),
        Some(0x86dd) => read_v6(packet),
        _ => Carried::Other,
    }
}

/// The big-endian word at `at`.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([*pair.first()?, *pair.get(1)?]))
}

/// The big-endian double word at `at`.
fn double(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(word(bytes, at)?) << 16 | u32::from(word(bytes, at + 2)?))
}

/// The Internet checksum's sum, not inverted. RFC 1071.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            total += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u16::try_from(total).unwrap_or(0)
}

/// RFC 791.
fn read_v4(packet: &[u8]) -> Carried {
    let header = |packet: &[u8]| {
        let first = *packet.first()?;
        let header_len = usize::from(first & 15) * 4;
        let total = usize::from(word(packet, 2)?);
        let source = IpAddr::V4(Ipv4Addr::from_bits(double(packet, 12)?));
        let destination = IpAddr::V4(Ipv4Addr::from_bits(double(packet, 16)?));
        let fragment = word(packet, 6)? & 0x3fff != 0;
        let protocol = *packet.get(9)?;
        (first >> 4 == 4).then_some((header_len, total, source, destination, fragment, protocol))
    };
    let Some((header_len, total, source, destination, fragment, protocol)) = header(packet) else {
        return Carried::Damaged("IPv4 header");
    };
    if protocol != 6 {
        return Carried::Other;
    }
    let (Some(head), Some(bytes)) = (packet.get(..header_len), packet.get(header_len..total))
    else {
        return Carried::Damaged("IPv4 lengths");
    };
    if header_len < 20 || fragment || sum(&[head]) != 0xffff {
        return Carried::Damaged("IPv4 header");
    }
    let pseudo = &packet[12..20];
    let odd = if header_len > 20 { Form::Odd } else { Form::Right };
    read_tcp(bytes, pseudo, (source, destination), total, odd)
}

/// RFC 8200. Extension headers are nothing that a TCP host sends.
fn read_v6(packet: &[u8]) -> Carried {
    let address = |at: usize| {
        let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    let len = word(packet, 4).map(usize::from);
    let (Some(len), Some(source), Some(destination)) = (len, address(8), address(24)) else {
        return Carried::Damaged("IPv6 header");
    };
    if packet[0] >> 4 != 6 {
        return Carried::Damaged("IPv6 version");
    }
    if packet[6] != 6 {
        return Carried::Other;
    }
    let Some(bytes) = packet.get(40..40 + len) else { return Carried::Damaged("IPv6 length") };
    read_tcp(bytes, &packet[8..40], (source, destination), 40 + len, Form::Right)
}

/// RFC 9293 §3.1.
fn read_tcp(
    bytes: &[u8],
    pseudo: &[u8],
    (source, destination): (IpAddr, IpAddr),
    packet_octets: usize,
    form: Form,
) -> Carried {
    let len = u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
    if sum(&[pseudo, &len, &[0, 6], bytes]) != 0xffff {
        return Carried::Damaged("TCP checksum");
    }
    let fixed = |bytes: &[u8]| {
        let ports = (word(bytes, 0)?, word(bytes, 2)?);
        let numbers = (double(bytes, 4)?, double(bytes, 8)?);
        let offset = usize::from(*bytes.get(12)? >> 4) * 4;
        Some((ports, numbers, offset, *bytes.get(13)?, word(bytes, 14)?))
    };
    let Some((ports, (seq, ack), offset, flags, window)) = fixed(bytes) else {
        return Carried::Damaged("TCP header");
    };
    let (Some(raw), Some(text)) = (bytes.get(20..offset), bytes.get(offset..)) else {
        return Carried::Damaged("TCP data offset");
    };
    let (options, form_of_options) = read_options(raw);
    let flags = Flags(flags);
    let contradiction = [Flags::SYN, Flags::FIN, Flags::RST];
    let several = contradiction.iter().filter(|flag| flags.has(**flag)).count() > 1;
    let martian = |address: IpAddr| address.is_loopback() || address.is_multicast();
    let odd = several || flags.has(Flags::URG) || martian(source) || ports.0 == 0 || ports.1 == 0;
    let form = if odd || form_of_options == Form::Odd { Form::Odd } else { form };
    let text = text.into();
    let segment = Segment { seq, ack, flags, window, options, text, packet_octets, form };
    let from = SocketAddr::new(source, ports.0);
    Carried::Segment(from, SocketAddr::new(destination, ports.1), segment)
}

/// RFC 9293 §3.2. Options that contradict their lengths end the list, and make it odd.
fn read_options(raw: &[u8]) -> (Options, Form) {
    let mut options = Options { octets: raw.len(), ..Options::default() };
    let mut at = 0;
    while let Some(&kind) = raw.get(at) {
        match kind {
            0 => break,
            1 => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let len = raw.get(at + 1).copied().map_or(0, usize::from);
        let Some(body) = raw.get(at + 2..at + len) else { return (options, Form::Odd) };
        let fits = match (kind, body) {
            (2, &[high, low]) => {
                options.mss = Some(u16::from_be_bytes([high, low]));
                true
            }
            (3, &[shift]) => {
                options.scale = Some(shift);
                true
            }
            (4, &[]) => {
                options.sack_permitted = true;
                true
            }
            (5, blocks) if !blocks.is_empty() && blocks.len() % 8 == 0 => {
                let edges = blocks
                    .chunks(8)
                    .filter_map(|block| Some((double(block, 0)?, double(block, 4)?)));
                options.sack = edges.collect();
                true
            }
            (8, body) if body.len() == 8 => {
                let (value, echo) = (double(body, 0), double(body, 4));
                options.stamps = value.zip(echo).map(|(value, echo)| Stamps { value, echo });
                true
            }
            (2..=5 | 8, _) => false,
            _ => true,
        };
        if !fits {
            return (options, Form::Odd);
        }
        at += len;
    }
    // What follows the end of the list is padding, and zero. RFC 9293 §3.1.
    let padding = raw.get(at..).unwrap_or(&[]).iter().all(|octet| *octet == 0);
    (options, if padding { Form::Right } else { Form::Odd })
}
