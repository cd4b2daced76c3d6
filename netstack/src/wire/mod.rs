//! Headers: one file each, a checked view over the bytes and a plain value to emit.
//!
//! Every parser here is total: whatever a peer sends gives a value or a [`WireError`], never a
//! panic and never an index out of bounds. A view checks once, in its constructor; what it hands
//! out afterwards needs no second check.

pub(crate) mod accecn;
pub(crate) mod arp;
pub(crate) mod checksum;
pub(crate) mod ethernet;
pub(crate) mod icmp;
pub(crate) mod icmpv6;
pub(crate) mod ipv4;
pub(crate) mod ipv6;
pub(crate) mod packet;
pub(crate) mod plain;
pub(crate) mod tcp;
pub(crate) mod tcp_options;

#[cfg(test)]
mod tests;

use core::fmt;

/// Declares [`WireError`] with the name of each variant, so that the list exists once.
macro_rules! wire_errors {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)+) => {
        /// Why a frame was not understood: always the sender's fault, or the link's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[must_use]
        pub enum WireError {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl WireError {
            /// Every variant, in order of declaration: `ALL[e as usize] == e`.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// A name for counters: lower case with underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

wire_errors! {
    /// The frame ends inside its Ethernet header or VLAN tag.
    EthernetTruncated => "ethernet_truncated",
    /// A second VLAN tag, or a tag format other than 802.1Q.
    EthernetVlanNested => "ethernet_vlan_nested",
    /// An EtherType other than ARP, IPv4 and IPv6.
    EtherTypeUnknown => "ether_type_unknown",
    /// An ARP packet that is too short or not Ethernet over IPv4.
    ArpMalformed => "arp_malformed",
    /// The frame ends inside the IPv4 header.
    Ipv4Truncated => "ipv4_truncated",
    /// A version other than 4 behind the IPv4 EtherType.
    Ipv4Version => "ipv4_version",
    /// A header length below 5 words or past the packet.
    Ipv4HeaderLength => "ipv4_header_length",
    /// A total length shorter than the header or longer than the frame.
    Ipv4TotalLength => "ipv4_total_length",
    /// The header checksum is wrong.
    Ipv4Checksum => "ipv4_checksum",
    /// A fragment. They are not reassembled.
    Ipv4Fragment => "ipv4_fragment",
    /// Not a unicast source address.
    Ipv4Source => "ipv4_source",
    /// The frame ends inside the IPv6 header or one of its extension headers.
    Ipv6Truncated => "ipv6_truncated",
    /// A version other than 6 behind the IPv6 EtherType.
    Ipv6Version => "ipv6_version",
    /// A payload length longer than the frame.
    Ipv6PayloadLength => "ipv6_payload_length",
    /// A fragment. They are not reassembled.
    Ipv6Fragment => "ipv6_fragment",
    /// A chain of extension headers that is too long, out of order or not for an end host.
    Ipv6Extension => "ipv6_extension",
    /// Not a unicast source address.
    Ipv6Source => "ipv6_source",
    /// A transport protocol other than TCP and ICMP.
    ProtocolUnknown => "protocol_unknown",
    /// An ICMP message that ends before its fixed part.
    IcmpTruncated => "icmp_truncated",
    /// An ICMP checksum that is wrong.
    IcmpChecksum => "icmp_checksum",
    /// An ICMP message of a kind the engine has no use for.
    IcmpUnknown => "icmp_unknown",
    /// An ICMP error whose quoted packet is not a TCP segment with at least 8 bytes of its header.
    IcmpQuote => "icmp_quote",
    /// A neighbour discovery message that is not from this link or breaks its own rules.
    NeighborMalformed => "neighbor_malformed",
    /// The packet ends inside the TCP header.
    TcpTruncated => "tcp_truncated",
    /// A data offset below 5 words or past the packet.
    TcpDataOffset => "tcp_data_offset",
    /// The TCP checksum is wrong.
    TcpChecksum => "tcp_checksum",
    /// An option's length is 0, 1, past the header, or not the one its kind has.
    TcpOptionLength => "tcp_option_length",
    /// Source or destination port is 0.
    TcpPortZero => "tcp_port_zero",
    /// SYN together with FIN: no stack sends that, scanners do.
    TcpSynFin => "tcp_syn_fin",
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for WireError {}

/// The `N` bytes at `at`, if the data reaches that far.
pub(crate) fn array_at<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk::<N>().copied()
}

/// The byte at `at`, if the data reaches that far.
pub(crate) fn u8_at(data: &[u8], at: usize) -> Option<u8> {
    data.get(at).copied()
}

/// The big-endian 16-bit number at `at`, if the data reaches that far.
pub(crate) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    array_at(data, at).map(u16::from_be_bytes)
}

/// The big-endian 32-bit number at `at`, if the data reaches that far.
pub(crate) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    array_at(data, at).map(u32::from_be_bytes)
}

/// Writes `bytes` at `at`; `None` when they do not fit.
pub(crate) fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    out.get_mut(at..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(())
}
