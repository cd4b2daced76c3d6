//! A segment as the wire has it.

use std::net::SocketAddr;
use std::sync::Arc;

/// A point in time, or a span: from an origin that is the same for all of a host's steps.
pub type Time = std::time::Duration;

/// The two ends of a connection, as the judged host sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The judged host's end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

/// The control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data.
    pub const FIN: Self = Self(0x01);
    /// Synchronize.
    pub const SYN: Self = Self(0x02);
    /// Reset.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);
    /// Urgent.
    pub const URG: Self = Self(0x20);

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A timestamps option. RFC 7323 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// TSval.
    pub value: u32,
    /// TSecr.
    pub echo: u32,
}

/// The options of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The largest segment that its sender takes.
    pub mss: Option<u16>,
    /// The shift of the sender's windows.
    pub scale: Option<u8>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// Timestamps.
    pub stamps: Option<Stamps>,
    /// SACK blocks: left edge, right edge.
    pub sack: Vec<(u32, u32)>,
    /// Octets that all options take up, with their padding.
    pub octets: usize,
}

/// How much of a received segment an honest stack would use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the RFCs have it.
    Right,
    /// Something about it is odd, such as SYN and FIN together, or options that contradict their
    /// lengths: a host may take it or leave it.
    Odd,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// SEG.SEQ.
    pub seq: u32,
    /// The acknowledgment field, whether it counts or not.
    pub ack: u32,
    /// The control bits.
    pub flags: Flags,
    /// SEG.WND, not scaled.
    pub window: u16,
    /// The options.
    pub options: Options,
    /// The text.
    pub text: Arc<[u8]>,
    /// Octets of the whole IP packet.
    pub packet_octets: usize,
    /// How right it is.
    pub form: Form,
}

impl Segment {
    /// Whether it has that control bit.
    #[must_use]
    pub const fn has(&self, flag: Flags) -> bool {
        self.flags.has(flag)
    }

    /// Octets of text.
    #[must_use]
    pub fn text_len(&self) -> i64 {
        i64::try_from(self.text.len()).unwrap_or(i64::MAX)
    }

    /// SEG.LEN: text, SYN and FIN.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.text_len() + i64::from(self.has(Flags::SYN)) + i64::from(self.has(Flags::FIN))
    }

    /// Whether it takes up no sequence number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One line about it.
    #[must_use]
    pub fn line(&self) -> String {
        let mut text = String::new();
        for (flag, name) in [
            (Flags::SYN, "SYN "),
            (Flags::FIN, "FIN "),
            (Flags::RST, "RST "),
            (Flags::PSH, "PSH "),
            (Flags::ACK, "ACK "),
            (Flags::URG, "URG "),
        ] {
            if self.has(flag) {
                text += name;
            }
        }
        text += &format!("seq {} len {}", self.seq, self.text.len());
        if self.has(Flags::ACK) {
            text += &format!(" ack {}", self.ack);
        }
        text += &format!(" win {}", self.window);
        let Options { mss, scale, sack_permitted, stamps, sack, octets: _ } = &self.options;
        if let Some(mss) = mss {
            text += &format!(" mss {mss}");
        }
        if let Some(scale) = scale {
            text += &format!(" scale {scale}");
        }
        if *sack_permitted {
            text += " sackOK";
        }
        if let Some(Stamps { value, echo }) = stamps {
            text += &format!(" ts {value}/{echo}");
        }
        for (left, right) in sack {
            text += &format!(" sack {left}..{right}");
        }
        if self.form == Form::Odd {
            text += " (odd)";
        }
        text
    }
}
