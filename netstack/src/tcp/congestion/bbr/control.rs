//! What BBR decides from its model: pacing rate and window. draft-ietf-ccwg-bbr §5.6.

use super::Bbr;
use super::states::State;
use crate::tcp::delivery_rate::Rate;
use crate::tcp::pacing::Pace;
use crate::time::Span;

impl Bbr {
    /// C.pacing_rate; `None` before the first round trip.
    pub(in super::super) fn pacing_rate(&self, srtt: Option<Span>) -> Option<Rate> {
        if self.pacing_rate > Rate::ZERO {
            return Some(self.pacing_rate);
        }
        srtt.map(|srtt| self.initial_pacing_rate(srtt))
    }

    /// InitPacingRate.
    fn initial_pacing_rate(&self, srtt: Span) -> Rate {
        Rate::new(u64::from(self.initial_cwnd), srtt).percent(State::Startup.pacing_gain())
    }

    /// SetPacingRate.
    pub(super) fn set_pacing_rate(&mut self, srtt: Option<Span>) {
        if self.pacing_rate == Rate::ZERO
            && let Some(srtt) = srtt
        {
            self.pacing_rate = self.initial_pacing_rate(srtt);
        }
        self.set_pacing_rate_with_gain(self.state.pacing_gain());
    }

    /// SetPacingRateWithGain: 1 % below the bandwidth, so that queues go down.
    pub(super) fn set_pacing_rate_with_gain(&mut self, gain_percent: u32) {
        let rate = self.bw.percent(gain_percent).percent(100 - PACING_MARGIN_PERCENT);
        if rate > Rate::ZERO && (self.full_bw.reached || rate > self.pacing_rate) {
            self.pacing_rate = rate;
        }
    }

    /// BDPMultiple.
    pub(super) fn bdp_multiple(&self, gain_percent: u32) -> u32 {
        self.volume(self.bw, gain_percent)
    }

    /// `gain_percent` of the product of a bandwidth and BBR.min_rtt.
    fn volume(&self, bw: Rate, gain_percent: u32) -> u32 {
        let Some(min_rtt) = self.min_rtt.get() else { return self.initial_cwnd };
        u32::try_from(bw.percent(gain_percent).bytes_in(min_rtt)).unwrap_or(u32::MAX)
    }

    /// Inflight, at BBR.bw.
    pub(super) fn inflight(&self, gain_percent: u32) -> u32 {
        self.inflight_of(self.bw, gain_percent)
    }

    /// Inflight, at a bandwidth.
    pub(super) fn inflight_of(&self, bw: Rate, gain_percent: u32) -> u32 {
        self.quantization_budget(self.volume(bw, gain_percent))
    }

    /// QuantizationBudget.
    fn quantization_budget(&self, inflight_cap: u32) -> u32 {
        let quantum = Pace::new(self.pacing_rate, self.mss, QUANTUM_MAX).quantum();
        let cap = inflight_cap.max(OFFLOAD_QUANTA * quantum).max(self.min_pipe_cwnd());
        let more = if self.state == State::ProbeBwUp { 2 * self.mss } else { 0 };
        cap.saturating_add(more)
    }

    /// TargetInflight.
    pub(super) fn target_inflight(&self) -> u32 {
        self.bdp_multiple(100).min(self.cwnd)
    }

    /// SetCwnd.
    pub(super) fn set_cwnd(&mut self, newly_acked: u32) {
        let cap = self.bdp_multiple(self.state.cwnd_gain());
        let max_inflight = self.quantization_budget(cap.saturating_add(self.extra_acked.get()));
        let grown = self.cwnd.saturating_add(newly_acked);
        if self.full_bw.reached {
            self.cwnd = grown.min(max_inflight);
        } else if self.cwnd < max_inflight || self.rate.delivered() < u64::from(self.initial_cwnd) {
            self.cwnd = grown;
        }
        self.cwnd = self.cwnd.clamp(self.min_pipe_cwnd(), super::super::CWND_MAX);
        if self.state == State::ProbeRtt {
            self.cwnd = self.cwnd.min(self.min_rtt.probe_rtt_cwnd);
        }
        self.bound_cwnd_for_model();
    }

    /// BoundCwndForModel.
    pub(super) fn bound_cwnd_for_model(&mut self) {
        let cap = match self.state {
            State::ProbeBwDown | State::ProbeBwRefill | State::ProbeBwUp => {
                self.loss.inflight_longterm
            }
            State::ProbeRtt | State::ProbeBwCruise => self.inflight_with_headroom(),
            State::Startup | State::Drain => super::INFINITY,
        };
        let cap = cap.min(self.loss.inflight_shortterm).max(self.min_pipe_cwnd());
        self.cwnd = self.cwnd.min(cap);
    }

    /// SaveCwnd.
    pub(super) fn save_cwnd(&mut self) {
        if !self.in_recovery && self.state != State::ProbeRtt {
            self.prior_cwnd = self.cwnd;
        } else {
            self.prior_cwnd = self.prior_cwnd.max(self.cwnd);
        }
    }

    /// RestoreCwnd.
    pub(super) fn restore_cwnd(&mut self) {
        self.cwnd = self.cwnd.max(self.prior_cwnd);
    }
}

/// BBR.PacingMarginPercent.
const PACING_MARGIN_PERCENT: u32 = 1;
/// Quanta that are under way in both hosts: BBR.offload_budget's factor.
const OFFLOAD_QUANTA: u32 = 3;
/// The largest quantum: a train.
const QUANTUM_MAX: u32 = 64_000;
