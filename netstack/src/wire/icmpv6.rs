//! ICMPv6: echo, errors that quote a segment of ours, and the neighbour discovery of an end
//! host: solicitations and advertisements. RFC 4443, RFC 4861.

use core::net::{Ipv6Addr, SocketAddr};

use super::ethernet::MacAddress;
use super::icmp::{self, CHECKSUM_AT, HEADER_LEN, Icmp, IcmpError, Problem};
use super::ipv4::protocol;
use super::ipv6::Ipv6;
use super::tcp::{self, Endpoints};
use super::{WireError, array_at, put, u8_at, u32_at};
use crate::tcp::segment::FourTuple;
use crate::tcp::seq::SeqNum;

/// The hop limit of every neighbour discovery packet: proof that no router touched it.
pub(crate) const ND_HOP_LIMIT: u8 = 255;
/// Length of a solicitation or advertisement as we send it, with one link-layer option.
pub(crate) const ND_LEN: usize = 32;

/// Octets of a solicitation or advertisement before its options.
const ND_FIXED_LEN: usize = 24;
/// Options that are looked at in one message.
const ND_OPTIONS_MAX: usize = 16;

/// Message types.
mod kind {
    /// Destination unreachable.
    pub(super) const UNREACHABLE: u8 = 1;
    /// Packet too big.
    pub(super) const PACKET_TOO_BIG: u8 = 2;
    /// Time exceeded.
    pub(super) const TIME_EXCEEDED: u8 = 3;
    /// Parameter problem.
    pub(super) const PARAMETER_PROBLEM: u8 = 4;
    /// Echo request.
    pub(super) const ECHO_REQUEST: u8 = 128;
    /// Answer to an echo request.
    pub(super) const ECHO_REPLY: u8 = 129;
    /// Neighbour solicitation.
    pub(super) const SOLICITATION: u8 = 135;
    /// Neighbour advertisement.
    pub(super) const ADVERTISEMENT: u8 = 136;
}

/// Neighbour discovery options.
mod option {
    /// The sender's hardware address.
    pub(super) const SOURCE_LINK: u8 = 1;
    /// The target's hardware address.
    pub(super) const TARGET_LINK: u8 = 2;
}

/// Flags of an advertisement.
mod flag {
    /// It answers a solicitation.
    pub(super) const SOLICITED: u8 = 0x40;
    /// It replaces what the cache holds.
    pub(super) const OVERRIDE: u8 = 0x20;
}

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icmpv6 {
    /// Echo or an error.
    Icmp(Icmp),
    /// Neighbour discovery.
    Neighbor(Neighbor),
}

/// Whether an advertisement may replace a different address in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Override {
    /// Only where none is known.
    No,
    /// Yes.
    Yes,
}

/// Whether an advertisement answers a solicitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Solicited {
    /// It came unasked.
    No,
    /// It answers, and so proves that the way there works.
    Yes,
}

/// A neighbour discovery message as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Neighbor {
    /// Who has `target`?
    Solicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// Who asks; `None` while it checks for duplicates.
        source_mac: Option<MacAddress>,
    },
    /// `target` is at `target_mac`.
    Advertisement {
        /// The address that is spoken about.
        target: Ipv6Addr,
        /// Where it is; `None` where the asker is known to know.
        target_mac: Option<MacAddress>,
        /// Whether it answers.
        solicited: Solicited,
        /// Whether it replaces.
        overrides: Override,
    },
}

/// The IPv6 header around a message, as far as its parsing needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    /// Who sent it.
    pub(crate) source: Ipv6Addr,
    /// Whom it is for.
    pub(crate) destination: Ipv6Addr,
    /// The hop limit it arrived with.
    pub(crate) hop_limit: u8,
}

/// Parses an ICMPv6 message: an IPv6 packet's whole payload.
///
/// # Errors
/// Any `Icmp*` variant, or [`WireError::NeighborMalformed`].
pub(crate) fn parse(message: &[u8], around: Around) -> Result<Icmpv6, WireError> {
    let quote = message.get(HEADER_LEN..).ok_or(WireError::IcmpTruncated)?;
    let ends = Endpoints { source: around.source.into(), destination: around.destination.into() };
    let mut sum = ends.pseudo_header(protocol::ICMPV6, message.len());
    sum.add(message);
    if sum.finish() != 0 {
        return Err(WireError::IcmpChecksum);
    }
    let message_type = u8_at(message, 0).ok_or(WireError::IcmpTruncated)?;
    let code = u8_at(message, 1).ok_or(WireError::IcmpTruncated)?;
    let problem = match (message_type, code) {
        (kind::ECHO_REQUEST, 0) => return Ok(Icmpv6::Icmp(Icmp::EchoRequest)),
        (kind::SOLICITATION | kind::ADVERTISEMENT, _) => {
            let neighbor = Neighbor::parse(message, around);
            return neighbor.map(Icmpv6::Neighbor).ok_or(WireError::NeighborMalformed);
        }
        (kind::PACKET_TOO_BIG, _) => {
            let mtu = u32_at(message, 4).ok_or(WireError::IcmpTruncated)?;
            Problem::PacketTooBig { mtu }
        }
        // Administratively prohibited, port unreachable. RFC 5461 §2.
        (kind::UNREACHABLE, 1 | 4) => Problem::Refused,
        (kind::UNREACHABLE, _) => Problem::Unreachable,
        (kind::TIME_EXCEEDED, _) => Problem::TimeExceeded,
        (kind::PARAMETER_PROBLEM, _) => Problem::BadHeader,
        _ => return Err(WireError::IcmpUnknown),
    };
    let (tuple, seq) = parse_quote(quote).ok_or(WireError::IcmpQuote)?;
    Ok(Icmpv6::Icmp(Icmp::Error(IcmpError { problem, tuple, seq })))
}

/// The connection and the sequence number that an error quotes.
fn parse_quote(quote: &[u8]) -> Option<(FourTuple, SeqNum)> {
    let ip = Ipv6::parse_quoted(quote).ok()?;
    if ip.header.protocol != protocol::TCP {
        return None;
    }
    let (source_port, destination_port, seq) = tcp::parse_quoted(quote.get(ip.payload.start..)?)?;
    let tuple = FourTuple {
        local: SocketAddr::new(ip.header.source.into(), source_port),
        remote: SocketAddr::new(ip.header.destination.into(), destination_port),
    };
    Some((tuple, seq))
}

/// Turns an echo request (the whole message) into its answer; `None` when it is too short.
pub(crate) fn turn_into_reply(message: &mut [u8]) -> Option<()> {
    icmp::set_type(message, kind::ECHO_REPLY)
}

impl Neighbor {
    /// Parses a solicitation or an advertisement by the rules of RFC 4861 §7.1.
    fn parse(message: &[u8], around: Around) -> Option<Self> {
        let target = Ipv6Addr::from(array_at::<16>(message, 8)?);
        if around.hop_limit != ND_HOP_LIMIT || u8_at(message, 1)? != 0 || target.is_multicast() {
            return None;
        }
        let options = message.get(ND_FIXED_LEN..)?;
        if u8_at(message, 0)? == kind::SOLICITATION {
            let source_mac = link_option(options, option::SOURCE_LINK)?;
            // Who checks for duplicates has no address yet, and so names no place to answer to.
            let is_probe = around.source.is_unspecified();
            if is_probe && source_mac.is_some() {
                return None;
            }
            return Some(Self::Solicitation { target, source_mac });
        }
        let flags = u8_at(message, 4)?;
        let solicited = if flags & flag::SOLICITED == 0 { Solicited::No } else { Solicited::Yes };
        let overrides = if flags & flag::OVERRIDE == 0 { Override::No } else { Override::Yes };
        if around.destination.is_multicast() && solicited == Solicited::Yes {
            return None;
        }
        let target_mac = link_option(options, option::TARGET_LINK)?;
        Some(Self::Advertisement { target, target_mac, solicited, overrides })
    }

    /// Writes the message, checksum included, as sent between `ends`; gives its length, or `None`
    /// when `out` is too short.
    pub(crate) fn emit(&self, ends: Endpoints, out: &mut [u8]) -> Option<usize> {
        let (message_type, flags, target, option_kind, mac) = match *self {
            Self::Solicitation { target, source_mac } => {
                (kind::SOLICITATION, 0, target, option::SOURCE_LINK, source_mac)
            }
            Self::Advertisement { target, target_mac, solicited, overrides } => {
                let solicited = match solicited {
                    Solicited::Yes => flag::SOLICITED,
                    Solicited::No => 0,
                };
                let overrides = match overrides {
                    Override::Yes => flag::OVERRIDE,
                    Override::No => 0,
                };
                let flags = solicited | overrides;
                (kind::ADVERTISEMENT, flags, target, option::TARGET_LINK, target_mac)
            }
        };
        put(out, 0, &[message_type, 0, 0, 0, flags, 0, 0, 0])?;
        put(out, 8, &target.octets())?;
        let mut len = ND_FIXED_LEN;
        if let Some(mac) = mac {
            put(out, len, &[option_kind, 1])?;
            put(out, len + 2, &mac.0)?;
            len = ND_LEN;
        }
        fill_checksum(out.get_mut(..len)?, ends)?;
        Some(len)
    }
}

/// The multicast group in which the owner of `address` listens for solicitations.
/// RFC 4291 §2.7.1.
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The hardware address of a multicast group. RFC 2464 §7.
pub(crate) fn multicast_mac(group: Ipv6Addr) -> MacAddress {
    let [.., a, b, c, d] = group.octets();
    MacAddress([0x33, 0x33, a, b, c, d])
}

/// The link-layer address option of `wanted` kind, if there is one. The outer `None` means
/// that the options are malformed: a length of zero, or one past the message.
#[expect(clippy::option_option, reason = "malformed and absent are different answers")]
fn link_option(options: &[u8], wanted: u8) -> Option<Option<MacAddress>> {
    let mut rest = options;
    let mut found = None;
    for _ in 0..ND_OPTIONS_MAX {
        if rest.is_empty() {
            return Some(found);
        }
        let kind = u8_at(rest, 0)?;
        let len = usize::from(u8_at(rest, 1)?) * 8;
        let body = rest.get(2..len)?;
        if kind == wanted {
            let mac = MacAddress(array_at(body, 0)?);
            if !mac.is_station() {
                return None;
            }
            found = Some(mac);
        }
        rest = rest.get(len..)?;
    }
    None
}

/// Computes the checksum of `message` and writes it into its header.
fn fill_checksum(message: &mut [u8], ends: Endpoints) -> Option<()> {
    put(message, CHECKSUM_AT, &[0, 0])?;
    let mut sum = ends.pseudo_header(protocol::ICMPV6, message.len());
    sum.add(message);
    put(message, CHECKSUM_AT, &sum.finish().to_be_bytes())
}
