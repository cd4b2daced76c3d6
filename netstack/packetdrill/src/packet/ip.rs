//! IP headers and the Internet checksum. RFC 791, RFC 8200, RFC 1071.

use std::net::IpAddr;

/// The ECN field of an IP header. RFC 3168 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecn {
    /// Not capable.
    NotEct,
    /// ECT(1).
    Ect1,
    /// ECT(0).
    Ect0,
    /// Congestion experienced.
    Ce,
}

impl Ecn {
    /// The field's two bits.
    const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Ce => 3,
        }
    }

    /// From the last two bits of the traffic class.
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

/// TCP's number among IP protocols.
pub(super) const TCP: u8 = 6;

/// What an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) ecn: Ecn,
    pub(super) body: &'a [u8],
}

/// Puts an IP header before `carried.body`.
pub(super) fn wrap(carried: Carried<'_>) -> Vec<u8> {
    let Carried { source, destination, protocol, ecn, body } = carried;
    let mut packet = Vec::with_capacity(40 + body.len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.extend_from_slice(&[0x45, ecn.bits()]);
            packet.extend_from_slice(&length(20 + body.len()));
            packet.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            let sum = checksum(0, &packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (source, destination) => {
            packet.extend_from_slice(&[0x60, ecn.bits() << 4, 0, 0]);
            packet.extend_from_slice(&length(body.len()));
            packet.extend_from_slice(&[protocol, 64]);
            packet.extend_from_slice(&v6_octets(source));
            packet.extend_from_slice(&v6_octets(destination));
        }
    }
    packet.extend_from_slice(body);
    packet
}

/// Reads an IP packet without options or extension headers.
///
/// # Errors
/// What is wrong with it.
pub(super) fn unwrap(packet: &[u8]) -> Result<Carried<'_>, String> {
    let short = || format!("an IP packet of only {} bytes", packet.len());
    match packet.first().ok_or_else(short)? >> 4 {
        4 => {
            let header = packet.first_chunk::<20>().ok_or_else(short)?;
            let header_len = usize::from(header[0] & 15) * 4;
            let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
            if checksum(0, &packet[..header_len.min(packet.len())]) != 0 {
                return Err("a wrong IPv4 checksum".to_owned());
            }
            let [.., a, b, c, d] = *header;
            Ok(Carried {
                source: [header[12], header[13], header[14], header[15]].into(),
                destination: [a, b, c, d].into(),
                protocol: header[9],
                ecn: Ecn::from_bits(header[1]),
                body: packet.get(header_len..total).ok_or_else(short)?,
            })
        }
        6 => {
            let header = packet.first_chunk::<40>().ok_or_else(short)?;
            let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
            let address = |at: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&header[at..at + 16]);
                IpAddr::from(octets)
            };
            Ok(Carried {
                source: address(8),
                destination: address(24),
                protocol: header[6],
                ecn: Ecn::from_bits(header[1] >> 4),
                body: packet.get(40..40 + len).ok_or_else(short)?,
            })
        }
        version => Err(format!("IP version {version}")),
    }
}

/// The whole length of an IP packet that carries `body_len` bytes from or to `address`.
#[must_use]
pub const fn ip_length(address: IpAddr, body_len: usize) -> usize {
    let header = if address.is_ipv4() { 20 } else { 40 };
    header + body_len
}

/// The checksum over the pseudo-header and `body`; 0 if the one in `body` is right.
pub(super) fn upper_checksum(carried: &Carried<'_>) -> u16 {
    let mut pseudo = Vec::with_capacity(40);
    match (carried.source, carried.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            pseudo.extend_from_slice(&source.octets());
            pseudo.extend_from_slice(&destination.octets());
        }
        (source, destination) => {
            pseudo.extend_from_slice(&v6_octets(source));
            pseudo.extend_from_slice(&v6_octets(destination));
        }
    }
    pseudo.extend_from_slice(&length(carried.body.len()));
    pseudo.extend_from_slice(&[0, carried.protocol]);
    checksum(sum(&pseudo), carried.body)
}

/// The Internet checksum of `bytes`, with `start` already added up.
pub(super) fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut total = start + sum(bytes);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).expect("folded to 16 bits")
}

fn sum(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    };
    bytes.chunks(2).map(word).sum()
}

fn v6_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("a packet is shorter than 64 kB").to_be_bytes()
}
