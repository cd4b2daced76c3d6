//! IPv6. RFC 8200.

use core::net::Ipv6Addr;
use core::ops::Range;

use super::ipv4::{Ecn, protocol};
use super::{WireError, array_at, put, u8_at, u16_at};

/// Length of the fixed header: the only one we send.
pub(crate) const HEADER_LEN: usize = 40;
/// Offset of the payload length in the header.
pub(crate) const PAYLOAD_LENGTH_AT: usize = 4;

/// Extension headers that are walked before a packet is refused.
const EXTENSIONS_MAX: usize = 4;

/// Next-header numbers of the extension headers.
mod extension {
    /// Hop-by-hop options.
    pub(super) const HOP_BY_HOP: u8 = 0;
    /// Routing.
    pub(super) const ROUTING: u8 = 43;
    /// Fragment.
    pub(super) const FRAGMENT: u8 = 44;
    /// Destination options.
    pub(super) const DESTINATION: u8 = 60;
}

/// An IPv6 header without extensions as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ipv6 {
    /// Who sent it.
    pub(crate) source: Ipv6Addr,
    /// Whom it is for.
    pub(crate) destination: Ipv6Addr,
    /// What it carries, behind any extension headers.
    pub(crate) protocol: u8,
    /// Hops it may still take.
    pub(crate) hop_limit: u8,
    /// The differentiated services codepoint, 0 to 63.
    pub(crate) dscp: u8,
    /// The ECN field.
    pub(crate) ecn: Ecn,
    /// The flow label, 20 bits.
    pub(crate) flow_label: u32,
    /// Octets behind the fixed header.
    pub(crate) payload_len: usize,
}

/// A header that was checked, and where its payload lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ipv6Parsed {
    /// The header.
    pub(crate) header: Ipv6,
    /// The payload's place in the packet, behind extension headers and without padding.
    pub(crate) payload: Range<usize>,
}

impl Ipv6 {
    /// Parses the header at the start of `packet`; extension headers are skipped.
    ///
    /// # Errors
    /// Any `Ipv6*` variant; fragments are refused here.
    pub(crate) fn parse(packet: &[u8]) -> Result<Ipv6Parsed, WireError> {
        let parsed = Self::parse_quoted(packet)?;
        if parsed.payload.end > packet.len() {
            return Err(WireError::Ipv6PayloadLength);
        }
        // Only neighbour discovery comes from no address: a host that has none yet.
        let source = parsed.header.source;
        let nameless = source.is_unspecified() && parsed.header.protocol != protocol::ICMPV6;
        if source.is_multicast() || source.is_loopback() || nameless {
            return Err(WireError::Ipv6Source);
        }
        Ok(parsed)
    }

    /// Parses the header of a packet that an ICMPv6 error quotes, perhaps cut short. The
    /// payload's range may reach past `packet`.
    ///
    /// # Errors
    /// Too short, not version 6, a fragment, or a chain of extensions that we do not walk.
    pub(crate) fn parse_quoted(packet: &[u8]) -> Result<Ipv6Parsed, WireError> {
        let truncated = WireError::Ipv6Truncated;
        let [a, b, c, d, len_h, len_l, next_header, hop_limit] =
            array_at::<8>(packet, 0).ok_or(truncated)?;
        let word = u32::from_be_bytes([a, b, c, d]);
        if word >> 28 != 6 {
            return Err(WireError::Ipv6Version);
        }
        let class = (a << 4) | (b >> 4);
        let source = Ipv6Addr::from(array_at::<16>(packet, 8).ok_or(truncated)?);
        let destination = Ipv6Addr::from(array_at::<16>(packet, 24).ok_or(truncated)?);
        let payload_len = usize::from(u16::from_be_bytes([len_h, len_l]));
        let end = HEADER_LEN + payload_len;
        let (protocol, start) = skip_extensions(packet, next_header, end)?;
        let header = Self {
            source,
            destination,
            protocol,
            hop_limit,
            dscp: class >> 2,
            ecn: Ecn::from_traffic_class(class),
            flow_label: word & 0xf_ffff,
            payload_len,
        };
        Ok(Ipv6Parsed { header, payload: start..end })
    }

    /// Writes the header; gives its length, or `None` when `out` is too short or the payload too
    /// long for IPv6 without jumbograms.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let payload_len = u16::try_from(self.payload_len).ok()?;
        let class = (self.dscp << 2) | self.ecn.bits();
        let word = (6 << 28) | (u32::from(class) << 20) | (self.flow_label & 0xf_ffff);
        put(out, 0, &word.to_be_bytes())?;
        put(out, PAYLOAD_LENGTH_AT, &payload_len.to_be_bytes())?;
        put(out, 6, &[self.protocol, self.hop_limit])?;
        put(out, 8, &self.source.octets())?;
        put(out, 24, &self.destination.octets())?;
        Some(HEADER_LEN)
    }

    /// Sets the payload length of a header that was emitted before. `None` when it is too short.
    pub(crate) fn patch(header: &mut [u8], payload_len: u16) -> Option<()> {
        put(header, PAYLOAD_LENGTH_AT, &payload_len.to_be_bytes())
    }
}

/// Walks the extension headers; gives the transport protocol and where it starts.
fn skip_extensions(packet: &[u8], first: u8, end: usize) -> Result<(u8, usize), WireError> {
    let mut next_header = first;
    let mut at = HEADER_LEN;
    for walked in 0..=EXTENSIONS_MAX {
        match next_header {
            // Hop-by-hop options come first or not at all. RFC 8200 §4.1.
            extension::HOP_BY_HOP if walked > 0 => return Err(WireError::Ipv6Extension),
            extension::HOP_BY_HOP | extension::DESTINATION => {}
            // No segments left: as if it were not there. Else it wants us to route. §4.4.
            extension::ROUTING => {
                if u8_at(packet, at + 3).ok_or(WireError::Ipv6Truncated)? != 0 {
                    return Err(WireError::Ipv6Extension);
                }
            }
            extension::FRAGMENT => {
                // An atomic fragment is a whole packet (RFC 6946), and so no reason to drop it.
                let field = u16_at(packet, at + 2).ok_or(WireError::Ipv6Truncated)?;
                if field & 0xfff9 != 0 {
                    return Err(WireError::Ipv6Fragment);
                }
            }
            _ => return Ok((next_header, at)),
        }
        let len = match next_header {
            extension::FRAGMENT => 8,
            _ => {
                let units = u8_at(packet, at + 1).ok_or(WireError::Ipv6Truncated)?;
                (usize::from(units) + 1) * 8
            }
        };
        next_header = u8_at(packet, at).ok_or(WireError::Ipv6Truncated)?;
        at += len;
        if at > end {
            return Err(WireError::Ipv6Extension);
        }
    }
    Err(WireError::Ipv6Extension)
}
