//! What counts as lost: by time (RFC 8985), by three duplicate ACKs (RFC 5681).

use super::{AckFacts, Phase, Progress, Recovery, Reports};
use crate::tcp::sack::{Detected, Learned, LossDeadline, Reordered, Scoreboard};
use crate::tcp::seq::SeqNum;
use crate::time::Span;

/// How much longer than usual reordering is waited for. RFC 8985 §6.2, step 4.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// RACK.reo_wnd_mult: quarters of the smallest round trip, at least 1.
    pub(super) quarters: u8,
    /// RACK.reo_wnd_persist: recoveries until it is 1 again.
    pub(super) recoveries: u8,
    /// RACK.dsack_round: until SND.UNA is here, further D-SACKs say nothing new.
    pub(super) round_end: Option<SeqNum>,
}

impl Recovery {
    /// RFC 8985 §6.2, steps 1 to 3.
    pub(super) fn note_delivery(&mut self, facts: &AckFacts, learned: &Learned) {
        if learned.reordered == Reordered::Yes {
            self.reordered = Reordered::Yes;
        }
        let Some(delivery) = learned.evidence else { return };
        self.rtt = facts.now - delivery.sent_at;
        self.delivery = Some(delivery.latest(self.delivery));
    }

    /// Something arrived twice: more patience would have spared the retransmission. Once a round
    /// trip, and not for a probe, which no patience spares. RFC 8985 §6.2, step 4.
    pub(super) fn note_duplicate(&mut self, facts: &AckFacts) {
        let patience = &mut self.patience;
        if patience.round_end.is_some_and(|end| facts.snd_una.after_or_eq(end)) {
            patience.round_end = None;
        }
        let of_probe = self.probe.is_some_and(|probe| probe.is_reported_by(facts));
        if facts.duplicate.is_some() && !of_probe && patience.round_end.is_none() {
            patience.round_end = Some(facts.snd_nxt);
            patience.quarters = patience.quarters.saturating_add(1);
            patience.recoveries = PATIENT_RECOVERIES;
        }
    }

    /// Finds losses by time, or by three duplicate ACKs. RFC 8985 §6.2; RFC 5681 §3.2.
    pub(super) fn detect(&self, facts: &AckFacts, scoreboard: &mut Scoreboard) -> Detected {
        let mut detected = Detected::default();
        match facts.reports {
            Reports::Sack => {
                if let Some(delivery) = self.delivery {
                    let patience = self.rtt + self.reordering_window(facts, scoreboard);
                    let deadline = LossDeadline { now: facts.now, patience };
                    detected = scoreboard.detect_loss(delivery, deadline);
                }
            }
            Reports::DuplicateAcks => {
                // A partial ACK in fast recovery means that the next segment is lost too: RFC 6582
                // §3.2. Duplicates behind it are for what was in flight already, and say nothing of
                // what has just been sent again. After a timeout everything is given up already, and
                // duplicate ACKs answer what was sent again for nothing: RFC 6582 §4.
                // Other segments that come after the third one count nothing.
                let third = facts.progress == Progress::Duplicate && self.dup_acks == DUP_THRESH;
                let lost = match self.phase {
                    Phase::Open => third,
                    Phase::Fast { .. } => facts.progress == Progress::Advanced,
                    Phase::Timeout { .. } => false,
                };
                if lost {
                    detected.lost_bytes = scoreboard.lose_first(facts.path.mss);
                }
            }
        }
        detected
    }

    /// The timer expired: the first segment is lost, and others that were sent a round trip ago and
    /// more; what was sent lately is still on its way. RFC 8985 §6.3. Without SACK nothing tells the one
    /// from the other.
    pub(super) fn give_up_at_timeout(&self, facts: &AckFacts, scoreboard: &mut Scoreboard) {
        match facts.reports {
            Reports::Sack => {
                scoreboard.lose_first(facts.path.mss);
                let rtt = match self.delivery {
                    Some(_) => self.rtt,
                    None => facts.path.srtt.unwrap_or(Span::ZERO),
                };
                let patience = rtt + self.reordering_window(facts, scoreboard);
                scoreboard.lose_late(LossDeadline { now: facts.now, patience });
            }
            Reports::DuplicateAcks => scoreboard.lose_all(),
        }
    }

    /// How long a segment may be late. RFC 8985 §6.2, step 4.
    fn reordering_window(&self, facts: &AckFacts, scoreboard: &Scoreboard) -> Span {
        let many = scoreboard.sacked_bytes() > facts.path.mss * (u32::from(DUP_THRESH) - 1)
            || self.dup_acks >= DUP_THRESH;
        if self.reordered == Reordered::No && (self.is_active() || many) {
            return Span::ZERO;
        }
        let quarters = u32::from(self.patience.quarters);
        let window = facts.path.min_rtt.map_or(Span::ZERO, |min| min / 4 * quarters);
        facts.path.srtt.map_or(window, |srtt| window.min(srtt))
    }
}

impl Patience {
    /// A recovery is over.
    pub(super) const fn recovered(&mut self) {
        self.recoveries = self.recoveries.saturating_sub(1);
        if self.recoveries == 0 {
            self.quarters = 1;
        }
    }
}

/// Recoveries for which D-SACKs make patient. RFC 8985 §6.2, step 4.
const PATIENT_RECOVERIES: u8 = 16;
/// Duplicate ACKs that mean a loss. RFC 5681 §3.2.
const DUP_THRESH: u8 = 3;
