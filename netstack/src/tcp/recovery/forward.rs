//! Whether a timeout was spurious, by the order of what arrives: forward RTO recovery. RFC 5682.
//!
//! When the first segment that was sent again is acknowledged, new data goes out before the rest is
//! sent again. What is acknowledged then without having been sent again was only late.

use super::{AckFacts, Phase, Progress, Recovery, Reports, Spurious};
use crate::tcp::congestion::Congestion;
use crate::tcp::sack::{Learned, Scoreboard};
use crate::tcp::send_buffer::SeqRange;
use crate::tcp::seq::SeqNum;

/// How far the test of a timeout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    /// There is none, or it is over.
    Off,
    /// The first segment was sent again: step 1.
    Repeated,
    /// New data up to here goes out: step 2b.
    Fresh { end: SeqNum },
}

/// Whether new data may go out to tell whether a timeout was spurious.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// It may.
    Try,
    /// Timestamps tell, or nothing can.
    Leave,
}

impl Recovery {
    /// Whether an ACK of new data would begin the test.
    pub(crate) const fn may_test(&self) -> bool {
        matches!(self.phase, Phase::Timeout { forward: Forward::Repeated, .. })
    }

    /// The first segment that was sent again is acknowledged: `fresh` is what goes out next, if there
    /// is new data and room for it. RFC 5682 §2.1, §3.1, step 2.
    pub(crate) const fn begin_test(&mut self, fresh: Option<SeqRange>) {
        if let Phase::Timeout { forward: forward @ Forward::Repeated, .. } = &mut self.phase {
            *forward = match fresh {
                Some(SeqRange { end, .. }) => Forward::Fresh { end },
                None => Forward::Off,
            };
        }
    }

    /// Up to where new data goes out, ahead of all that is to be sent again.
    pub(crate) const fn fresh_end(&self) -> Option<SeqNum> {
        match self.phase {
            Phase::Timeout { forward: Forward::Fresh { end }, .. } => Some(end),
            Phase::Open | Phase::Fast { .. } | Phase::Timeout { .. } => None,
        }
    }

    /// What the order of arrival tells. RFC 5682 §2.1, §3.1, steps 2 and 3.
    pub(super) fn order_tells(
        &mut self,
        facts: &AckFacts,
        learned: &Learned,
        scoreboard: &Scoreboard,
        congestion: &mut Congestion,
    ) -> Spurious {
        let Phase::Timeout { end: recover, forward, .. } = &mut self.phase else {
            return Spurious::No;
        };
        let duplicate = facts.progress == Progress::Duplicate;
        match *forward {
            Forward::Off => Spurious::No,
            Forward::Repeated => {
                // With SACK it says no more than what it reports.
                if duplicate && facts.reports == Reports::DuplicateAcks {
                    *forward = Forward::Off;
                }
                Spurious::No
            }
            Forward::Fresh { .. } => {
                let recover = *recover;
                let overtaken =
                    facts.snd_una.before(recover) && scoreboard.highest_held().after(recover);
                let original = learned.original.is_some_and(|start| start.before(recover));
                if original && !overtaken {
                    return Spurious::Yes;
                }
                let repeats = duplicate && learned.delivered_bytes == 0;
                if overtaken || repeats || facts.progress == Progress::Advanced {
                    *forward = Forward::Off;
                    let most = TESTED_WINDOW_SEGMENTS * facts.path.mss;
                    congestion.set_cwnd(congestion.cwnd_bytes().min(most));
                }
                Spurious::No
            }
        }
    }
}

/// The congestion window when the test has shown that the timeout was needed. RFC 5682 §2.1, 3a.
const TESTED_WINDOW_SEGMENTS: u32 = 3;
