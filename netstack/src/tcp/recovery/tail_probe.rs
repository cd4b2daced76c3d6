//! What became of a tail loss probe. RFC 8985 §7.

use super::{AckFacts, Progress, Recovery};
use crate::tcp::sack::{Scoreboard, Sent};
use crate::tcp::send_buffer::SeqRange;

/// A tail loss probe. RFC 8985 §7.3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    /// What it sent: its end is SND.NXT of that time.
    pub(super) range: SeqRange,
    /// Whether that was sent before: then the probe may have repaired a loss.
    pub(super) sent: Sent,
}

/// Whether a round trip was measured since the last probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    /// No.
    No,
    /// Yes, or there was no probe.
    Yes,
}

impl Recovery {
    /// A tail loss probe of `range` went out, for the first time or again.
    pub(crate) const fn on_probe(&mut self, range: SeqRange, sent: Sent) {
        self.probe = Some(Probe { range, sent });
        self.measured = Measured::No;
    }

    /// Whether a probe may go out: none is unanswered, and a round trip was measured since the last
    /// one, so that probes are no reason for never measuring one. RFC 8985 §7.3.
    pub(crate) fn may_probe(&self) -> bool {
        self.probe.is_none() && self.measured == Measured::Yes
    }

    /// Whether nobody has measured a round trip since the last probe.
    pub(crate) fn awaits_sample(&self) -> bool {
        self.measured == Measured::No
    }

    /// A round trip was measured.
    pub(crate) const fn on_sample(&mut self) {
        self.measured = Measured::Yes;
    }

    /// Whether this ACK shows that a tail loss probe repaired a loss of which nothing else was
    /// heard: it acknowledges more than the probe, and nobody said that the probe arrived twice.
    /// A duplicate ACK that reports nothing says so too. RFC 8985 §7.4.2.
    pub(super) fn probe_repaired(&mut self, facts: &AckFacts, scoreboard: &Scoreboard) -> bool {
        let Some(probe) = self.probe else { return false };
        let end = probe.range.end;
        if facts.snd_una.before(end) {
            return false;
        }
        let duplicate = matches!(facts.progress, Progress::Repeated | Progress::Duplicate);
        let repeated = duplicate && scoreboard.sacked_bytes() == 0 && facts.snd_una == end;
        let needless = probe.sent == Sent::Once || repeated || probe.is_reported_by(facts);
        let repaired = !needless && facts.snd_una.after(end);
        if needless || repaired {
            self.probe = None;
        }
        repaired && !self.is_active()
    }
}

impl Probe {
    /// Whether an ACK says that some of the probe arrived twice.
    pub(super) fn is_reported_by(self, facts: &AckFacts) -> bool {
        facts.duplicate.is_some_and(|block| {
            block.left.before(self.range.end) && block.right.after(self.range.start)
        })
    }
}
