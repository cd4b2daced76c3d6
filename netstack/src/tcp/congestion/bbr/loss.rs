//! What BBR learns from loss: the bounds of its model, and how an undo brings them back.
//! draft-ietf-ccwg-bbr §5.5.10, §5.5.11.

use super::states::State;
use super::{Ack, BETA_PERCENT, Bbr, INFINITY, LOSS_THRESH_PERCENT};
use crate::tcp::delivery_rate::{AppLimited, LossSample, Rate, RateSample};
use crate::time::Instant;

/// The bounds that losses have set, and the signals of this round.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossModel {
    /// BBR.inflight_longterm in bytes.
    pub(super) inflight_longterm: u32,
    /// BBR.bw_shortterm.
    pub(super) bw_shortterm: Rate,
    /// BBR.inflight_shortterm in bytes.
    pub(super) inflight_shortterm: u32,
    /// BBR.bw_latest.
    bw_latest: Rate,
    /// BBR.inflight_latest in bytes.
    inflight_latest: u64,
    /// BBR.loss_round_delivered.
    loss_round_delivered: u64,
    /// BBR.loss_round_start.
    loss_round_start: bool,
    /// BBR.is_loss_in_round.
    is_loss_in_round: bool,
    /// Bytes that were lost in this round.
    lost_in_round: u64,
    /// Separate ranges that were lost in this round.
    ranges: u32,
}

/// What held before this episode of loss.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undo {
    /// BBR.undo_state.
    state: UndoState,
    bw_shortterm: Rate,
    inflight_shortterm: u32,
    inflight_longterm: u32,
}

/// The probing that an episode of loss ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UndoState {
    None,
    Startup,
    ProbeBwUp,
}

impl Default for LossModel {
    fn default() -> Self {
        Self {
            inflight_longterm: INFINITY,
            bw_shortterm: Rate::INFINITE,
            inflight_shortterm: INFINITY,
            bw_latest: Rate::ZERO,
            inflight_latest: 0,
            loss_round_delivered: 0,
            loss_round_start: false,
            is_loss_in_round: false,
            lost_in_round: 0,
            ranges: 0,
        }
    }
}

impl Default for Undo {
    fn default() -> Self {
        Self {
            state: UndoState::None,
            bw_shortterm: Rate::ZERO,
            inflight_shortterm: 0,
            inflight_longterm: 0,
        }
    }
}

impl LossModel {
    /// UpdateLatestDeliverySignals.
    pub(super) fn update_latest_delivery_signals(&mut self, ack: &Ack<'_>, delivered: u64) {
        self.loss_round_start = false;
        let Some(sample) = ack.sample else { return };
        self.bw_latest = self.bw_latest.max(ack.delivery_rate);
        self.inflight_latest = self.inflight_latest.max(sample.delivered);
        if sample.prior_delivered >= self.loss_round_delivered {
            self.loss_round_delivered = delivered;
            self.loss_round_start = true;
        }
    }

    /// AdvanceLatestDeliverySignals.
    pub(super) fn advance_latest_delivery_signals(&mut self, ack: &Ack<'_>) {
        if let Some(sample) = ack.sample.filter(|_| self.loss_round_start) {
            self.bw_latest = ack.delivery_rate;
            self.inflight_latest = sample.delivered;
        }
    }

    /// ResetCongestionSignals.
    pub(super) const fn reset_congestion_signals(&mut self) {
        self.is_loss_in_round = false;
        self.lost_in_round = 0;
        self.bw_latest = Rate::ZERO;
        self.inflight_latest = 0;
    }

    /// ResetShortTermModel.
    pub(super) const fn reset_short_term_model(&mut self) {
        self.bw_shortterm = Rate::INFINITE;
        self.inflight_shortterm = INFINITY;
    }

    /// Whether this round lost more than a path may lose at random. The draft lowers the bounds for
    /// any loss, by the share that was lost: at 1 % the rate would sink to half in the 60 rounds
    /// between two probes.
    fn is_much_lost(&self) -> bool {
        self.is_loss_in_round
            && self.lost_in_round.saturating_mul(100)
                > self.inflight_latest.saturating_mul(LOSS_THRESH_PERCENT)
    }

    /// Counts separate ranges that were lost.
    pub(super) const fn count_ranges(&mut self, ranges: u32) {
        self.ranges = self.ranges.saturating_add(ranges);
    }

    /// InitLowerBounds and LossLowerBounds.
    fn lower_bounds(&mut self, max_bw: Rate, cwnd: u32) {
        if self.bw_shortterm == Rate::INFINITE {
            self.bw_shortterm = max_bw;
        }
        if self.inflight_shortterm == INFINITY {
            self.inflight_shortterm = cwnd;
        }
        self.bw_shortterm = self.bw_latest.max(self.bw_shortterm.percent(BETA_PERCENT));
        let latest = u32::try_from(self.inflight_latest).unwrap_or(INFINITY - 1);
        self.inflight_shortterm = latest.max(beta(self.inflight_shortterm));
    }
}

impl Bbr {
    /// UpdateCongestionSignals, with AdaptLowerBoundsFromCongestion.
    pub(super) fn update_congestion_signals(&mut self, ack: &Ack<'_>) {
        self.update_max_bw(ack);
        if !self.loss.loss_round_start {
            return;
        }
        if self.loss.is_much_lost() && !self.state.is_probing_bw() {
            self.loss.lower_bounds(self.max_bw.get(), self.cwnd);
        }
        self.loss.is_loss_in_round = false;
        self.loss.lost_in_round = 0;
    }

    /// CheckStartupHighLoss: ends Startup if many ranges were lost in a round of recovery. §5.3.1.3.
    pub(super) fn check_startup_high_loss(&mut self, ack: &Ack<'_>) {
        if !self.loss.loss_round_start {
            return;
        }
        let ranges = core::mem::replace(&mut self.loss.ranges, 0);
        let Some(sample) = ack.sample else { return };
        if self.state != State::Startup || !self.in_recovery || ranges < STARTUP_FULL_LOSS_CNT {
            return;
        }
        if is_inflight_too_high(&sample) {
            self.undo.state = UndoState::Startup;
            self.full_bw.reached = true;
            let latest = u32::try_from(self.loss.inflight_latest).unwrap_or(INFINITY - 1);
            self.loss.inflight_longterm = self.bdp_multiple(100).max(latest);
        }
    }

    /// NoteLoss, of `bytes`.
    pub(super) fn note_loss(&mut self, bytes: u64) {
        self.loss.lost_in_round = self.loss.lost_in_round.saturating_add(bytes);
        if !self.loss.is_loss_in_round {
            self.loss.loss_round_delivered = self.rate.delivered();
            self.save_state_upon_loss();
        }
        self.loss.is_loss_in_round = true;
    }

    /// The rest of HandleLostPacket, with InflightAtLoss: `bytes` were lost together.
    pub(super) fn handle_lost_packet(&mut self, bytes: u32, lost: LossSample) {
        if !self.probe.is_bw_probe_sample {
            return;
        }
        let LossSample { tx_in_flight, lost, app_limited } = lost;
        if !is_too_much(lost, tx_in_flight) {
            return;
        }
        let inflight_prev = u64::from(tx_in_flight.saturating_sub(bytes));
        let lost_prev = lost.saturating_sub(u64::from(bytes));
        let lost_prefix = (inflight_prev * LOSS_THRESH_PERCENT / 100).saturating_sub(lost_prev)
            * 100
            / (100 - LOSS_THRESH_PERCENT);
        let at_loss = u32::try_from(inflight_prev + lost_prefix).unwrap_or(INFINITY - 1);
        self.handle_inflight_too_high(at_loss, app_limited);
    }

    /// HandleInflightTooHigh.
    pub(super) fn handle_inflight_too_high(&mut self, tx_in_flight: u32, limited: AppLimited) {
        self.probe.prev_probe_too_high = true;
        self.probe.is_bw_probe_sample = false;
        if limited == AppLimited::No {
            self.loss.inflight_longterm = tx_in_flight.max(beta(self.target_inflight()));
        }
        if self.state == State::ProbeBwUp {
            self.undo.state = UndoState::ProbeBwUp;
            self.start_probe_bw_down();
        }
    }

    /// SaveStateUponLoss.
    fn save_state_upon_loss(&mut self) {
        self.save_cwnd();
        self.undo = Undo {
            state: UndoState::None,
            bw_shortterm: self.loss.bw_shortterm,
            inflight_shortterm: self.loss.inflight_shortterm,
            inflight_longterm: self.loss.inflight_longterm,
        };
    }

    /// Fast recovery begins: OnEnterFastRecovery.
    pub(in super::super) fn on_recovery(&mut self) {
        self.save_state_upon_loss();
        self.in_recovery = true;
    }

    /// The retransmission timer expired: OnEnterRTO. Everything in flight is given up.
    pub(in super::super) fn on_rto(&mut self, flight: u32) {
        self.save_state_upon_loss();
        self.in_recovery = true;
        self.loss.is_loss_in_round = true;
        self.loss.lost_in_round = u64::MAX;
        self.rate.on_lost(flight, Instant::ORIGIN);
        self.in_flight = 0;
        self.cwnd = self.mss;
    }

    /// Recovery is over: the window is what it was before, within the model's bounds.
    pub(in super::super) fn on_recovered(&mut self) {
        if core::mem::replace(&mut self.in_recovery, false) {
            self.restore_cwnd();
            self.bound_cwnd_for_model();
        }
    }

    /// The peer echoes a mark. The draft leaves ECN open; RFC 3168 §6.1.2 wants it heeded as a loss.
    pub(in super::super) fn on_mark(&mut self, flight: u32) {
        self.note_loss(u64::MAX);
        if self.probe.is_bw_probe_sample {
            self.handle_inflight_too_high(flight, AppLimited::No);
        }
        self.cwnd = self.cwnd.min(beta(flight.max(self.cwnd))).max(self.min_pipe_cwnd());
    }

    /// HandleSpuriousLossDetection.
    pub(in super::super) fn on_undo(&mut self) {
        self.in_recovery = false;
        self.restore_cwnd();
        let (loss, undo) = (&mut self.loss, self.undo);
        loss.is_loss_in_round = false;
        loss.lost_in_round = 0;
        self.full_bw.reset(Rate::ZERO);
        loss.bw_shortterm = loss.bw_shortterm.max(undo.bw_shortterm);
        loss.inflight_shortterm = loss.inflight_shortterm.max(undo.inflight_shortterm);
        loss.inflight_longterm = loss.inflight_longterm.max(undo.inflight_longterm);
        match undo.state {
            UndoState::Startup if self.state != State::Startup => {
                self.full_bw.reached = false;
                if self.state != State::ProbeRtt {
                    self.enter_startup();
                }
            }
            UndoState::ProbeBwUp if self.state != State::ProbeBwUp => {
                if self.state != State::ProbeRtt {
                    self.start_probe_bw_refill();
                }
            }
            UndoState::None | UndoState::Startup | UndoState::ProbeBwUp => {}
        }
        self.undo.state = UndoState::None;
    }
}

/// IsInflightTooHigh.
pub(super) fn is_inflight_too_high(sample: &RateSample) -> bool {
    is_too_much(sample.lost, sample.tx_in_flight)
}

/// Whether more than BBR.LossThresh of what was in flight got lost.
fn is_too_much(lost: u64, tx_in_flight: u32) -> bool {
    lost * 100 > u64::from(tx_in_flight) * LOSS_THRESH_PERCENT
}

/// BBR.Beta of a volume.
fn beta(bytes: u32) -> u32 {
    let share = u64::from(bytes) * u64::from(BETA_PERCENT) / 100;
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// BBRStartupFullLossCnt.
const STARTUP_FULL_LOSS_CNT: u32 = 6;
