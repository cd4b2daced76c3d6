//! Round-trip time and the retransmission timeout. RFC 6298, RFC 7323 appendix G.

use super::short::{CoarseInstant, ShortSpan};
use crate::time::{Instant, Span};

/// Granularity of the clock: below every round-trip time that matters.
const GRANULARITY: Span = Span::from_millis(1);
/// How long a minimum is believed: a path may get longer. As Linux, 300 s.
const MIN_RTT_WINDOW: Span = Span::from_secs(300);
/// The timeout for data after a SYN had to be sent again. RFC 6298 §5 (5.7).
const RTO_AFTER_SYN_LOSS: Span = Span::from_secs(3);
/// Doublings beyond which the timeout is at its maximum anyway.
const BACKOFF_MAX: u8 = 16;

/// Bounds of the retransmission timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtoBounds {
    /// Before the first sample.
    pub(crate) initial: Span,
    /// Never below this.
    pub(crate) min: Span,
    /// Never above this.
    pub(crate) max: Span,
}

/// One measurement of the round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RttSample {
    /// From the first transmission to its acknowledgement. Never of a segment that was sent
    /// again, unless timestamps tell which transmission was acknowledged.
    pub(crate) rtt: Span,
    /// Samples expected in one round trip: 1 without timestamps, about one per two segments
    /// in flight with them. RFC 7323 appendix G.
    pub(crate) expected_per_round: u32,
}

/// SRTT, RTTVAR, RTO and the smallest round trip lately.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RttEstimator {
    /// SRTT and RTTVAR, once there was a sample.
    smoothed: Option<Smoothed>,
    /// The smallest round trip lately.
    min: WindowedMin,
    /// How often the timeout was doubled since the last acknowledgement of new data.
    backoff: u8,
    /// How the handshake went.
    handshake: Handshake,
}

/// Whether the SYN was lost, which counts until there is a sample.
#[derive(Clone, Copy, Debug)]
enum Handshake {
    Usual,
    SynLost,
}

/// The smoothed state. RFC 6298 §2.
#[derive(Clone, Copy, Debug)]
struct Smoothed {
    /// SRTT.
    srtt: ShortSpan,
    /// RTTVAR.
    rttvar: ShortSpan,
}

impl RttEstimator {
    /// An estimator without samples.
    pub(crate) const fn new() -> Self {
        let min = WindowedMin { candidates: None };
        Self { smoothed: None, min, backoff: 0, handshake: Handshake::Usual }
    }

    /// Takes a measurement in. RFC 6298 §2 (2.2), (2.3).
    pub(crate) fn on_sample(&mut self, now: Instant, sample: RttSample) {
        let RttSample { rtt, expected_per_round } = sample;
        let rtt = ShortSpan::of(rtt);
        self.min.update(now, rtt);
        let smoothed = match self.smoothed {
            None => Smoothed { srtt: rtt, rttvar: rtt.half() },
            Some(Smoothed { srtt, rttvar }) => {
                // RFC 7323 appendix G: the weights of a whole round, spread over its samples.
                let weight = expected_per_round.clamp(1, 1 << 16);
                let rttvar = rttvar.moved_towards(srtt.abs_diff(rtt), 4 * weight);
                Smoothed { srtt: srtt.moved_towards(rtt, 8 * weight), rttvar }
            }
        };
        self.smoothed = Some(smoothed);
    }

    /// The retransmission timeout, backoff included, within its bounds. RFC 6298 §2.
    pub(crate) fn rto(&self, bounds: RtoBounds) -> Span {
        let base = match (self.smoothed, self.handshake) {
            (Some(Smoothed { srtt, rttvar }), _) => {
                let variance = (rttvar.span() * 4).max(GRANULARITY);
                (srtt.span() + variance).clamp(bounds.min, bounds.max)
            }
            (None, Handshake::Usual) => bounds.initial,
            (None, Handshake::SynLost) => RTO_AFTER_SYN_LOSS.clamp(bounds.min, bounds.max),
        };
        (base * (1 << self.backoff)).min(bounds.max)
    }

    /// The timeout expired: the next one is twice as long. RFC 6298 §5 (5.5).
    pub(crate) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(BACKOFF_MAX);
    }

    /// New data was acknowledged: the path works, and the timeout is what was measured.
    pub(crate) const fn reset_backoff(&mut self) {
        self.backoff = 0;
    }

    /// How often the timeout was doubled.
    pub(crate) const fn backoff(&self) -> u8 {
        self.backoff
    }

    /// The handshake is over and its SYN was sent more than once. RFC 6298 §5 (5.7).
    pub(crate) const fn after_syn_loss(&mut self) {
        self.backoff = 0;
        self.handshake = Handshake::SynLost;
    }

    /// SRTT, once there was a sample.
    pub(crate) fn srtt(&self) -> Option<Span> {
        self.smoothed.map(|smoothed| smoothed.srtt.span())
    }

    /// RTTVAR, once there was a sample.
    pub(crate) fn rttvar(&self) -> Option<Span> {
        self.smoothed.map(|smoothed| smoothed.rttvar.span())
    }

    /// The smallest round trip of the last five minutes: RACK's idea of reordering, RFC 8985 §6.2.
    pub(crate) fn min_rtt(&self) -> Option<Span> {
        self.min.get()
    }
}

/// The minimum over a moving window, from the three best candidates: the best, the best since
/// that one, and the best since the second. Kathleen Nichols' filter.
#[derive(Clone, Copy, Debug)]
struct WindowedMin {
    /// The candidates, best first, each measured no earlier than the one before it.
    candidates: Option<[Candidate; 3]>,
}

/// A round trip and when it was measured.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The round trip.
    rtt: ShortSpan,
    /// When.
    at: CoarseInstant,
}

impl WindowedMin {
    /// The minimum.
    fn get(&self) -> Option<Span> {
        self.candidates.map(|[best, _, _]| best.rtt.span())
    }

    /// Takes a measurement in.
    fn update(&mut self, now: Instant, rtt: ShortSpan) {
        let new = Candidate { rtt, at: CoarseInstant::of(now) };
        let Some([best, second, third]) = &mut self.candidates else {
            self.candidates = Some([new; 3]);
            return;
        };
        if rtt <= best.rtt || third.at.age(now) > MIN_RTT_WINDOW {
            self.candidates = Some([new; 3]);
            return;
        }
        if rtt <= second.rtt {
            *second = new;
            *third = new;
        } else if rtt <= third.rtt {
            *third = new;
        }
        let age = best.at.age(now);
        if age > MIN_RTT_WINDOW {
            // The best is too old: the others move up.
            *best = *second;
            *second = *third;
            *third = new;
            if best.at.age(now) > MIN_RTT_WINDOW {
                *best = *second;
                *second = *third;
            }
        } else if second.at == best.at && age > MIN_RTT_WINDOW / 4 {
            // A quarter of the window without a second choice: take this one.
            *second = new;
            *third = new;
        } else if third.at == second.at && age > MIN_RTT_WINDOW / 2 {
            *third = new;
        }
    }
}
