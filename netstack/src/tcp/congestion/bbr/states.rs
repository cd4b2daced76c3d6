//! Startup, Drain and ProbeBW: how BBR probes for bandwidth. draft-ietf-ccwg-bbr §5.3.1 to §5.3.3.

use super::loss::is_inflight_too_high;
use super::{Ack, Bbr, HEADROOM_PERCENT, INFINITY};
use crate::tcp::delivery_rate::AppLimited;
use crate::time::{Instant, Span};

/// BBR.state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Doubles the rate each round.
    Startup,
    /// Empties the queue that Startup has filled.
    Drain,
    /// Sends slower than the path delivers.
    ProbeBwDown,
    /// Sends as fast as the path delivers.
    ProbeBwCruise,
    /// Fills the pipe again before it probes.
    ProbeBwRefill,
    /// Sends faster than the path delivers.
    ProbeBwUp,
    /// Halves what is in flight, to see the empty path's round trip.
    ProbeRtt,
}

impl State {
    /// The name, for `info`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Drain => "drain",
            Self::ProbeBwDown => "probe_bw_down",
            Self::ProbeBwCruise => "probe_bw_cruise",
            Self::ProbeBwRefill => "probe_bw_refill",
            Self::ProbeBwUp => "probe_bw_up",
            Self::ProbeRtt => "probe_rtt",
        }
    }

    /// BBR.pacing_gain, in percent.
    pub(super) const fn pacing_gain(self) -> u32 {
        match self {
            Self::Startup => 277,
            Self::Drain => 50,
            Self::ProbeBwDown => 90,
            Self::ProbeBwCruise | Self::ProbeBwRefill | Self::ProbeRtt => 100,
            Self::ProbeBwUp => 125,
        }
    }

    /// BBR.cwnd_gain, in percent.
    pub(super) const fn cwnd_gain(self) -> u32 {
        match self {
            Self::Startup
            | Self::Drain
            | Self::ProbeBwDown
            | Self::ProbeBwCruise
            | Self::ProbeBwRefill => 200,
            Self::ProbeBwUp => 225,
            Self::ProbeRtt => 50,
        }
    }

    /// IsProbingBW.
    pub(super) const fn is_probing_bw(self) -> bool {
        matches!(self, Self::Startup | Self::ProbeBwRefill | Self::ProbeBwUp)
    }

    /// IsInAProbeBWState.
    pub(super) const fn is_probe_bw(self) -> bool {
        matches!(
            self,
            Self::ProbeBwDown | Self::ProbeBwCruise | Self::ProbeBwRefill | Self::ProbeBwUp
        )
    }
}

/// BBR.ack_phase: which part of the cycle the ACKs that come are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum AckPhase {
    #[default]
    Init,
    Refilling,
    ProbeStarting,
    ProbeFeedback,
    ProbeStopping,
}

/// Where the cycle of ProbeBW stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeBw {
    /// BBR.ack_phase.
    pub(super) ack_phase: AckPhase,
    /// BBR.cycle_stamp.
    cycle_stamp: Instant,
    /// BBR.bw_probe_wait.
    bw_probe_wait: Span,
    /// BBR.rounds_since_probe_up.
    pub(super) rounds_since_probe_up: u32,
    /// BBR.bw_probe_up_rounds.
    bw_probe_up_rounds: u32,
    /// BBR.bw_probe_up_acked in bytes.
    bw_probe_up_acked: u32,
    /// BBR.probe_up_acked_per_inc in bytes.
    probe_up_acked_per_inc: u32,
    /// BBR.is_bw_probe_sample.
    pub(super) is_bw_probe_sample: bool,
    /// BBR.prev_probe_too_high.
    pub(super) prev_probe_too_high: bool,
    /// BBR.prev_probe_precautionary.
    prev_probe_precautionary: bool,
    /// BBR.drain_start_round.
    drain_start_round: u64,
    /// The time of the last ACK.
    now: Instant,
}

impl Default for ProbeBw {
    fn default() -> Self {
        Self {
            ack_phase: AckPhase::Init,
            cycle_stamp: Instant::ORIGIN,
            bw_probe_wait: Span::ZERO,
            rounds_since_probe_up: 0,
            bw_probe_up_rounds: 0,
            bw_probe_up_acked: 0,
            probe_up_acked_per_inc: INFINITY,
            is_bw_probe_sample: false,
            prev_probe_too_high: false,
            prev_probe_precautionary: false,
            drain_start_round: 0,
            now: Instant::ORIGIN,
        }
    }
}

/// Whether a step decided on the next state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    No,
    Yes,
}

impl Bbr {
    /// EnterStartup.
    pub(super) const fn enter_startup(&mut self) {
        self.state = State::Startup;
    }

    /// CheckStartupDone.
    pub(super) fn check_startup_done(&mut self, ack: &Ack<'_>) {
        self.probe.now = ack.event.now;
        self.check_startup_high_loss(ack);
        if self.state == State::Startup && self.full_bw.reached {
            self.state = State::Drain;
            self.probe.drain_start_round = self.rounds.round_count;
        }
    }

    /// CheckDrainDone.
    pub(super) fn check_drain_done(&mut self) {
        let patience = self.probe.drain_start_round + DRAIN_ROUNDS;
        let drained = self.in_flight <= self.inflight(100);
        if self.state == State::Drain && (drained || self.rounds.round_count > patience) {
            self.start_probe_bw_down();
        }
    }

    /// UpdateProbeBWCyclePhase.
    pub(super) fn update_probe_bw_cycle_phase(&mut self, ack: &Ack<'_>) {
        if !self.full_bw.reached || self.adapt_long_term_model(ack) == Decided::Yes {
            return;
        }
        match self.state {
            State::ProbeBwDown => {
                if self.probe_if_time() == Decided::No && self.is_time_to_cruise() {
                    self.state = State::ProbeBwCruise;
                }
            }
            State::ProbeBwCruise => {
                self.probe_if_time();
            }
            State::ProbeBwRefill => {
                if self.rounds.round_start {
                    self.probe.is_bw_probe_sample = true;
                    self.start_probe_bw_up(ack);
                }
            }
            State::ProbeBwUp => {
                if self.is_time_to_go_down(ack) {
                    self.probe.prev_probe_too_high = false;
                    self.start_probe_bw_down();
                }
            }
            State::Startup | State::Drain | State::ProbeRtt => {}
        }
    }

    /// StartProbeBW_DOWN.
    pub(super) fn start_probe_bw_down(&mut self) {
        self.loss.reset_congestion_signals();
        self.probe.probe_up_acked_per_inc = INFINITY;
        self.pick_probe_wait();
        self.probe.cycle_stamp = self.probe.now;
        self.probe.ack_phase = AckPhase::ProbeStopping;
        self.start_round();
        self.state = State::ProbeBwDown;
    }

    /// StartProbeBW_REFILL.
    pub(super) const fn start_probe_bw_refill(&mut self) {
        self.loss.reset_short_term_model();
        self.probe.bw_probe_up_rounds = 0;
        self.probe.bw_probe_up_acked = 0;
        self.probe.prev_probe_precautionary = false;
        self.probe.ack_phase = AckPhase::Refilling;
        self.start_round();
        self.state = State::ProbeBwRefill;
    }

    /// StartProbeBW_UP.
    fn start_probe_bw_up(&mut self, ack: &Ack<'_>) {
        self.probe.ack_phase = AckPhase::ProbeStarting;
        self.start_round();
        self.full_bw.reset(ack.delivery_rate);
        self.state = State::ProbeBwUp;
        self.raise_inflight_longterm_slope();
    }

    /// PickProbeWait: at random, so that flows that share a path do not probe together. What is mixed
    /// here differs from flow to flow and from time to time; nobody gains by guessing it.
    fn pick_probe_wait(&mut self) {
        let seed = self.probe.now.as_nanos() ^ self.rate.delivered().rotate_left(32);
        let random = mix(seed);
        self.probe.rounds_since_probe_up = u32::from(random & 1 == 1);
        self.probe.bw_probe_wait =
            Span::from_secs(2) + Span::from_nanos((random >> 1) % 1_000_000_000);
    }

    /// IsTimeToProbeBW, and if so, the probe.
    fn probe_if_time(&mut self) -> Decided {
        let ProbeBw { now, cycle_stamp, bw_probe_wait, rounds_since_probe_up, .. } = self.probe;
        let segments = self.target_inflight() / self.mss.max(1);
        let as_reno = rounds_since_probe_up >= segments.min(RENO_ROUNDS_MAX);
        if as_reno || Self::has_elapsed(now, cycle_stamp, bw_probe_wait) {
            self.start_probe_bw_refill();
            return Decided::Yes;
        }
        Decided::No
    }

    /// IsTimeToCruise.
    fn is_time_to_cruise(&self) -> bool {
        self.in_flight <= self.inflight_with_headroom()
            && self.in_flight <= self.inflight_of(self.max_bw.get(), 100)
    }

    /// IsTimeToGoDown.
    fn is_time_to_go_down(&mut self, ack: &Ack<'_>) -> bool {
        let longterm = self.loss.inflight_longterm;
        if self.probe.prev_probe_too_high && self.in_flight >= longterm {
            self.probe.prev_probe_precautionary = true;
            return true;
        }
        if self.cwnd_limited && self.cwnd >= longterm {
            // The bound is what limits the bandwidth: it says nothing about the path.
            self.full_bw.reset(ack.delivery_rate);
            return false;
        }
        self.full_bw.now
    }

    /// InflightWithHeadroom.
    pub(super) fn inflight_with_headroom(&self) -> u32 {
        let longterm = self.loss.inflight_longterm;
        if longterm == INFINITY {
            return INFINITY;
        }
        let share = u64::from(longterm) * HEADROOM_PERCENT / 100;
        let headroom = u32::try_from(share).unwrap_or(u32::MAX).max(self.mss);
        longterm.saturating_sub(headroom).max(self.min_pipe_cwnd())
    }

    /// RaiseInflightLongtermSlope.
    fn raise_inflight_longterm_slope(&mut self) {
        let growth_this_round = 1 << self.probe.bw_probe_up_rounds;
        self.probe.bw_probe_up_rounds = (self.probe.bw_probe_up_rounds + 1).min(30);
        self.probe.probe_up_acked_per_inc = (self.cwnd / growth_this_round).max(self.mss);
    }

    /// ProbeInflightLongtermUpward.
    fn probe_inflight_longterm_upward(&mut self, newly_acked: u32) {
        if !self.cwnd_limited || self.cwnd < self.loss.inflight_longterm {
            return;
        }
        let probe = &mut self.probe;
        let per_inc = probe.probe_up_acked_per_inc.max(1);
        probe.bw_probe_up_acked = probe.bw_probe_up_acked.saturating_add(newly_acked);
        let delta = probe.bw_probe_up_acked / per_inc;
        probe.bw_probe_up_acked %= per_inc;
        let growth = delta.saturating_mul(self.mss);
        self.loss.inflight_longterm = self.loss.inflight_longterm.saturating_add(growth);
        if self.rounds.round_start {
            self.raise_inflight_longterm_slope();
        }
    }

    /// AdaptLongTermModel.
    fn adapt_long_term_model(&mut self, ack: &Ack<'_>) -> Decided {
        let Some(sample) = ack.sample else { return Decided::No };
        if self.rounds.round_start {
            match self.probe.ack_phase {
                AckPhase::ProbeStarting => self.probe.ack_phase = AckPhase::ProbeFeedback,
                AckPhase::ProbeStopping => {
                    self.probe.is_bw_probe_sample = false;
                    self.probe.ack_phase = AckPhase::Init;
                    let in_cycle = self.state.is_probe_bw();
                    if in_cycle && sample.app_limited == AppLimited::No {
                        self.max_bw.advance();
                    }
                    let ProbeBw { prev_probe_precautionary, prev_probe_too_high, .. } = self.probe;
                    if in_cycle && prev_probe_precautionary && !prev_probe_too_high {
                        self.start_probe_bw_refill();
                        return Decided::Yes;
                    }
                }
                AckPhase::Init | AckPhase::Refilling | AckPhase::ProbeFeedback => {}
            }
        }
        let longterm = self.loss.inflight_longterm;
        if !is_inflight_too_high(&sample) && longterm != INFINITY {
            self.loss.inflight_longterm = longterm.max(sample.tx_in_flight);
            if self.state == State::ProbeBwUp {
                self.probe_inflight_longterm_upward(ack.event.bytes);
            }
        }
        Decided::No
    }

    /// HandleRestartFromIdle.
    pub(super) fn restart_from_idle(&mut self, now: Instant) {
        if !self.rate.is_app_limited() {
            return;
        }
        self.idle_restart = true;
        self.extra_acked.interval_start = now;
        if self.state.is_probe_bw() {
            self.set_pacing_rate_with_gain(100);
        } else if self.state == State::ProbeRtt {
            self.probe.now = now;
            self.check_probe_rtt_done(now);
        }
    }
}

/// Spreads the bits of a number: the finisher of splitmix64.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Rounds after which Drain ends, whatever is in flight.
const DRAIN_ROUNDS: u64 = 3;
/// Rounds after which a probe is due: the pace of Reno flows beside us.
const RENO_ROUNDS_MAX: u32 = 63;
