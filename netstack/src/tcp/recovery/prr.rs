//! How much goes out while losses are repaired. RFC 6937.

use super::{AckFacts, Phase, Progress, Recovery, Reports};
use crate::tcp::congestion::Congestion;
use crate::tcp::sack::{Detected, Learned, Scoreboard};

/// Proportional rate reduction. RFC 6937 §3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prr {
    /// Bytes delivered since recovery began.
    pub(super) delivered: u32,
    /// Bytes sent since recovery began.
    pub(super) out: u32,
    /// Bytes in flight when recovery began: RecoverFS.
    pub(super) flight: u32,
}

impl Recovery {
    /// The window during fast recovery. RFC 6937 §3.
    pub(super) fn reduce(
        &mut self,
        facts: &AckFacts,
        learned: &Learned,
        detected: Detected,
        scoreboard: &Scoreboard,
        congestion: &mut Congestion,
    ) {
        let Phase::Fast { prr, .. } = &mut self.phase else { return };
        let mss = facts.path.mss;
        let delivered = match (facts.reports, facts.progress) {
            // Without SACK each duplicate ACK says that a segment arrived. RFC 6937 §3.
            (Reports::DuplicateAcks, Progress::Duplicate) => mss,
            _ => learned.delivered_bytes,
        };
        prr.delivered = prr.delivered.saturating_add(delivered);
        let pipe = match facts.reports {
            Reports::Sack => scoreboard.in_flight_bytes(),
            Reports::DuplicateAcks => {
                let left = u32::from(self.dup_acks).saturating_mul(mss);
                scoreboard.in_flight_bytes().saturating_sub(left)
            }
        };
        let ssthresh = congestion.ssthresh_bytes();
        let allowance = if pipe > ssthresh {
            let share = u64::from(prr.delivered) * u64::from(ssthresh);
            let share = share.div_ceil(u64::from(prr.flight));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(prr.out)
        } else {
            let mut limit = prr.delivered.saturating_sub(prr.out).max(delivered);
            // Slow-start reduction bound only while the repair makes progress without new loss.
            if facts.progress == Progress::Advanced && detected.lost_bytes == 0 {
                limit = limit.saturating_add(mss);
            }
            limit.min(ssthresh.saturating_sub(pipe))
        };
        // The first retransmission goes out whatever the arithmetic says, and without SACK so
        // does the one that a partial ACK asks for. RFC 6582 §3.2.
        let partial = facts.reports == Reports::DuplicateAcks && detected.lost_bytes > 0;
        let forced = if prr.out == 0 || partial { mss } else { 0 };
        congestion.set_cwnd(pipe.saturating_add(allowance.max(forced)));
    }
}
