//! A received segment as a value: everything the state machine asks about it, parsed once.

use core::net::{IpAddr, SocketAddr};
use core::ops::Range;

use super::seq::SeqNum;
use crate::wire::WireError;
use crate::wire::accecn::AccEcn;
use crate::wire::checksum::{ChecksumFound, ChecksumPolicy};
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::{Endpoints, Flags, TcpHeader};
use crate::wire::tcp_options::{SegmentOptions, SynOptions, Timestamps};

/// What a segment does to the connection besides carrying data. At most one of them counts:
/// RST before SYN before FIN, as RFC 9293 §3.10.7 looks at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Only data or an acknowledgement.
    None,
    /// Opens.
    Syn,
    /// Ends the sender's data.
    Fin,
    /// Resets.
    Rst,
}

impl Control {
    /// Sequence numbers it takes up.
    pub(crate) const fn seq_len(self) -> u32 {
        match self {
            Self::None | Self::Rst => 0,
            Self::Syn | Self::Fin => 1,
        }
    }
}

/// The options of a segment, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// Of a SYN: they negotiate.
    Syn(SynOptions),
    /// Of any other segment: they use what was negotiated.
    Other(SegmentOptions),
}

impl Options {
    /// The AccECN option.
    pub(crate) const fn accecn(&self) -> Option<AccEcn> {
        match self {
            Self::Syn(options) => options.accecn,
            Self::Other(options) => options.accecn,
        }
    }
}

/// The two ends of a connection, as this host sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FourTuple {
    /// This host's end.
    pub(crate) local: SocketAddr,
    /// The peer's end.
    pub(crate) remote: SocketAddr,
}

/// The family of a connection's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

impl FourTuple {
    /// Whose addresses they are.
    pub(crate) const fn ip_version(&self) -> IpVersion {
        if self.local.is_ipv4() { IpVersion::V4 } else { IpVersion::V6 }
    }
}

/// A received segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Whose connection it belongs to.
    pub(crate) tuple: FourTuple,
    /// SEG.SEQ.
    pub(crate) seq: SeqNum,
    /// SEG.ACK, if the segment acknowledges.
    pub(crate) ack: Option<SeqNum>,
    /// What it does besides carrying data.
    pub(crate) control: Control,
    /// All its flags, for those that [`Segment::control`] leaves out: PSH, ECE, CWR.
    pub(crate) flags: Flags,
    /// SEG.WND as the header has it, not scaled.
    pub(crate) window: u16,
    /// Its options.
    pub(crate) options: Options,
    /// Where its payload lies in the frame.
    pub(crate) payload: Range<usize>,
    /// The ECN field of the packet that carried it.
    pub(crate) ecn: Ecn,
    /// How its checksum was found.
    pub(crate) checksum: ChecksumFound,
}

/// An IP packet's payload that should be a segment, with what its headers said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carrier<'a> {
    /// The payload.
    pub(crate) bytes: &'a [u8],
    /// Where it starts in the frame.
    pub(crate) offset: usize,
    /// Who sent it.
    pub(crate) source: IpAddr,
    /// Whom it is for.
    pub(crate) destination: IpAddr,
    /// The ECN field.
    pub(crate) ecn: Ecn,
}

impl Segment {
    /// Parses a segment that was received.
    ///
    /// # Errors
    /// Any `Tcp*` variant.
    pub(crate) fn parse(carrier: Carrier<'_>, policy: ChecksumPolicy) -> Result<Self, WireError> {
        let Carrier { bytes, offset, source, destination, ecn } = carrier;
        let parsed = TcpHeader::parse(bytes, Endpoints { source, destination }, policy)?;
        let header = parsed.header;
        let flags = header.flags;
        let options = bytes.get(parsed.options).ok_or(WireError::TcpDataOffset)?;
        let control = if flags.contains(Flags::RST) {
            Control::Rst
        } else if flags.contains(Flags::SYN) {
            Control::Syn
        } else if flags.contains(Flags::FIN) {
            Control::Fin
        } else {
            Control::None
        };
        let options = match control {
            Control::Syn => Options::Syn(SynOptions::parse(options)?),
            Control::None | Control::Fin | Control::Rst => {
                Options::Other(SegmentOptions::parse(options)?)
            }
        };
        let tuple = FourTuple {
            local: SocketAddr::new(destination, header.destination_port),
            remote: SocketAddr::new(source, header.source_port),
        };
        Ok(Self {
            tuple,
            seq: header.seq,
            ack: flags.contains(Flags::ACK).then_some(header.ack),
            control,
            flags,
            window: header.window,
            options,
            payload: offset + parsed.payload.start..offset + parsed.payload.end,
            ecn,
            checksum: parsed.checksum,
        })
    }

    /// Octets of payload.
    pub(crate) fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// SEG.LEN: payload and control together. A packet's length bounds it far below 2^31.
    pub(crate) fn seq_len(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(self.control.seq_len())
    }

    /// The sequence number behind this segment.
    pub(crate) fn seq_end(&self) -> SeqNum {
        self.seq + self.seq_len()
    }

    /// The sequence number of the first octet of payload: behind a SYN.
    pub(crate) fn payload_seq(&self) -> SeqNum {
        match self.control {
            Control::Syn => self.seq + 1,
            Control::None | Control::Fin | Control::Rst => self.seq,
        }
    }

    /// The timestamps, whichever kind of segment this is.
    pub(crate) const fn timestamps(&self) -> Option<Timestamps> {
        match self.options {
            Options::Syn(options) => options.timestamps,
            Options::Other(options) => options.timestamps,
        }
    }
}
