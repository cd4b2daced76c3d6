//! What repair is told, and what it answers.

use crate::tcp::seq::SeqNum;
use crate::time::{Instant, Span};
use crate::wire::tcp_options::SackBlock;

/// Round-trip facts that loss detection needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// The smoothed round-trip time.
    pub(crate) srtt: Option<Span>,
    /// The smallest round-trip time.
    pub(crate) min_rtt: Option<Span>,
    /// The sender's MSS in bytes.
    pub(crate) mss: u32,
}

/// One acknowledgment, as repair sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckFacts {
    /// When it arrived.
    pub(crate) now: Instant,
    /// SND.UNA after it.
    pub(crate) snd_una: SeqNum,
    /// SND.NXT.
    pub(crate) snd_nxt: SeqNum,
    /// Whether SND.UNA moved.
    pub(crate) progress: Progress,
    /// Round-trip facts.
    pub(crate) path: Path,
    /// How losses are reported.
    pub(crate) reports: Reports,
    /// Whether it showed that a recovery was for nothing.
    pub(crate) spurious: Spurious,
    /// What it reports to have arrived twice. RFC 2883.
    pub(crate) duplicate: Option<SackBlock>,
}

/// What an acknowledgment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It acknowledges new bytes.
    Advanced,
    /// A duplicate ACK in the sense of RFC 5681 §2.
    Duplicate,
    /// It repeats the last one, and nothing is in flight.
    Repeated,
    /// None of these.
    Neither,
}

/// How the peer reports what arrived out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reports {
    /// By SACK.
    Sack,
    /// Only by duplicate ACKs.
    DuplicateAcks,
}

/// What repair decided on an acknowledgment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// A recovery began.
    pub(crate) entered: Entered,
    /// When the reordering window of a range ends.
    pub(crate) look_again: Option<Instant>,
}

/// Whether a recovery began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Entered {
    /// No.
    #[default]
    No,
    /// Yes.
    Yes,
    /// It began and ended at once: a tail loss probe had repaired the loss.
    Repaired,
}

/// Whether a recovery was for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spurious {
    /// It can't be told, or it was needed.
    No,
    /// It was.
    Yes,
}
