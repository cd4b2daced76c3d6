//! Whether the window says something of the path: congestion window validation. RFC 7661.
//!
//! What the path has carried lately is measured by rounds: a round is what is in flight when it
//! begins, and when as much has been delivered a round trip is over, and the path has shown that it
//! carries so much. Where that is less than half of the window, the window is an old one: it is
//! kept for a while, but a loss shows that the path never had room for it.

use super::Delivered;
use crate::time::{Instant, Span};

/// What is known of the use that a window was put to. Only connections whose window has outgrown the
/// first one have this: what anybody may begin with needs no proof.
#[derive(Debug)]
pub(super) struct Validation {
    /// The largest samples of the thirds of the sampling period, the current one first.
    thirds: [u32; THIRDS],
    /// When the current third began.
    third_at: Instant,
    /// When the last sample was taken; `None` while pipeACK is undefined.
    sampled_at: Option<Instant>,
    /// The round that is being measured.
    round: Round,
    /// The non-validated phase, while it lasts.
    phase: Option<NonValidated>,
    /// Whether losses are being repaired: no samples are taken then.
    repair: Repair,
}

/// The non-validated phase.
#[derive(Clone, Copy, Debug)]
struct NonValidated {
    /// When it began, or when the window was last reduced for its length.
    since: Instant,
    /// pipeACK when that was last looked at.
    pipe_ack: u32,
}

/// A round that is being measured.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// What is to be delivered before it is over, in bytes: the sample that it gives.
    goal: u32,
    /// What has been.
    delivered: u32,
    stage: Stage,
}

/// How far a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent in it: it begins with what is in flight when something is.
    Fresh,
    /// What is sent before the next acknowledgment belongs to it.
    Sending,
    /// What is sent now belongs to the next one.
    Closed,
}

/// Whether losses are being repaired.
#[derive(Clone, Copy, Debug)]
enum Repair {
    /// No.
    No,
    /// As always: the window was in use.
    Usual,
    /// Of a window that was not validated.
    NonValidated {
        /// Max(pipeACK, LossFlightSize).
        used: u32,
        /// R: what was lost and sent again, each byte once.
        resent: u32,
    },
}

impl Validation {
    /// The window has outgrown the first one with an acknowledgment of so many bytes: at least that
    /// much was acknowledged within a round trip. Until then pipeACK is undefined. §4.1.
    pub(super) const fn new(now: Instant, acked_bytes: u32) -> Self {
        Self {
            thirds: [acked_bytes, 0, 0],
            third_at: now,
            sampled_at: Some(now),
            round: Round::NONE,
            phase: None,
            repair: Repair::No,
        }
    }

    /// Whether this is the non-validated phase.
    pub(super) const fn is_non_validated(&self) -> bool {
        self.phase.is_some()
    }

    /// Data was sent: `in_flight` with it.
    pub(super) const fn on_sent(&mut self, in_flight: u32) {
        if !matches!(self.round.stage, Stage::Closed) {
            self.round.goal = in_flight;
            self.round.stage = Stage::Sending;
        }
    }

    /// Something has arrived: whether a round is over, and pipeACK has a new sample. §4.2.
    #[must_use]
    pub(super) fn on_delivered(&mut self, delivered: &Delivered) -> bool {
        if !matches!(self.repair, Repair::No) {
            return false;
        }
        let round = &mut self.round;
        if round.stage == Stage::Fresh {
            // A burst of acknowledgments is taken before anything is sent.
            round.goal = delivered.in_flight;
            return false;
        }
        round.stage = Stage::Closed;
        round.delivered = round.delivered.saturating_add(delivered.bytes);
        if round.delivered < round.goal {
            return false;
        }
        let sample = round.goal;
        self.round = Round { goal: delivered.in_flight, ..Round::NONE };
        self.age(delivered.now, sampling_period(delivered.srtt));
        let [current, ..] = &mut self.thirds;
        *current = sample.max(*current);
        self.sampled_at = Some(delivered.now);
        true
    }

    /// Looks whether less than half of `usable`, the window, was used. To be called with a new sample
    /// and before something is sent after a pause: between two samples the window of slow start grows
    /// ahead of what is measured. §4.3.
    pub(super) fn judge(&mut self, now: Instant, srtt: Option<Span>, usable: u32) {
        let Some(sampled_at) = self.sampled_at else {
            self.phase = None;
            return;
        };
        let period = sampling_period(srtt);
        self.age(now, period);
        let pipe_ack = self.thirds.into_iter().max().unwrap_or(0);
        if pipe_ack.saturating_mul(2) >= usable {
            self.phase = None;
            return;
        }
        // Nobody looked when the last sample became too old.
        let since = self.phase.map_or_else(|| (sampled_at + period).min(now), |phase| phase.since);
        self.phase = Some(NonValidated { since, pipe_ack });
    }

    /// How often the non-validated period has passed since this was asked last. §4.4.3.
    pub(super) fn periods_over(&mut self, now: Instant) -> u64 {
        let Some(phase) = &mut self.phase else { return 0 };
        let periods = (now - phase.since).as_nanos() / NVP.as_nanos();
        if periods > 0 {
            // What is left of the last one counts again, so that no period is longer than five minutes.
            let left = Span::from_nanos((now - phase.since).as_nanos() % NVP.as_nanos());
            phase.since = now - left;
        }
        periods
    }

    /// Congestion, with `flight_bytes` in flight: how much was really used of a window that is not
    /// validated; `None` of one that is. §4.4.1.
    pub(super) fn on_loss(&mut self, flight_bytes: u32) -> Option<u32> {
        let used = self.phase.map(|phase| phase.pipe_ack.max(flight_bytes));
        self.repair = match used {
            Some(used) => Repair::NonValidated { used, resent: 0 },
            None => Repair::Usual,
        };
        used
    }

    /// So many bytes were sent again that had been sent only once.
    pub(super) const fn on_sent_again(&mut self, bytes: u32) {
        if let Repair::NonValidated { resent, .. } = &mut self.repair {
            *resent = resent.saturating_add(bytes);
        }
    }

    /// The losses are repaired: what the window is then, if it was not validated. pipeACK is undefined
    /// from here on. §4.4.1.
    pub(super) const fn on_recovered(&mut self) -> Option<u32> {
        let window = match self.repair {
            Repair::NonValidated { used, resent } => Some(used.saturating_sub(resent) / 2),
            Repair::No | Repair::Usual => None,
        };
        self.forget();
        window
    }

    /// The retransmission timer expired: the standard methods apply. §4.4.
    pub(super) const fn on_rto(&mut self) {
        self.forget();
        self.repair = Repair::Usual;
    }

    /// pipeACK becomes undefined, which means a validated window.
    pub(super) const fn forget(&mut self) {
        self.thirds = [0; THIRDS];
        self.sampled_at = None;
        self.round = Round::NONE;
        self.phase = None;
        self.repair = Repair::No;
    }

    /// Lets go of samples that are older than the sampling period.
    fn age(&mut self, now: Instant, period: Span) {
        let third = (period.as_nanos() / THIRDS as u64).max(1);
        let elapsed = (now - self.third_at).as_nanos();
        let passed = elapsed / third;
        if passed == 0 {
            return;
        }
        let passed = usize::try_from(passed).unwrap_or(THIRDS).min(THIRDS);
        self.thirds.rotate_right(passed % THIRDS);
        self.thirds.iter_mut().take(passed).for_each(|sample| *sample = 0);
        self.third_at = now - Span::from_nanos(elapsed % third);
    }
}

impl Round {
    /// Nothing was sent in it.
    const NONE: Self = Self { goal: 0, delivered: 0, stage: Stage::Fresh };
}

/// pipeACK Sampling Period: Max(3*RTT, 1 second). §4.2.
fn sampling_period(srtt: Option<Span>) -> Span {
    srtt.map_or(Span::ZERO, |srtt| srtt * 3).max(Span::from_secs(1))
}

/// Parts of the sampling period whose largest samples are told apart.
const THIRDS: usize = 3;
/// The non-validated period. §4.4: no more than five minutes.
const NVP: Span = Span::from_secs(300);
