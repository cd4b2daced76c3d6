//! HyStart++: leaving slow start when the round trip grows, before the queue overflows.
//! RFC 9406.

use super::AckEvent;
use crate::tcp::seq::SeqNum;
use crate::time::Span;

/// Segments by which one ACK may grow the window in slow start. RFC 9406 §4.3 has L = 8 without
/// pacing and no limit with it. A peer with receive offload acknowledges a whole super-frame at
/// once, 45 segments of 1460 bytes, so 8 would make slow start five times slower than it is meant
/// to be; this bounds what a single ACK may release to about the longest train.
pub(super) const ABC_LIMIT: u32 = 48;
/// How much slower conservative slow start grows.
pub(super) const CSS_GROWTH_DIVISOR: u32 = 4;

/// The least growth of the round trip that counts.
const MIN_RTT_THRESH: Span = Span::from_millis(4);
/// The growth that always counts.
const MAX_RTT_THRESH: Span = Span::from_millis(16);
/// The part of the last round's minimum that counts, between the two.
const MIN_RTT_DIVISOR: u32 = 8;
/// Samples of a round before its minimum is looked at.
const N_RTT_SAMPLE: u8 = 8;
/// Rounds of conservative slow start before congestion avoidance.
const CSS_ROUNDS: u8 = 5;

/// Where slow start stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The window doubles.
    Fast,
    /// The round trip grew: slower, to see whether it was a mere spike.
    Conservative,
    /// It was not: slow start is over.
    Done,
}

/// The state of HyStart++.
#[derive(Clone, Copy, Debug)]
pub(super) struct HyStart {
    /// Where this round ends; `None` before the first ACK.
    window_end: Option<SeqNum>,
    /// The smallest round trip of the round before this.
    last_round_min: Option<Span>,
    /// The smallest round trip of this round.
    current_round_min: Option<Span>,
    /// Samples of this round.
    samples: u8,
    /// Conservative slow start, while it lasts.
    conservative: Option<Conservative>,
}

/// Conservative slow start.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    /// The smallest round trip when it began: below it, the growth was spurious.
    baseline: Span,
    /// Rounds it has lasted.
    rounds: u8,
}

impl HyStart {
    /// The start of a connection.
    pub(super) const fn new() -> Self {
        Self {
            window_end: None,
            last_round_min: None,
            current_round_min: None,
            samples: 0,
            conservative: None,
        }
    }

    /// Takes an ACK of slow start in.
    pub(super) fn on_ack(&mut self, ack: &AckEvent) -> Phase {
        if let Some(rtt) = ack.rtt {
            self.samples = self.samples.saturating_add(1);
            self.current_round_min = Some(self.current_round_min.map_or(rtt, |min| min.min(rtt)));
            self.look_at_round();
        }
        // A round ends when what was unsent at its start is acknowledged; the first one is the first
        // flight. RFC 9406 §4.2.
        let end = *self.window_end.get_or_insert(ack.snd_nxt);
        if ack.snd_una.after_or_eq(end) {
            self.window_end = Some(ack.snd_nxt);
            self.last_round_min = self.current_round_min.take();
            self.samples = 0;
            if let Some(conservative) = &mut self.conservative {
                conservative.rounds += 1;
                if conservative.rounds >= CSS_ROUNDS {
                    return Phase::Done;
                }
            }
        }
        match self.conservative {
            None => Phase::Fast,
            Some(_) => Phase::Conservative,
        }
    }

    /// Enters or leaves conservative slow start by this round's minimum.
    fn look_at_round(&mut self) {
        let (Some(current), Some(last)) = (self.current_round_min, self.last_round_min) else {
            return;
        };
        if self.samples < N_RTT_SAMPLE {
            return;
        }
        match self.conservative {
            None => {
                let thresh = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if current >= last + thresh {
                    self.conservative = Some(Conservative { baseline: current, rounds: 0 });
                }
            }
            Some(conservative) if current < conservative.baseline => self.conservative = None,
            Some(_) => {}
        }
    }
}
