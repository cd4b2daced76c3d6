//! Congestion control: how much may be in flight.
//!
//! One enum of algorithms behind one small face. What they share is here: the window itself,
//! slow start with HyStart++, what is remembered for an undo, and whether the window was put to use
//! ([`validation`]). What differs is how the window grows in congestion avoidance and how far it shrinks: [`cubic`] and
//! [`reno`]. Loss detection and repair (RACK, PRR) are elsewhere and tell this what happened.
//! All arithmetic is in bytes and integers.

mod bbr;
mod cubic;
mod events;
mod hystart;
mod reno;
mod validation;

pub(crate) use self::events::{AckEvent, CwndLimited, Delivered, Repair};

use self::bbr::{Bbr, Start};
use self::cubic::Cubic;
use self::hystart::{HyStart, Phase};
use self::reno::Reno;
use self::validation::Validation;
use super::delivery_rate::{Rate, Transmission};
use super::ecn::EcnBackoff;
use super::sack::LostRanges;
use crate::time::{Instant, Span};
use alloc::boxed::Box;

/// How a connection's window grows and shrinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CongestionAlgorithm {
    /// CUBIC. RFC 9438.
    #[default]
    Cubic,
    /// NewReno. RFC 5681, RFC 6582.
    NewReno,
    /// BBR, version 3. draft-ietf-ccwg-bbr. It is paced, and wants SACK.
    Bbr,
}

/// The window of one connection.
#[derive(Debug)]
pub(crate) struct Congestion {
    /// The congestion window in bytes, at least one segment.
    cwnd: u32,
    /// The slow start threshold in bytes.
    ssthresh: u32,
    /// The sender's maximum segment size in bytes, without options.
    mss: u32,
    /// Where the first slow start stands, from its first ACK until the connection has been quiet for a
    /// while: round trips from before that tell nothing any more.
    hystart: Option<Box<HyStart>>,
    /// Congestion avoidance.
    algorithm: Algorithm,
    /// What held before the last reduction, for an undo.
    prior: Option<Box<Prior>>,
    /// Whether a router's mark has brought the threshold down in this window.
    marked: Marked,
    /// What use it was put to, since it was larger than the first one.
    validation: Option<Box<Validation>>,
}

/// Whether a mark was heeded in this window: a loss in the same one says nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    No,
    Yes,
}

/// The algorithm and its state.
#[derive(Debug)]
enum Algorithm {
    /// CUBIC.
    Cubic(Cubic),
    /// NewReno.
    Reno(Reno),
    /// BBR, whose state only those have that use it.
    Bbr(Box<Bbr>),
}

impl Algorithm {
    /// The algorithm at the start of a connection.
    fn new(algorithm: CongestionAlgorithm, start: Start) -> Self {
        match algorithm {
            CongestionAlgorithm::Cubic => Self::Cubic(Cubic::new()),
            CongestionAlgorithm::NewReno => Self::Reno(Reno::new()),
            CongestionAlgorithm::Bbr => Self::Bbr(Box::new(Bbr::new(start))),
        }
    }
}

/// What an undo brings back.
#[derive(Debug)]
struct Prior {
    /// The window.
    cwnd: u32,
    /// The threshold.
    ssthresh: u32,
    /// The algorithm's state.
    algorithm: Algorithm,
}

/// No window is larger: far below 2^31, so that sequence arithmetic and sums hold.
const CWND_MAX: u32 = 1 << 30;
/// The threshold before the first loss. RFC 5681 §3.1: arbitrarily high.
const SSTHRESH_INITIAL: u32 = u32::MAX;
/// Segments by which one ACK may grow the window while what was in flight at a timeout is repaired: L.
/// RFC 3465 §2.3.
const ABC_LIMIT_IN_REPAIR: u32 = 1;
/// So many halvings leave nothing of any window.
const HALVINGS_MAX: u64 = 32;

impl Congestion {
    /// A connection's first window. `mss_bytes`: at least 1.
    pub(crate) fn new(algorithm: CongestionAlgorithm, mss_bytes: u32) -> Self {
        let mss = mss_bytes.max(1);
        Self {
            cwnd: initial_window(mss),
            ssthresh: SSTHRESH_INITIAL,
            mss,
            hystart: None,
            algorithm: Algorithm::new(algorithm, Start { cwnd: initial_window(mss), mss }),
            prior: None,
            marked: Marked::No,
            validation: None,
        }
    }

    /// Whether it takes up memory that a connection without anything under way does not need.
    #[inline]
    pub(crate) const fn holds_spare(&self) -> bool {
        self.hystart.is_some()
    }

    /// Gives that memory back.
    pub(crate) fn rest(&mut self) {
        self.hystart = None;
    }

    /// The congestion window in bytes.
    pub(crate) const fn cwnd_bytes(&self) -> u32 {
        self.cwnd
    }

    /// The slow start threshold in bytes; `u32::MAX` before the first loss.
    pub(crate) const fn ssthresh_bytes(&self) -> u32 {
        self.ssthresh
    }

    /// Whether the window still doubles every round trip.
    pub(crate) const fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// Which algorithm this is.
    pub(crate) const fn algorithm(&self) -> CongestionAlgorithm {
        match self.algorithm {
            Algorithm::Cubic(_) => CongestionAlgorithm::Cubic,
            Algorithm::Reno(_) => CongestionAlgorithm::NewReno,
            Algorithm::Bbr(_) => CongestionAlgorithm::Bbr,
        }
    }

    /// Goes on with another algorithm from the window and the threshold that there are.
    pub(crate) fn set_algorithm(&mut self, algorithm: CongestionAlgorithm) {
        if algorithm != self.algorithm() {
            // BBR has no threshold; who takes over from it does not begin with slow start.
            self.ssthresh = match (algorithm, &self.algorithm) {
                (CongestionAlgorithm::Bbr, _) => SSTHRESH_INITIAL,
                (_, Algorithm::Bbr(_)) => self.cwnd,
                (_, Algorithm::Cubic(_) | Algorithm::Reno(_)) => self.ssthresh,
            };
            let start = Start { cwnd: self.cwnd, mss: self.mss };
            self.algorithm = Algorithm::new(algorithm, start);
            // An undo would bring back the state of the other one.
            self.prior = None;
            self.validation = None;
        }
    }

    /// What the algorithm is at, for `info`.
    pub(crate) const fn phase_name(&self) -> &'static str {
        match &self.algorithm {
            Algorithm::Bbr(bbr) => bbr.state_name(),
            Algorithm::Cubic(_) | Algorithm::Reno(_) if self.in_slow_start() => "slow_start",
            Algorithm::Cubic(_) | Algorithm::Reno(_) => "congestion_avoidance",
        }
    }

    /// The handshake is over and its SYN was lost more than once: the first window is one segment.
    /// RFC 6928 §2.
    pub(crate) fn after_syn_loss(&mut self) {
        self.cwnd = self.mss;
        self.tell_units();
    }

    /// The segment size changed (path MTU). The first window follows it while it is unused, so
    /// that a handshake's MSS counts; later only the units change. RFC 9438 has no more to say.
    pub(crate) fn set_mss(&mut self, mss_bytes: u32) {
        let mss = mss_bytes.max(1);
        if self.cwnd == initial_window(self.mss) && self.ssthresh == SSTHRESH_INITIAL {
            self.cwnd = initial_window(mss);
        }
        self.mss = mss;
        self.cwnd = self.cwnd.max(mss);
        self.tell_units();
    }

    /// Tells BBR of a window or a segment size that did not come from it.
    fn tell_units(&mut self) {
        if let Algorithm::Bbr(bbr) = &mut self.algorithm {
            bbr.set_units(Start { cwnd: self.cwnd, mss: self.mss });
        }
    }

    /// Does something with BBR, if this is BBR, and takes its window: whether it is.
    fn with_bbr(&mut self, step: impl FnOnce(&mut Bbr)) -> bool {
        let Algorithm::Bbr(bbr) = &mut self.algorithm else { return false };
        step(bbr);
        self.cwnd = bbr.cwnd_bytes();
        true
    }

    /// Whether the window is an old one that nobody has used lately: it does not grow before it is used
    /// up, and no burst makes use of it. RFC 7661 §4.4.
    pub(crate) fn is_non_validated(&self) -> bool {
        self.validation.as_ref().is_some_and(|validation| validation.is_non_validated())
    }

    /// Whether the algorithm decides on a rate, and must be paced.
    pub(crate) const fn needs_pacing(&self) -> bool {
        matches!(self.algorithm, Algorithm::Bbr(_))
    }

    /// How fast to send; `None` as long as there is nothing to tell it from. Algorithms that have only
    /// a window get as much more than a window each round trip as Linux gives them: enough for the
    /// window to be what limits them.
    pub(crate) fn pacing_rate(&self, srtt: Option<Span>) -> Option<Rate> {
        if let Algorithm::Bbr(bbr) = &self.algorithm {
            return bbr.pacing_rate(srtt);
        }
        let percent = if self.cwnd < self.ssthresh / 2 { 200 } else { 120 };
        srtt.map(|srtt| Rate::new(u64::from(self.cwnd), srtt).percent(percent))
    }

    /// How many windows are worth queueing: one in flight and one to follow. BBR goes on at its rate
    /// while a loss at SND.UNA is repaired, which may take two round trips.
    pub(crate) const fn windows_queued(&self) -> usize {
        if self.needs_pacing() { 4 } else { 2 }
    }

    /// Data goes out, first or again.
    pub(crate) fn on_sent(&mut self, sent: Transmission) {
        if let Some(validation) = &mut self.validation {
            validation.on_sent(sent.in_flight);
        }
        self.with_bbr(|bbr| bbr.on_sent(sent));
    }

    /// Of what went out again, so many bytes had been sent only once.
    pub(crate) fn on_sent_again(&mut self, bytes: u32) {
        if let Some(validation) = &mut self.validation {
            validation.on_sent_again(bytes);
        }
    }

    /// The owner has had nothing to send although the window had room.
    pub(crate) fn on_app_limited(&mut self, in_flight: u32) {
        self.with_bbr(|bbr| bbr.on_app_limited(in_flight));
    }

    /// Something has arrived. To be called after losses were looked for.
    pub(crate) fn on_delivered(&mut self, delivered: &Delivered) {
        let sampled = match &mut self.validation {
            Some(validation) => validation.on_delivered(delivered),
            None => false,
        };
        if sampled {
            self.validate(delivered.now, delivered.srtt);
        }
        self.with_bbr(|bbr| bbr.on_delivered(delivered));
    }

    /// Ranges were given up, after [`Congestion::on_loss`] if that began a recovery.
    pub(crate) fn on_lost(&mut self, lost: &LostRanges) {
        self.with_bbr(|bbr| bbr.on_lost(lost));
    }

    /// New data was acknowledged, outside of recovery.
    pub(crate) fn on_ack(&mut self, ack: &AckEvent) {
        if self.needs_pacing() {
            // BBR has taken it with what was delivered.
            return;
        }
        self.grow(ack);
        if self.validation.is_none() && self.cwnd > initial_window(self.mss) {
            self.validation = Some(Box::new(Validation::new(ack.now, ack.acked_bytes)));
        }
    }

    /// Growth with an acknowledgement.
    fn grow(&mut self, ack: &AckEvent) {
        if self.in_slow_start() {
            self.grow_in_slow_start(ack);
            return;
        }
        let window = Window { cwnd: self.cwnd, mss: self.mss };
        let grown = match &mut self.algorithm {
            Algorithm::Cubic(cubic) => cubic.on_ack(window, ack),
            Algorithm::Reno(reno) => reno.on_ack(window, ack),
            Algorithm::Bbr(_) => self.cwnd,
        };
        self.cwnd = grown.min(CWND_MAX);
    }

    /// Loss was detected and recovery begins: the threshold comes down, and the window is to
    /// follow it (by PRR, through [`Congestion::set_cwnd`], or at once). RFC 5681 §3.2 (1).
    pub(crate) fn on_loss(&mut self, flight_bytes: u32) {
        if self.with_bbr(Bbr::on_recovery) {
            return;
        }
        self.remember();
        let reduced = core::mem::replace(&mut self.marked, Marked::No) == Marked::Yes;
        match self.used_without_proof(flight_bytes) {
            Some(used) => self.reduce_to_used(used),
            None if reduced => {}
            // What limited transmit sent beyond the window does not count. RFC 5681 §3.2, step 2.
            None => _ = self.reduce(flight_bytes.min(self.cwnd)),
        }
    }

    /// How much of a window that is not validated was really used. RFC 7661 §4.4.1.
    fn used_without_proof(&mut self, flight_bytes: u32) -> Option<u32> {
        self.validation.as_mut().and_then(|validation| validation.on_loss(flight_bytes))
    }

    /// The peer echoes a router's mark, outside of recovery: the window comes down at once, for there
    /// is nothing to repair. RFC 3168 §6.1.2, RFC 8511 §3.
    pub(crate) fn on_mark(&mut self, flight_bytes: u32, backoff: EcnBackoff) {
        if self.with_bbr(|bbr| bbr.on_mark(flight_bytes)) {
            return;
        }
        let flight = flight_bytes.min(self.cwnd);
        self.marked = Marked::Yes;
        if let Some(used) = self.used_without_proof(flight) {
            self.reduce_to_used(used);
            self.cwnd = self.cwnd.min((used / 2).max(self.mss));
            self.forget_use();
            return;
        }
        self.forget_use();
        let mut reduced = self.reduce(flight);
        if backoff == EcnBackoff::Alternative {
            let tenths_of_2 = match self.algorithm {
                Algorithm::Cubic(_) => 17,
                Algorithm::Reno(_) | Algorithm::Bbr(_) => 16,
            };
            let gentle = u64::from(flight) * tenths_of_2 / 20;
            reduced = reduced.max(u32::try_from(gentle).unwrap_or(u32::MAX));
            self.ssthresh = self.ssthresh.max(reduced);
        }
        // The threshold has a floor of two segments, the window one of one. RFC 9438 §4.6.
        self.cwnd = self.cwnd.min(reduced.max(self.mss));
    }

    /// Nothing is known any more of the use that the window is put to.
    fn forget_use(&mut self) {
        if let Some(validation) = &mut self.validation {
            validation.forget();
        }
    }

    /// The window in which a mark was heeded is acknowledged: the next loss counts again.
    pub(crate) const fn end_of_mark(&mut self) {
        self.marked = Marked::No;
    }

    /// Recovery is over: the window is at the threshold. RFC 6937 §3. Without a threshold (the
    /// reduction was undone meanwhile) it stays. One that was not validated is half of what was used
    /// and not lost. RFC 7661 §4.4.1.
    pub(crate) fn on_recovered(&mut self) {
        if self.with_bbr(Bbr::on_recovered) {
            return;
        }
        if let Some(window) = self.validation.as_mut().and_then(|v| v.on_recovered()) {
            self.cwnd = window.clamp(self.mss, CWND_MAX);
            self.ssthresh = self.cwnd.max(2 * self.mss);
        } else if self.ssthresh != SSTHRESH_INITIAL {
            self.cwnd = self.ssthresh.clamp(self.mss, CWND_MAX);
        }
    }

    /// Sets the window during recovery: PRR's decision. At least one segment.
    pub(crate) fn set_cwnd(&mut self, cwnd_bytes: u32) {
        if self.needs_pacing() {
            // BBR's window is its model's, in recovery too.
            return;
        }
        self.cwnd = cwnd_bytes.clamp(self.mss, CWND_MAX);
    }

    /// The retransmission timer expired; once per episode of loss: not when the retransmitted
    /// segment times out again. RFC 5681 §3.1: equation 4, and a window of one segment.
    pub(crate) fn on_rto(&mut self, flight_bytes: u32) {
        if self.with_bbr(|bbr| bbr.on_rto(flight_bytes)) {
            return;
        }
        self.remember();
        if let Some(validation) = &mut self.validation {
            validation.on_rto();
        }
        self.reduce(flight_bytes);
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.on_rto();
        }
        self.cwnd = self.mss;
    }

    /// The reduction was for nothing: what held before it holds again. RFC 9438 §4.9.
    pub(crate) fn on_undo(&mut self) {
        self.with_bbr(Bbr::on_undo);
        self.forget_use();
        // A window that has outgrown it meanwhile is the better one. §4.9.2.
        if let Some(prior) = self.prior.take()
            && self.cwnd <= prior.cwnd
        {
            self.cwnd = prior.cwnd;
            self.ssthresh = prior.ssthresh;
            self.algorithm = prior.algorithm;
        }
    }

    /// What was out when the timer expired is acknowledged.
    pub(crate) fn on_timeout_recovered(&mut self) {
        self.with_bbr(Bbr::on_recovered);
        self.forget_use();
    }

    /// The episode of loss is over for good: an undo is no longer possible.
    pub(crate) fn forget_prior(&mut self) {
        self.with_bbr(Bbr::on_recovered);
        self.prior = None;
    }

    /// The connection sends again after `idle` without sending: the window is what it was, for five
    /// minutes. RFC 7661 §4.4; RFC 9438 §5.8.
    pub(crate) fn after_idle(&mut self, now: Instant, idle: Span, srtt: Option<Span>) {
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.after_idle(idle);
        }
        self.validate(now, srtt);
    }

    /// Finds out whether the window was used, and reduces one that has not been for five minutes.
    /// RFC 7661 §4.3, §4.4.3.
    fn validate(&mut self, now: Instant, srtt: Option<Span>) {
        let Some(validation) = &mut self.validation else { return };
        // Only whole segments of it can be used.
        validation.judge(now, srtt, self.cwnd.saturating_sub(self.mss));
        let periods = validation.periods_over(now);
        let first = initial_window(self.mss).min(self.cwnd);
        for _ in 0..periods.min(HALVINGS_MAX) {
            self.ssthresh = self.ssthresh.max(self.cwnd / 4 * 3);
            self.cwnd = (self.cwnd / 2).max(first);
        }
        if periods > 0 && self.cwnd == first {
            self.validation = None;
        }
    }

    /// Slow start, as HyStart++ has it, with byte counting. RFC 5681 §3.1, RFC 9406 §4.2.
    fn grow_in_slow_start(&mut self, ack: &AckEvent) {
        // A window that was not used says nothing about the path. RFC 7661 §4.3.
        if ack.limited == CwndLimited::No {
            return;
        }
        // HyStart++ looks for the end of the first slow start; later ones have a threshold that
        // was measured. RFC 9406 §4.3.
        let is_first = self.ssthresh == SSTHRESH_INITIAL;
        let phase = if is_first {
            self.hystart.get_or_insert_with(|| Box::new(HyStart::new())).on_ack(ack)
        } else {
            Phase::Fast
        };
        let segments = match ack.repair {
            Repair::No => hystart::ABC_LIMIT,
            Repair::AfterTimeout => ABC_LIMIT_IN_REPAIR,
        };
        let limit = self.mss.saturating_mul(segments);
        let mut growth = ack.acked_bytes.min(limit);
        if phase != Phase::Fast {
            growth /= hystart::CSS_GROWTH_DIVISOR;
        }
        // What an ACK brings beyond the threshold is left to congestion avoidance's next.
        self.cwnd = self.cwnd.saturating_add(growth).min(self.ssthresh).min(CWND_MAX);
        if phase == Phase::Done {
            self.ssthresh = self.cwnd;
        }
    }

    /// Brings the threshold down, by the algorithm's factor, to two segments at least: what it would be
    /// without this floor. RFC 9438 §4.6, RFC 5681 (4).
    fn reduce(&mut self, flight_bytes: u32) -> u32 {
        let window = Window { cwnd: self.cwnd, mss: self.mss };
        let ssthresh = match &mut self.algorithm {
            Algorithm::Cubic(cubic) => cubic.on_loss(window, flight_bytes),
            Algorithm::Reno(reno) => reno.on_loss(flight_bytes),
            Algorithm::Bbr(_) => self.ssthresh,
        };
        self.ssthresh = ssthresh.max(2 * self.mss);
        ssthresh
    }

    /// Brings the threshold down to half of what was used of a window that is not validated. RFC 7661
    /// §4.4.1.
    fn reduce_to_used(&mut self, used: u32) {
        let window = Window { cwnd: used.min(self.cwnd), mss: self.mss };
        match &mut self.algorithm {
            // The plateau is what was used: nothing is known beyond it.
            Algorithm::Cubic(cubic) => cubic.on_loss(window, used),
            Algorithm::Reno(reno) => reno.on_loss(used),
            Algorithm::Bbr(_) => return,
        };
        self.ssthresh = (used / 2).max(2 * self.mss);
    }

    /// Keeps what an undo needs; the first reduction of an episode counts, not one on top of it.
    fn remember(&mut self) {
        if self.prior.is_some() {
            return;
        }
        let algorithm = match &self.algorithm {
            Algorithm::Cubic(cubic) => Algorithm::Cubic(cubic.clone()),
            Algorithm::Reno(reno) => Algorithm::Reno(*reno),
            // It remembers by itself.
            Algorithm::Bbr(_) => return,
        };
        let Self { cwnd, ssthresh, .. } = *self;
        self.prior = Some(Box::new(Prior { cwnd, ssthresh, algorithm }));
    }
}

/// The window as an algorithm sees it.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Bytes that may be in flight.
    cwnd: u32,
    /// Bytes of a segment.
    mss: u32,
}

/// The first window. RFC 6928 §2.
fn initial_window(mss: u32) -> u32 {
    (10 * mss).min((2 * mss).max(14_600))
}
