//! The rules, one file a topic. Each is asked about what it is about, and fires or forbids.

mod ack;
mod arrival;
mod close;
mod congestion;
mod delayed;
mod handshake;
mod options;
mod probes;
pub(crate) mod reset;
mod retransmit;
mod sender;
mod sequence;
mod shown;
mod spurious;
mod text;
mod time_wait;
mod timeouts;
mod window;

pub(crate) use spurious::Episode;

/// Whether something happens to a received segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It does not.
    No,
    /// It may: the RFCs, or what can be known, leave it open.
    May,
    /// It does.
    Must,
}

impl Effect {
    /// The same, if `sure`; else it only may.
    pub(crate) fn if_sure(self, sure: bool) -> Self {
        match self {
            Self::Must if !sure => Self::May,
            other => other,
        }
    }
}
