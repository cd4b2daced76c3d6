//! What became of a tail loss probe. RFC 8985 §7.

use super::{AckFacts, Progress, Recovery};
use crate::tcp::sack::Sent;
use crate::tcp::send_buffer::SeqRange;

/// A tail loss probe. RFC 8985 §7.3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    /// What it sent: its end is SND.NXT of that time.
    pub(super) range: SeqRange,
    /// Whether that was sent before: then the probe may have repaired a loss.
    pub(super) sent: Sent,
}

impl Recovery {
    /// A tail loss probe of `range` went out, for the first time or again.
    pub(crate) const fn on_probe(&mut self, range: SeqRange, sent: Sent) {
        self.probe = Some(Probe { range, sent });
    }

    /// Whether a probe is unanswered.
    pub(crate) const fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether this ACK shows that a tail loss probe repaired a loss of which nothing else was
    /// heard: it acknowledges more than the probe, and nobody said that the probe arrived twice.
    /// RFC 8985 §7.4.2.
    pub(super) fn probe_repaired(&mut self, facts: &AckFacts) -> bool {
        let Some(probe) = self.probe else { return false };
        let end = probe.range.end;
        if facts.snd_una.before(end) {
            return false;
        }
        let repeated = facts.progress == Progress::Repeated && facts.snd_una == end;
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
