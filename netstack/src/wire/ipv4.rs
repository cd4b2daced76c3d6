//! IPv4. RFC 791, RFC 1122 §3.2.1, RFC 3168 for the ECN field.

use core::net::Ipv4Addr;
use core::ops::Range;

use super::checksum;
use super::{WireError, array_at, put, u16_at};

/// Length of a header without options: the only one we send.
pub(crate) const HEADER_LEN: usize = 20;
/// Offset of the total length in the header.
pub(crate) const TOTAL_LENGTH_AT: usize = 2;
/// Offset of the identification in the header.
pub(crate) const IDENTIFICATION_AT: usize = 4;
/// Offset of the header checksum in the header.
pub(crate) const CHECKSUM_AT: usize = 10;

/// The flag that forbids fragmenting.
const DONT_FRAGMENT: u16 = 0x4000;
/// More fragments, or an offset other than 0.
pub(super) const FRAGMENT_MASK: u16 = 0x3fff;

/// Transport protocol numbers.
pub(crate) mod protocol {
    /// ICMP for IPv4.
    pub(crate) const ICMP: u8 = 1;
    /// TCP.
    pub(crate) const TCP: u8 = 6;
    /// ICMP for IPv6.
    pub(crate) const ICMPV6: u8 = 58;
}

/// The ECN field of either IP header. RFC 3168 §5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ecn {
    /// The transport does not do ECN.
    #[default]
    NotEct,
    /// ECN-capable, codepoint 1.
    Ect1,
    /// ECN-capable, codepoint 0.
    Ect0,
    /// A router met congestion.
    Ce,
}

impl Ecn {
    /// The codepoint in the low two bits of a traffic class.
    pub(crate) const fn from_traffic_class(class: u8) -> Self {
        match class & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The two bits for the wire.
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Ce => 3,
        }
    }
}

/// An IPv4 header without options as a value. Always sent with Don't Fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ipv4 {
    /// Who sent it.
    pub(crate) source: Ipv4Addr,
    /// Whom it is for.
    pub(crate) destination: Ipv4Addr,
    /// What it carries.
    pub(crate) protocol: u8,
    /// Hops it may still take.
    pub(crate) ttl: u8,
    /// The differentiated services codepoint, 0 to 63.
    pub(crate) dscp: u8,
    /// The ECN field.
    pub(crate) ecn: Ecn,
    /// Identification. With Don't Fragment it means nothing (RFC 6864).
    pub(crate) identification: u16,
    /// Octets behind the header.
    pub(crate) payload_len: usize,
}

/// Whether packets can come from an address.
pub(super) const fn may_send(source: Ipv4Addr) -> bool {
    let is_group = source.is_multicast() || source.is_broadcast();
    !is_group && !source.is_unspecified() && !source.is_loopback()
}

/// A header that was checked, and where its payload lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ipv4Parsed {
    /// The header.
    pub(crate) header: Ipv4,
    /// The payload's place in the packet; padding behind it is left out.
    pub(crate) payload: Range<usize>,
}

impl Ipv4 {
    /// Parses the header at the start of `packet`, options skipped, checksum verified.
    ///
    /// # Errors
    /// Any `Ipv4*` variant; fragments are refused here.
    pub(crate) fn parse(packet: &[u8]) -> Result<Ipv4Parsed, WireError> {
        let parsed = Self::parse_quoted(packet)?;
        let header = packet.get(..parsed.payload.start).ok_or(WireError::Ipv4HeaderLength)?;
        if !checksum::is_valid(header) {
            return Err(WireError::Ipv4Checksum);
        }
        if parsed.payload.end > packet.len() {
            return Err(WireError::Ipv4TotalLength);
        }
        if u16_at(packet, 6).is_none_or(|field| field & FRAGMENT_MASK != 0) {
            return Err(WireError::Ipv4Fragment);
        }
        if !may_send(parsed.header.source) {
            return Err(WireError::Ipv4Source);
        }
        Ok(parsed)
    }

    /// Parses the header of a packet that an ICMP error quotes: cut short, its checksum perhaps
    /// changed on the way. The payload's range may reach past `packet`.
    ///
    /// # Errors
    /// Too short, not version 4, or lengths that contradict each other.
    pub(crate) fn parse_quoted(packet: &[u8]) -> Result<Ipv4Parsed, WireError> {
        let header = array_at::<HEADER_LEN>(packet, 0).ok_or(WireError::Ipv4Truncated)?;
        let [version_ihl, class, length_h, length_l, id_h, id_l, _, _, ttl, protocol, ..] = header;
        if version_ihl >> 4 != 4 {
            return Err(WireError::Ipv4Version);
        }
        let header_len = usize::from(version_ihl & 0xf) * 4;
        if header_len < HEADER_LEN || header_len > packet.len() {
            return Err(WireError::Ipv4HeaderLength);
        }
        let total_len = usize::from(u16::from_be_bytes([length_h, length_l]));
        let payload_len = total_len.checked_sub(header_len).ok_or(WireError::Ipv4TotalLength)?;
        let address = |at| array_at::<4>(packet, at).map(Ipv4Addr::from);
        let header = Self {
            source: address(12).ok_or(WireError::Ipv4Truncated)?,
            destination: address(16).ok_or(WireError::Ipv4Truncated)?,
            protocol,
            ttl,
            dscp: class >> 2,
            ecn: Ecn::from_traffic_class(class),
            identification: u16::from_be_bytes([id_h, id_l]),
            payload_len,
        };
        Ok(Ipv4Parsed { header, payload: header_len..total_len })
    }

    /// Writes the header with its checksum; gives its length, or `None` when `out` is too short
    /// or the payload too long for IPv4.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let total_len = u16::try_from(self.payload_len.checked_add(HEADER_LEN)?).ok()?;
        let class = (self.dscp << 2) | self.ecn.bits();
        let [len_h, len_l] = total_len.to_be_bytes();
        let [id_h, id_l] = self.identification.to_be_bytes();
        let [flags_h, flags_l] = DONT_FRAGMENT.to_be_bytes();
        let (ttl, protocol) = (self.ttl, self.protocol);
        let ([s0, s1, s2, s3], [d0, d1, d2, d3]) =
            (self.source.octets(), self.destination.octets());
        let with = |[sum_h, sum_l]: [u8; 2]| {
            [
                0x45, class, len_h, len_l, id_h, id_l, flags_h, flags_l, ttl, protocol, sum_h,
                sum_l, s0, s1, s2, s3, d0, d1, d2, d3,
            ]
        };
        let sum = checksum::of_ipv4(&with([0, 0]));
        *out.first_chunk_mut()? = with(sum.to_be_bytes());
        Some(HEADER_LEN)
    }

    /// Sets total length and identification of a header that was emitted before, and brings its
    /// checksum up to date: how a train's template becomes the header of one segment.
    /// `None` when `header` is too short.
    pub(crate) fn patch(header: &mut [u8], total_len: u16, identification: u16) -> Option<()> {
        let old_len = u16_at(header, TOTAL_LENGTH_AT)?;
        let old_id = u16_at(header, IDENTIFICATION_AT)?;
        let mut sum = u16_at(header, CHECKSUM_AT)?;
        sum = checksum::updated(sum, old_len, total_len);
        sum = checksum::updated(sum, old_id, identification);
        put(header, TOTAL_LENGTH_AT, &total_len.to_be_bytes())?;
        put(header, IDENTIFICATION_AT, &identification.to_be_bytes())?;
        put(header, CHECKSUM_AT, &sum.to_be_bytes())
    }
}
