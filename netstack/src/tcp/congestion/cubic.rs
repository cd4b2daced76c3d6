//! CUBIC's congestion avoidance. RFC 9438.
//!
//! Time is counted in units of 2^-10 s and the window in bytes, so that the cubic needs neither
//! floats nor more than 64 bits: a distance from K is cut at 2^20 units (17 minutes), where the
//! curve is beyond any window.

use alloc::boxed::Box;

use super::{AckEvent, CwndLimited, Window};
use crate::time::{Instant, Span};

/// C = 0.4 segments per second cubed, as a fraction of 1024. RFC 9438 §5.
const C_OF_1024: u64 = 410;
/// Beta = 0.7, in twentieths.
const BETA: u64 = 14;
/// (1 + beta) / 2 = 0.85, in twentieths: where a sinking plateau goes. §4.7.
const FAST_CONVERGENCE: u64 = 17;
/// 3 (1 - beta) / (1 + beta): how fast the Reno-friendly estimate grows, of 1000. §4.3.
const ALPHA_OF_1000: u64 = 529;
/// The largest distance from K that is told apart, in units of 2^-10 s.
const DISTANCE_MAX: u64 = 1 << 20;

/// The state of CUBIC: nothing before the first loss and the first congestion avoidance, to which few
/// connections get.
#[derive(Clone, Debug)]
pub(super) struct Cubic(Option<Box<History>>);

/// What CUBIC remembers.
#[derive(Clone, Debug, Default)]
struct History {
    /// The window before the last reduction, or less by fast convergence. 0 without one.
    w_max: u32,
    /// The window right before the last reduction. 0 without one.
    cwnd_prior: u32,
    /// This stage of congestion avoidance, from its first ACK on.
    epoch: Option<Epoch>,
}

/// One stage of congestion avoidance.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// When it began, moved on by the time during which the window was not the limit. §5.8.
    start: Instant,
    /// The last ACK.
    last_ack: Instant,
    /// K: when the curve is back at `plateau`, in units of 2^-10 s after the start.
    k: u64,
    /// Where the curve is flat.
    plateau: u32,
    /// What Reno would have. W_est.
    w_est: u32,
    /// Growth of `w_est` that is not yet a whole byte, in 1/1000 bytes times the window.
    w_est_credit: u64,
    /// Growth of the window that is not yet a whole byte, in bytes times the window.
    cwnd_credit: u64,
}

impl Cubic {
    /// CUBIC at the start of a connection.
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// The window after an acknowledgement in congestion avoidance. §4.2 to §4.5.
    pub(super) fn on_ack(&mut self, window: Window, ack: &AckEvent) -> u32 {
        let Window { cwnd, mss } = window;
        let History { w_max, cwnd_prior, epoch } = &mut **self.0.get_or_insert_default();
        let epoch = epoch.get_or_insert_with(|| {
            let epoch = Epoch::new(window, *w_max, ack.now);
            // Without a loss before it, the plateau is the window that it begins with. §4.8, §4.10.
            *w_max = epoch.plateau;
            epoch
        });
        let since_last = ack.now - epoch.last_ack;
        epoch.last_ack = ack.now;
        if ack.limited == CwndLimited::No {
            epoch.start += since_last;
            return cwnd;
        }
        epoch.grow_estimate(window, ack.acked_bytes, *cwnd_prior);
        let t = units(ack.now - epoch.start);
        let w_cubic = epoch.curve(t, mss);
        if w_cubic < epoch.w_est {
            return cwnd.max(epoch.w_est);
        }
        // Where the curve will be one round trip from now; at most half as much again. §4.2.
        let rtt = units(ack.srtt.unwrap_or(Span::ZERO));
        let target =
            epoch.curve(t.saturating_add(rtt), mss).clamp(cwnd, cwnd.saturating_add(cwnd / 2));
        let growth = u64::from(target - cwnd) * u64::from(ack.acked_bytes);
        epoch.cwnd_credit = epoch.cwnd_credit.saturating_add(growth);
        let bytes = epoch.cwnd_credit / u64::from(cwnd);
        epoch.cwnd_credit %= u64::from(cwnd);
        // Not beyond the target, however much one ACK acknowledges.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(target - cwnd);
        cwnd.saturating_add(bytes)
    }

    /// The threshold after a loss: beta of what was in flight. §4.6, §4.7.
    pub(super) fn on_loss(&mut self, window: Window, flight_bytes: u32) -> u32 {
        let cwnd = window.cwnd;
        let history = self.0.get_or_insert_default();
        // Fast convergence: the plateau sinks while the share of the path does. §4.7.
        let sinks = cwnd < history.w_max;
        history.w_max = if sinks { fraction(cwnd, FAST_CONVERGENCE) } else { cwnd };
        history.cwnd_prior = cwnd;
        history.epoch = None;
        fraction(flight_bytes.min(cwnd), BETA)
    }

    /// The retransmission timer expired, after [`Cubic::on_loss`]: the stage that begins when slow
    /// start has done its part has its plateau where it begins, and no concave region. §4.8.
    pub(super) fn on_rto(&mut self) {
        if let Some(history) = &mut self.0 {
            history.w_max = 0;
        }
    }

    /// The connection was idle: time without sending is no time of growth. §5.8.
    pub(super) fn after_idle(&mut self, idle: Span) {
        if let Some(epoch) = self.0.as_mut().and_then(|history| history.epoch.as_mut()) {
            epoch.start += idle;
            epoch.last_ack += idle;
        }
    }
}

impl Epoch {
    /// A stage that begins with this window.
    fn new(window: Window, w_max: u32, now: Instant) -> Self {
        let Window { cwnd, mss } = window;
        // Without a loss before it (after HyStart++ or a timeout), the plateau is here. §4.8, §4.10.
        let (k, plateau) = if cwnd < w_max { (k_of(w_max - cwnd, mss), w_max) } else { (0, cwnd) };
        Self { start: now, last_ack: now, k, plateau, w_est: cwnd, w_est_credit: 0, cwnd_credit: 0 }
    }

    /// W_est grows by alpha segments a window; by one once it is where the window was. §4.3.
    fn grow_estimate(&mut self, window: Window, acked_bytes: u32, cwnd_prior: u32) {
        let alpha = if self.w_est >= cwnd_prior { 1000 } else { ALPHA_OF_1000 };
        let per_byte = u64::from(window.mss) * alpha;
        let growth = u64::from(acked_bytes).saturating_mul(per_byte);
        self.w_est_credit = self.w_est_credit.saturating_add(growth);
        let whole = u64::from(window.cwnd) * 1000;
        let bytes = u32::try_from(self.w_est_credit / whole).unwrap_or(u32::MAX);
        self.w_est_credit %= whole;
        self.w_est = self.w_est.saturating_add(bytes);
    }

    /// W_cubic at `t` units after the start, in bytes. §4.2, figure 1.
    fn curve(&self, t: u64, mss: u32) -> u32 {
        let distance = t.abs_diff(self.k).min(DISTANCE_MAX);
        // distance^3 is below 2^60 and the segment below 2^16: in two shifts, 2^-30 for the
        // units of time and 2^-10 for C.
        let cubed = (distance * distance * distance) >> 24;
        let offset = (cubed * u64::from(mss.min(1 << 16)) * C_OF_1024) >> 16;
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        if t < self.k {
            self.plateau.saturating_sub(offset)
        } else {
            self.plateau.saturating_add(offset)
        }
    }
}

/// K = cbrt((W_max - cwnd) / C), in units of 2^-10 s. §4.2, figure 2.
fn k_of(missing_bytes: u32, mss: u32) -> u64 {
    // The window ends at 2^30 bytes, so this is below 2^70 only in 128 bits; the root is small.
    let scaled = (u128::from(missing_bytes) << 40) / (u128::from(mss) * u128::from(C_OF_1024));
    cube_root(u64::try_from(scaled).unwrap_or(u64::MAX))
}

/// The largest number whose cube is at most `number`: bit by bit, at most 22 steps.
fn cube_root(number: u64) -> u64 {
    let mut root = 0u64;
    for bit in (0..22).rev() {
        let candidate = root | (1 << bit);
        if candidate.checked_pow(3).is_some_and(|cube| cube <= number) {
            root = candidate;
        }
    }
    root
}

/// A span in units of 2^-10 s.
const fn units(span: Span) -> u64 {
    // 10^9 / 2^10 = 976562.5: the error of leaving the half out is below 10^-6.
    span.as_nanos() / 976_562
}

/// `twentieths` twentieths of `bytes`.
fn fraction(bytes: u32, twentieths: u64) -> u32 {
    u32::try_from(u64::from(bytes) * twentieths / 20).unwrap_or(u32::MAX)
}
