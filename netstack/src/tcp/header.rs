//! A segment's headers, from Ethernet to the options: the template of a train.

use super::ends::{Ends, Ips};
use super::segment::{IpVersion, Options};
use super::seq::SeqNum;
use super::train::Layers;
use crate::wire::ethernet::{EtherType, Ethernet, MacAddress, VlanTag};
use crate::wire::ipv4::{Ecn, Ipv4, protocol};
use crate::wire::ipv6::Ipv6;
use crate::wire::tcp::{Flags, TcpHeader};

/// The way to a peer on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Our link address.
    pub(crate) own_mac: MacAddress,
    /// The peer's, or the router's.
    pub(crate) peer_mac: MacAddress,
    /// The VLAN.
    pub(crate) vlan: Option<VlanTag>,
}

/// What an owner chooses of the IP header of what a connection sends. RFC 9293 §3.9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpFields {
    /// The Differentiated Services codepoint: 6 bits. RFC 2474.
    dscp: u8,
    /// Hops that a packet may take: at least one.
    hop_limit: u8,
}

impl IpFields {
    /// The default class, and 64 hops. RFC 1700.
    pub const DEFAULT: Self = Self { dscp: 0, hop_limit: HOPS };

    /// The same with another codepoint: 0 to 63, else `None`.
    #[must_use]
    pub const fn with_dscp(self, dscp: u8) -> Option<Self> {
        if dscp < 64 { Some(Self { dscp, ..self }) } else { None }
    }

    /// The same with another number of hops; `None` of none.
    #[must_use]
    pub const fn with_hop_limit(self, hop_limit: u8) -> Option<Self> {
        if hop_limit > 0 { Some(Self { hop_limit, ..self }) } else { None }
    }
}

impl Default for IpFields {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A segment to be sent, without its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    /// Where it goes on the link.
    pub(crate) route: Route,
    /// The connection.
    pub(crate) ends: Ends,
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.ACK; 0 without the ACK flag.
    pub(crate) ack: SeqNum,
    /// The flags of every segment of the train.
    pub(crate) flags: Flags,
    /// SEG.WND, scaled.
    pub(crate) window: u16,
    /// The options.
    pub(crate) options: Options,
    /// The ECN field of the packet.
    pub(crate) ecn: Ecn,
    /// What the owner chose beside it.
    pub(crate) ip: IpFields,
}

/// Room for the longest headers: Ethernet with a VLAN tag, IPv6, TCP with all options.
pub(crate) type HeaderBuffer = [u8; HEADER_BYTES_MAX];

impl Outgoing {
    /// Writes the headers, lengths and checksums left to the train; `None` if `out` were too short.
    pub(crate) fn write(&self, out: &mut HeaderBuffer) -> Option<(usize, Layers)> {
        let Self { route, ends, seq, ack, flags, window, options, ecn, ip } = *self;
        let ether_type = match ends.ip_version() {
            IpVersion::V4 => EtherType::Ipv4,
            IpVersion::V6 => EtherType::Ipv6,
        };
        let l2_len = Ethernet {
            destination: route.peer_mac,
            source: route.own_mac,
            vlan: route.vlan,
            ether_type,
        }
        .emit(out)?;
        let l3_len = emit_ip(&ends, ip, ecn, out.get_mut(l2_len..)?)?;
        let tcp = out.get_mut(l2_len + l3_len..)?;
        let header = TcpHeader {
            source_port: ends.local_port(),
            destination_port: ends.remote_port(),
            seq,
            ack,
            flags,
            window,
        };
        let options_at = tcp.get_mut(crate::wire::tcp::HEADER_LEN..)?;
        let options_len = match options {
            Options::Syn(options) => options.emit(options_at)?,
            Options::Other(options) => options.emit(options_at)?,
        };
        let l4_len = header.emit(options_len, tcp)?;
        Some((l2_len + l3_len + l4_len, Layers { l2_len, l3_len, l4_len }))
    }
}

/// Writes an IP header for TCP, its length left to the train.
fn emit_ip(ends: &Ends, ip: IpFields, ecn: Ecn, out: &mut [u8]) -> Option<usize> {
    let IpFields { dscp, hop_limit } = ip;
    match ends.ips() {
        Ips::V4 { local: source, remote: destination } => Ipv4 {
            source,
            destination,
            protocol: protocol::TCP,
            ttl: hop_limit,
            dscp,
            ecn,
            identification: 0,
            payload_len: 0,
        }
        .emit(out),
        Ips::V6 { local: source, remote: destination } => Ipv6 {
            source,
            destination,
            protocol: protocol::TCP,
            hop_limit,
            dscp,
            ecn,
            flow_label: 0,
            payload_len: 0,
        }
        .emit(out),
    }
}

/// Bytes of the longest headers.
const HEADER_BYTES_MAX: usize = 14 + 4 + 40 + 60;
/// Hops that a packet may take. RFC 1700.
pub(crate) const HOPS: u8 = 64;
