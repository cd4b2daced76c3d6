//! The TCP header. RFC 9293 §3.1.

use core::fmt;
use core::net::IpAddr;
use core::ops::{BitOr, BitOrAssign, Range};

use super::checksum::{self, Checksum, ChecksumFound, ChecksumPolicy};
use super::ipv4::protocol;
#[cfg(test)]
use super::put;
use super::{WireError, array_at, u16_at};
use crate::tcp::seq::SeqNum;

/// Length of a header without options.
pub(crate) const HEADER_LEN: usize = 20;
/// Offset of the sequence number in the header.
pub(crate) const SEQ_AT: usize = 4;
/// Offset of the acknowledgement number in the header.
pub(crate) const ACK_AT: usize = 8;
/// Offset of the flags in the header.
pub(crate) const FLAGS_AT: usize = 13;
/// Offset of the window in the header.
pub(crate) const WINDOW_AT: usize = 14;
/// Offset of the checksum in the header.
pub(crate) const CHECKSUM_AT: usize = 16;

/// The control bits of a header.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags(u16);

impl Flags {
    /// No bit.
    pub(crate) const NONE: Self = Self(0);
    /// The sender has finished sending.
    pub(crate) const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub(crate) const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub(crate) const RST: Self = Self(0x04);
    /// Push.
    pub(crate) const PSH: Self = Self(0x08);
    /// The acknowledgement number is valid.
    pub(crate) const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub(crate) const URG: Self = Self(0x20);
    /// ECN echo.
    pub(crate) const ECE: Self = Self(0x40);
    /// Congestion window reduced.
    pub(crate) const CWR: Self = Self(0x80);
    /// Accurate ECN. RFC 9768 §3.1.
    pub(crate) const AE: Self = Self(0x100);

    /// The bits as the wire carries them: the octet at [`FLAGS_AT`], and the lowest bit of the one
    /// before it.
    pub(crate) const fn from_wire([before, octet]: [u8; 2]) -> Self {
        Self(u16::from_be_bytes([before & 1, octet]))
    }

    /// The bits for the wire, in the same two octets.
    pub(crate) const fn to_wire(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// AE, CWR and ECE as a number of three bits: the ACE field. RFC 9768 §3.2.
    pub(crate) const fn ace(self) -> u8 {
        let [_, low] = (self.0 >> 6).to_be_bytes();
        low & 0b111
    }

    /// An ACE field, of which only the lowest three bits count.
    pub(crate) const fn with_ace(ace: u8) -> Self {
        Self(u16::from_be_bytes([0, ace & 0b111]) << 6)
    }

    /// Whether every bit of `other` is set.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::SYN, "SYN"),
            (Self::FIN, "FIN"),
            (Self::RST, "RST"),
            (Self::PSH, "PSH"),
            (Self::ACK, "ACK"),
            (Self::URG, "URG"),
            (Self::ECE, "ECE"),
            (Self::CWR, "CWR"),
            (Self::AE, "AE"),
        ];
        f.write_str("[")?;
        let mut separator = "";
        for (flag, name) in names {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = " ";
            }
        }
        f.write_str("]")
    }
}

/// A TCP header without its options, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpHeader {
    /// The sender's port.
    pub(crate) source_port: u16,
    /// The receiver's port.
    pub(crate) destination_port: u16,
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.ACK; means nothing without [`Flags::ACK`].
    pub(crate) ack: SeqNum,
    /// The control bits.
    pub(crate) flags: Flags,
    /// The window field, not scaled.
    pub(crate) window: u16,
}

/// A header that was checked, and where the rest of the segment lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TcpParsed {
    /// The header.
    pub(crate) header: TcpHeader,
    /// Where the options lie in the segment.
    pub(crate) options: Range<usize>,
    /// Where the payload lies in the segment.
    pub(crate) payload: Range<usize>,
    /// How the checksum was found.
    pub(crate) checksum: ChecksumFound,
}

/// The two ends of a packet, for its pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Who sends it.
    pub(crate) source: IpAddr,
    /// Whom it is for.
    pub(crate) destination: IpAddr,
}

impl TcpHeader {
    /// Parses the header of `segment` (an IP packet's whole payload) and verifies its checksum.
    ///
    /// # Errors
    /// Any `Tcp*` variant but those of the options.
    pub(crate) fn parse(
        segment: &[u8],
        endpoints: Endpoints,
        policy: ChecksumPolicy,
    ) -> Result<TcpParsed, WireError> {
        let fixed = array_at::<HEADER_LEN>(segment, 0).ok_or(WireError::TcpTruncated)?;
        let [
            source_h,
            source_l,
            dest_h,
            dest_l,
            seq_a,
            seq_b,
            seq_c,
            seq_d,
            ack_a,
            ack_b,
            ack_c,
            ack_d,
            offset,
            flags,
            window_h,
            window_l,
            sum_h,
            sum_l,
            _,
            _,
        ] = fixed;
        let header_len = usize::from(offset >> 4) * 4;
        if header_len < HEADER_LEN || header_len > segment.len() {
            return Err(WireError::TcpDataOffset);
        }
        let field = u16::from_be_bytes([sum_h, sum_l]);
        let pseudo_header = endpoints.pseudo_header(protocol::TCP, segment.len());
        let checksum = checksum::verify(pseudo_header, segment, field, policy)
            .ok_or(WireError::TcpChecksum)?;
        let header = Self {
            source_port: u16::from_be_bytes([source_h, source_l]),
            destination_port: u16::from_be_bytes([dest_h, dest_l]),
            seq: SeqNum::from_wire(u32::from_be_bytes([seq_a, seq_b, seq_c, seq_d])),
            ack: SeqNum::from_wire(u32::from_be_bytes([ack_a, ack_b, ack_c, ack_d])),
            flags: Flags::from_wire([offset, flags]),
            window: u16::from_be_bytes([window_h, window_l]),
        };
        if header.source_port == 0 || header.destination_port == 0 {
            return Err(WireError::TcpPortZero);
        }
        if header.flags.contains(Flags::SYN | Flags::FIN) {
            return Err(WireError::TcpSynFin);
        }
        Ok(TcpParsed {
            header,
            options: HEADER_LEN..header_len,
            payload: header_len..segment.len(),
            checksum,
        })
    }

    /// Writes the fixed header in front of `options_len` octets of options (a multiple of 4, at
    /// most 40), checksum 0 and urgent pointer 0; gives the header's whole length, or `None`
    /// when `out` is too short for it.
    pub(crate) fn emit(&self, options_len: usize, out: &mut [u8]) -> Option<usize> {
        let header_len = HEADER_LEN + options_len;
        let words = u8::try_from(header_len / 4).ok().filter(|words| *words <= 15)?;
        out.get(..header_len)?;
        let [source_h, source_l] = self.source_port.to_be_bytes();
        let [to_h, to_l] = self.destination_port.to_be_bytes();
        let [s0, s1, s2, s3] = self.seq.to_wire().to_be_bytes();
        let [a0, a1, a2, a3] = self.ack.to_wire().to_be_bytes();
        let [before, flags] = self.flags.to_wire();
        let offset = words << 4 | before;
        let [window_h, window_l] = self.window.to_be_bytes();
        *out.first_chunk_mut()? = [
            source_h, source_l, to_h, to_l, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags,
            window_h, window_l, 0, 0, 0, 0,
        ];
        Some(header_len)
    }
}

impl Endpoints {
    /// The pseudo-header's sum for a packet of `length` octets. RFC 9293 §3.1, RFC 8200 §8.1.
    pub(crate) fn pseudo_header(self, protocol: u8, length: usize) -> Checksum {
        Checksum::pseudo_header(self.source, self.destination, protocol, length)
    }
}

/// Computes the checksum of `segment` and writes it into its header. `None` when the segment is
/// shorter than a header.
#[cfg(test)]
pub(crate) fn fill_checksum(segment: &mut [u8], endpoints: Endpoints) -> Option<()> {
    put(segment, CHECKSUM_AT, &[0, 0])?;
    let mut sum = endpoints.pseudo_header(protocol::TCP, segment.len());
    sum.add(segment);
    put(segment, CHECKSUM_AT, &sum.finish().to_be_bytes())
}

/// The ports and the sequence number in the first 8 octets of a header: what an ICMP error
/// quotes at least.
pub(crate) fn parse_quoted(segment: &[u8]) -> Option<(u16, u16, SeqNum)> {
    let source_port = u16_at(segment, 0)?;
    let destination_port = u16_at(segment, 2)?;
    let seq = SeqNum::from_wire(u32::from_be_bytes(array_at(segment, SEQ_AT)?));
    Some((source_port, destination_port, seq))
}
