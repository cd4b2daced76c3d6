//! From a frame to what it is: the link header, the IP header and the message, in one call.

use core::net::{IpAddr, Ipv6Addr};
use core::ops::Range;

use super::WireError;
use super::arp::Arp;
use super::checksum::ChecksumPolicy;
use super::ethernet::{EtherType, Ethernet};
use super::icmp::{self, Icmp};
use super::icmpv6::{self, Around, Icmpv6, Neighbor};
use super::ipv4::{Ecn, Ipv4, protocol};
use super::ipv6::Ipv6;
use crate::tcp::segment::{Carrier, Segment};

/// A frame that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Its link header.
    pub(crate) ethernet: Ethernet,
    /// What it carries.
    pub(crate) body: Body,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// ARP.
    Arp(Arp),
    /// A TCP segment.
    Tcp(Segment),
    /// An ICMP message of either version.
    Icmp(IcmpPacket),
    /// Neighbour discovery.
    Neighbor(NeighborPacket),
}

/// An ICMP message and the packet around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IcmpPacket {
    /// Who sent it.
    pub(crate) source: IpAddr,
    /// Whom it is for.
    pub(crate) destination: IpAddr,
    /// The message.
    pub(crate) message: Icmp,
    /// Where the message lies in the frame: what an echo request is answered with.
    pub(crate) range: Range<usize>,
}

/// A neighbour discovery message and the packet around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeighborPacket {
    /// Who sent it.
    pub(crate) source: Ipv6Addr,
    /// Whom it is for.
    pub(crate) destination: Ipv6Addr,
    /// The message.
    pub(crate) message: Neighbor,
}

/// Either IP header, as far as its payload needs it.
struct Ip {
    /// Who sent it.
    source: IpAddr,
    /// Whom it is for.
    destination: IpAddr,
    /// What it carries.
    protocol: u8,
    /// Hops left.
    hop_limit: u8,
    /// The ECN field.
    ecn: Ecn,
    /// Where the payload lies in the frame.
    payload: Range<usize>,
}

impl Packet {
    /// Parses a whole frame and verifies every checksum in it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn parse(frame: &[u8], policy: ChecksumPolicy) -> Result<Self, WireError> {
        let ethernet = Ethernet::parse(frame)?;
        let offset = ethernet.len();
        let packet = frame.get(offset..).ok_or(WireError::EthernetTruncated)?;
        let ip = match ethernet.ether_type {
            EtherType::Arp => {
                return Ok(Self { ethernet, body: Body::Arp(Arp::parse(packet)?) });
            }
            EtherType::Ipv4 => {
                let parsed = Ipv4::parse(packet)?;
                Ip {
                    source: parsed.header.source.into(),
                    destination: parsed.header.destination.into(),
                    protocol: parsed.header.protocol,
                    hop_limit: parsed.header.ttl,
                    ecn: parsed.header.ecn,
                    payload: offset + parsed.payload.start..offset + parsed.payload.end,
                }
            }
            EtherType::Ipv6 => {
                let parsed = Ipv6::parse(packet)?;
                Ip {
                    source: parsed.header.source.into(),
                    destination: parsed.header.destination.into(),
                    protocol: parsed.header.protocol,
                    hop_limit: parsed.header.hop_limit,
                    ecn: parsed.header.ecn,
                    payload: offset + parsed.payload.start..offset + parsed.payload.end,
                }
            }
        };
        let body = ip.parse_payload(frame, policy)?;
        Ok(Self { ethernet, body })
    }
}

impl Ip {
    /// Parses what this header carries.
    fn parse_payload(self, frame: &[u8], policy: ChecksumPolicy) -> Result<Body, WireError> {
        let Self { source, destination, protocol, hop_limit, ecn, payload } = self;
        let bytes = frame.get(payload.clone()).ok_or(WireError::ProtocolUnknown)?;
        let icmp = |message| {
            Body::Icmp(IcmpPacket { source, destination, message, range: payload.clone() })
        };
        match (protocol, source, destination) {
            (protocol::TCP, _, _) => {
                let offset = payload.start;
                let carrier = Carrier { bytes, offset, source, destination, ecn };
                Segment::parse(carrier, policy).map(Body::Tcp)
            }
            (protocol::ICMP, IpAddr::V4(_), _) => icmp::parse(bytes).map(icmp),
            (protocol::ICMPV6, IpAddr::V6(source), IpAddr::V6(destination)) => {
                match icmpv6::parse(bytes, Around { source, destination, hop_limit })? {
                    Icmpv6::Icmp(message) => Ok(icmp(message)),
                    Icmpv6::Neighbor(message) => {
                        Ok(Body::Neighbor(NeighborPacket { source, destination, message }))
                    }
                }
            }
            _ => Err(WireError::ProtocolUnknown),
        }
    }
}
