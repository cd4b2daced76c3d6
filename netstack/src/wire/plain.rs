//! A segment as nearly all are: untagged Ethernet, an IP header without options or extensions, TCP
//! with ACK and neither SYN, FIN nor RST, and with timestamps as everybody pads them or no options.
//!
//! It is parsed in one go. Whatever is any other way is left to [`Packet`](super::packet::Packet),
//! and whatever is taken here is the same there: a test holds the two against each other.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use super::checksum::{self, Checksum, ChecksumFound, ChecksumPolicy};
use super::ethernet::{EtherType, Ethernet, HEADER_LEN as ETHERNET_LEN, MacAddress};
use super::ipv4::{self, Ecn, protocol};
use super::ipv6;
use super::tcp::{self, Flags};
use super::tcp_options::{SegmentOptions, TIMESTAMPS_LEN, Timestamps};
use super::{array_at, u16_at};
use crate::tcp::ends::{Ends, Ports, is_mapped};
use crate::tcp::segment::{Control, Options, Segment};
use crate::tcp::seq::SeqNum;

/// Such a segment, and the stations of its frame.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    /// The station the frame is for.
    pub(crate) destination: MacAddress,
    /// The station that sent it.
    pub(crate) source: MacAddress,
    /// What carries it.
    pub(crate) ether_type: EtherType,
    /// Whose connection it belongs to.
    pub(crate) ends: Ends,
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.ACK.
    pub(crate) ack: SeqNum,
    /// All its flags.
    pub(crate) flags: Flags,
    /// SEG.WND as the header has it, not scaled.
    pub(crate) window: u16,
    /// Its only option.
    pub(crate) timestamps: Option<Timestamps>,
    /// Where its payload lies in the frame.
    pub(crate) payload: Range<usize>,
    /// The ECN field of the packet that carried it.
    pub(crate) ecn: Ecn,
    /// How its checksum was found.
    pub(crate) checksum: ChecksumFound,
}

/// What the IP header said.
struct Around {
    ether_type: EtherType,
    /// The two ends, but for the ports.
    ends: Addresses,
    ecn: Ecn,
    /// The sum of the pseudo-header.
    pseudo_header: Checksum,
    /// Where the segment lies in the frame.
    range: Range<usize>,
}

impl Plain {
    /// Parses a whole frame and verifies every checksum in it. `None`: it is another kind of frame, or
    /// something is wrong with it.
    #[inline(always)]
    pub(crate) fn parse(frame: &[u8], policy: ChecksumPolicy) -> Option<Self> {
        let around = match EtherType::from_wire(u16_at(frame, 12)?)? {
            EtherType::Ipv4 => over_ipv4(frame)?,
            EtherType::Ipv6 => over_ipv6(frame)?,
            EtherType::Arp => return None,
        };
        let Around { ether_type, ends, ecn, pseudo_header, range } = around;
        let segment = frame.get(range.clone())?;
        let fixed = segment.first_chunk::<{ tcp::HEADER_LEN }>()?;
        let [offset, flags] = array_at(fixed, tcp::FLAGS_AT - 1)?;
        let (options_len, timestamps) = match offset >> 4 {
            5 => (0, None),
            8 => (TIMESTAMPS_LEN, Some(Timestamps::alone(segment.get(tcp::HEADER_LEN..)?)?)),
            _ => return None,
        };
        if flags & OPENING_AND_ENDING != 0 || flags & ACK == 0 {
            return None;
        }
        let (remote_port, local_port) = (u16_at(fixed, 0)?, u16_at(fixed, 2)?);
        if remote_port == 0 || local_port == 0 {
            return None;
        }
        let ports = Ports { source: remote_port, destination: local_port };
        let field = u16_at(fixed, tcp::CHECKSUM_AT)?;
        let checksum = checksum::verify(pseudo_header, segment, field, policy)?;
        let number = |at| array_at(fixed, at).map(|raw| SeqNum::from_wire(u32::from_be_bytes(raw)));
        Some(Self {
            destination: MacAddress(array_at(frame, 0)?),
            source: MacAddress(array_at(frame, 6)?),
            ether_type,
            ends: ends.with(ports),
            seq: number(tcp::SEQ_AT)?,
            ack: number(tcp::ACK_AT)?,
            flags: Flags::from_wire([offset, flags]),
            window: u16_at(fixed, tcp::WINDOW_AT)?,
            timestamps,
            payload: range.start + tcp::HEADER_LEN + options_len..range.end,
            ecn,
            checksum,
        })
    }

    /// Octets of payload.
    #[inline]
    pub(crate) fn payload_len(&self) -> u32 {
        // A packet's length bounds it.
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX)
    }

    /// The link header of its frame.
    pub(crate) const fn ethernet(&self) -> Ethernet {
        let Self { destination, source, ether_type, .. } = *self;
        Ethernet { destination, source, vlan: None, ether_type }
    }

    /// The same as any other segment.
    pub(crate) fn into_segment(self) -> Segment {
        let Self { ends, seq, ack, flags, window, timestamps, payload, ecn, checksum, .. } = self;
        let options = SegmentOptions { timestamps, ..SegmentOptions::default() };
        Segment {
            tuple: ends.tuple(),
            seq,
            ack: Some(ack),
            control: Control::None,
            flags,
            window,
            options: Options::Other(options),
            payload,
            ecn,
            checksum,
        }
    }
}

/// Whose connection a frame may be for: without any check, for whoever wants to know early.
#[inline]
pub(crate) fn ends_of(frame: &[u8]) -> Option<Ends> {
    let packet = frame.get(ETHERNET_LEN..)?;
    let (addresses, ports) = match packet.first()? {
        0x45 => {
            let addresses = Addresses::V4(array_at(packet, 12)?, array_at(packet, 16)?);
            (addresses, packet.get(ipv4::HEADER_LEN..)?)
        }
        _ => {
            let addresses = Addresses::V6(array_at(packet, 8)?, array_at(packet, 24)?);
            (addresses, packet.get(ipv6::HEADER_LEN..)?)
        }
    };
    Some(addresses.with(Ports { source: u16_at(ports, 0)?, destination: u16_at(ports, 2)? }))
}

/// Source and destination of a packet.
enum Addresses {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

impl Addresses {
    /// The two ends.
    #[inline(always)]
    const fn with(self, ports: Ports) -> Ends {
        match self {
            Self::V4(source, destination) => Ends::of_v4_packet(source, destination, ports),
            Self::V6(source, destination) => Ends::of_v6_packet(source, destination, ports),
        }
    }
}

/// What an IPv4 header says that has no options and belongs to a whole packet of TCP.
#[inline(always)]
fn over_ipv4(frame: &[u8]) -> Option<Around> {
    let header = frame.get(ETHERNET_LEN..)?.first_chunk::<{ ipv4::HEADER_LEN }>()?;
    let [version_ihl, class, length_h, length_l, _, _, flags, offset, _, protocol, ..] = *header;
    let is_fragment = u16::from_be_bytes([flags, offset]) & ipv4::FRAGMENT_MASK != 0;
    if version_ihl != 0x45 || protocol != protocol::TCP || is_fragment {
        return None;
    }
    if !checksum::is_valid_ipv4(header) {
        return None;
    }
    let (source, destination) = (array_at(header, 12)?, array_at(header, 16)?);
    if !ipv4::may_send(Ipv4Addr::from(source)) {
        return None;
    }
    let start = ETHERNET_LEN + ipv4::HEADER_LEN;
    let end = ETHERNET_LEN + usize::from(u16::from_be_bytes([length_h, length_l]));
    let pseudo_header =
        Checksum::pseudo_header_of(&array_at::<8>(header, 12)?, end.checked_sub(start)?);
    Some(Around {
        ether_type: EtherType::Ipv4,
        ends: Addresses::V4(source, destination),
        ecn: Ecn::from_traffic_class(class),
        pseudo_header,
        range: start..end,
    })
}

/// What an IPv6 header says behind which TCP follows at once.
#[inline(always)]
fn over_ipv6(frame: &[u8]) -> Option<Around> {
    let header = frame.get(ETHERNET_LEN..)?.first_chunk::<{ ipv6::HEADER_LEN }>()?;
    let [version, class, _, _, length_h, length_l, next_header, ..] = *header;
    if version >> 4 != 6 || next_header != protocol::TCP {
        return None;
    }
    let (source, destination): ([u8; 16], [u8; 16]) = (array_at(header, 8)?, array_at(header, 24)?);
    let from = Ipv6Addr::from(source);
    if from.is_multicast() || from.is_loopback() || from.is_unspecified() || is_mapped(destination)
    {
        return None;
    }
    let start = ETHERNET_LEN + ipv6::HEADER_LEN;
    let len = usize::from(u16::from_be_bytes([length_h, length_l]));
    let end = start + len;
    Some(Around {
        ether_type: EtherType::Ipv6,
        ends: Addresses::V6(source, destination),
        ecn: Ecn::from_traffic_class((version << 4) | (class >> 4)),
        pseudo_header: Checksum::pseudo_header_of(&array_at::<32>(header, 8)?, len),
        range: start..end,
    })
}

/// FIN, SYN and RST in the octet of the flags.
const OPENING_AND_ENDING: u8 = 0b111;
/// ACK there.
const ACK: u8 = 0x10;
