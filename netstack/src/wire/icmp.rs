//! ICMP for IPv4: echo, and the errors that quote a segment of ours. RFC 792, RFC 1122 §3.2.2,
//! RFC 1191. What both ICMP versions share is here too.

use core::net::SocketAddr;

use super::checksum;
use super::ipv4::{self, Ipv4};
use super::tcp;
use super::{WireError, put, u8_at, u16_at};
use crate::tcp::segment::FourTuple;
use crate::tcp::seq::SeqNum;

/// Octets before an echo's data or an error's quote.
pub(crate) const HEADER_LEN: usize = 8;
/// Offset of the checksum in the message, in both versions.
pub(crate) const CHECKSUM_AT: usize = 2;

/// Message types.
mod kind {
    /// Answer to an echo request.
    pub(super) const ECHO_REPLY: u8 = 0;
    /// Destination unreachable.
    pub(super) const UNREACHABLE: u8 = 3;
    /// Echo request.
    pub(super) const ECHO_REQUEST: u8 = 8;
    /// Time exceeded.
    pub(super) const TIME_EXCEEDED: u8 = 11;
    /// Parameter problem.
    pub(super) const PARAMETER_PROBLEM: u8 = 12;
}

/// An ICMP message that the engine has a use for, of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icmp {
    /// To be answered by [`turn_into_reply`] of the same version.
    EchoRequest,
    /// A packet of ours did not arrive.
    Error(IcmpError),
}

/// An error about a segment that we are said to have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IcmpError {
    /// What went wrong.
    pub(crate) problem: Problem,
    /// The connection of the quoted segment; its source is our end.
    pub(crate) tuple: FourTuple,
    /// The quoted segment's sequence number: believed only if it is in flight (RFC 5927 §4.1).
    pub(crate) seq: SeqNum,
}

/// What went wrong with the quoted packet, by what TCP does about it. RFC 1122 §4.2.3.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It did not fit: the next hop's MTU, 0 from a router that does not say.
    PacketTooBig {
        /// In octets of the IP packet.
        mtu: u32,
    },
    /// The port or the protocol is not served, or it is forbidden: a hard error.
    Refused,
    /// Network or host can't be reached at the moment: a soft error.
    Unreachable,
    /// It took too many hops.
    TimeExceeded,
    /// A router did not understand a header.
    BadHeader,
}

/// Parses an ICMP message: an IPv4 packet's whole payload.
///
/// # Errors
/// Any `Icmp*` variant.
pub(crate) fn parse(message: &[u8]) -> Result<Icmp, WireError> {
    let quote = message.get(HEADER_LEN..).ok_or(WireError::IcmpTruncated)?;
    if !checksum::is_valid(message) {
        return Err(WireError::IcmpChecksum);
    }
    let message_type = u8_at(message, 0).ok_or(WireError::IcmpTruncated)?;
    let code = u8_at(message, 1).ok_or(WireError::IcmpTruncated)?;
    let problem = match (message_type, code) {
        (kind::ECHO_REQUEST, 0) => return Ok(Icmp::EchoRequest),
        (kind::UNREACHABLE, 4) => {
            let mtu = u16_at(message, 6).ok_or(WireError::IcmpTruncated)?;
            Problem::PacketTooBig { mtu: u32::from(mtu) }
        }
        // Protocol, port; administratively prohibited is soft since RFC 1812 §5.2.7.1.
        (kind::UNREACHABLE, 2 | 3) => Problem::Refused,
        (kind::UNREACHABLE, _) => Problem::Unreachable,
        (kind::TIME_EXCEEDED, _) => Problem::TimeExceeded,
        (kind::PARAMETER_PROBLEM, _) => Problem::BadHeader,
        _ => return Err(WireError::IcmpUnknown),
    };
    let (tuple, seq) = parse_quote(quote).ok_or(WireError::IcmpQuote)?;
    Ok(Icmp::Error(IcmpError { problem, tuple, seq }))
}

/// The connection and the sequence number that an error quotes.
fn parse_quote(quote: &[u8]) -> Option<(FourTuple, SeqNum)> {
    let ip = Ipv4::parse_quoted(quote).ok()?;
    if ip.header.protocol != ipv4::protocol::TCP {
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
    set_type(message, kind::ECHO_REPLY)
}

/// Sets type and code 0 of a message of either version, and brings its checksum up to date. In
/// ICMPv6 the pseudo-header counts as well, but it sums the same for an answer.
pub(super) fn set_type(message: &mut [u8], message_type: u8) -> Option<()> {
    let (old, sum) = (u16_at(message, 0)?, u16_at(message, CHECKSUM_AT)?);
    let new = u16::from(message_type) << 8;
    put(message, 0, &new.to_be_bytes())?;
    put(message, CHECKSUM_AT, &checksum::updated(sum, old, new).to_be_bytes())
}
