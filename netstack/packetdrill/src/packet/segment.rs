//! A TCP segment as a value. RFC 9293 §3.1.

use std::fmt;
use std::net::SocketAddr;

use super::ip::{Carried, Ecn, TCP, unwrap, upper_checksum, wrap};
use super::options::{TcpOption, decode_options, encode_options};

/// The control bits, with AE as the ninth. RFC 9768 §3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x10);

    /// Each bit with its letter in a script, in the order in which they are written.
    const LETTERS: [(u16, char); 9] = [
        (0x01, 'F'),
        (0x02, 'S'),
        (0x04, 'R'),
        (0x08, 'P'),
        (0x10, '.'),
        (0x20, 'U'),
        (0x40, 'E'),
        (0x80, 'W'),
        (0x100, 'A'),
    ];

    /// The bit of a letter; `None` if no bit has it.
    #[must_use]
    pub fn of_letter(letter: char) -> Option<Self> {
        Self::LETTERS.iter().find(|(_, other)| *other == letter).map(|(bit, _)| Self(*bit))
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With the bits of `other` as well.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("-");
        }
        let set = Self::LETTERS.iter().filter(|(bit, _)| self.0 & bit != 0);
        set.map(|(_, letter)| letter).try_for_each(|letter| write!(f, "{letter}"))
    }
}

/// A segment, with the ends and the ECN field of the packet that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Who sends it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK; 0 without the ACK bit.
    pub ack: u32,
    /// The control bits.
    pub flags: Flags,
    /// SEG.WND, not scaled.
    pub window: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// The options in their order; their bytes together are a multiple of four.
    pub options: Vec<TcpOption>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The ECN field.
    pub ecn: Ecn,
}

impl Segment {
    /// Sequence numbers that it takes up: payload, SYN and FIN.
    #[must_use]
    pub fn seq_len(&self) -> u32 {
        let control = u32::from(self.flags.0 & 1) + u32::from(self.flags.0 >> 1 & 1);
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX) + control
    }

    /// The TCP header and the payload, their checksum 0.
    pub(super) fn body(&self) -> Vec<u8> {
        let options = encode_options(&self.options);
        assert!(options.len().is_multiple_of(4) && options.len() <= 40, "padded, and not too long");
        let words = u16::try_from(5 + options.len() / 4).expect("at most 15");
        let mut body = Vec::with_capacity(20 + options.len() + self.payload.len());
        body.extend_from_slice(&self.source.port().to_be_bytes());
        body.extend_from_slice(&self.destination.port().to_be_bytes());
        body.extend_from_slice(&self.seq.to_be_bytes());
        body.extend_from_slice(&self.ack.to_be_bytes());
        body.extend_from_slice(&(words << 12 | self.flags.0).to_be_bytes());
        body.extend_from_slice(&self.window.to_be_bytes());
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&self.urgent.to_be_bytes());
        body.extend_from_slice(&options);
        body.extend_from_slice(&self.payload);
        body
    }

    /// The IP packet that carries it, checksums included.
    #[must_use]
    pub fn to_packet(&self) -> Vec<u8> {
        let mut body = self.body();
        let (source, destination) = (self.source.ip(), self.destination.ip());
        let carried = Carried { source, destination, protocol: TCP, ecn: self.ecn, body: &body };
        let sum = upper_checksum(&carried);
        body[16..18].copy_from_slice(&sum.to_be_bytes());
        wrap(Carried { source, destination, protocol: TCP, ecn: self.ecn, body: &body })
    }

    /// Reads an IP packet that carries a segment.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_packet(packet: &[u8]) -> Result<Self, String> {
        let carried = unwrap(packet)?;
        if carried.protocol != TCP {
            return Err(format!("an IP packet of protocol {}", carried.protocol));
        }
        if upper_checksum(&carried) != 0 {
            return Err("a wrong TCP checksum".to_owned());
        }
        let short = || format!("a segment of only {} bytes", carried.body.len());
        let header = carried.body.first_chunk::<20>().ok_or_else(short)?;
        let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let word = |at: usize| u32::from(half(at)) << 16 | u32::from(half(at + 2));
        let header_len = usize::from(header[12] >> 4) * 4;
        Ok(Self {
            source: SocketAddr::new(carried.source, half(0)),
            destination: SocketAddr::new(carried.destination, half(2)),
            seq: word(4),
            ack: word(8),
            flags: Flags(half(12) & 0x1ff),
            window: half(14),
            urgent: half(18),
            options: decode_options(carried.body.get(20..header_len).ok_or_else(short)?),
            payload: carried.body[header_len..].to_vec(),
            ecn: carried.ecn,
        })
    }
}
