//! BBR, version 3. draft-ietf-ccwg-bbr.
//!
//! A model of the path (how fast it delivers, how long an empty one takes, how much it holds without
//! loss) decides on pacing rate and window, not single losses. Parameters have the draft's names.
//! What runs on each ACK is here, in the draft's order; [`model`] measures, [`loss`] heeds losses,
//! [`states`] and [`probe_rtt`] probe, [`control`] sets rate and window.

mod control;
mod loss;
mod model;
mod probe_rtt;
mod states;

use self::loss::{LossModel, Undo};
use self::model::{ExtraAcked, FullBw, MaxBwFilter, Rounds};
use self::probe_rtt::MinRtt;
use self::states::{ProbeBw, State};
use super::Delivered;
use crate::tcp::delivery_rate::{DeliveryRate, Rate, RateSample, Transmission};
use crate::tcp::sack::LostRanges;
use crate::time::{Instant, Span};

/// BBR.LossThresh: 2 %, of 100.
const LOSS_THRESH_PERCENT: u64 = 2;
/// BBR.Beta: 0.7, of 100.
const BETA_PERCENT: u32 = 70;
/// BBR.Headroom: 0.15, of 100.
const HEADROOM_PERCENT: u64 = 15;
/// BBR.MinPipeCwnd, in segments.
const MIN_PIPE_CWND_SEGMENTS: u32 = 4;
/// No bound: the draft's infinity.
const INFINITY: u32 = u32::MAX;

/// The state of BBR on one connection.
#[derive(Debug)]
pub(super) struct Bbr {
    /// C.cwnd in bytes.
    cwnd: u32,
    /// C.SMSS in bytes.
    mss: u32,
    /// C.InitialCwnd in bytes.
    initial_cwnd: u32,
    /// C.inflight in bytes, after the last ACK or transmission.
    in_flight: u32,
    /// C.is_cwnd_limited.
    cwnd_limited: bool,
    /// Whether losses are being repaired.
    in_recovery: bool,
    /// C.pacing_rate; zero until there is a round trip to compute it from.
    pacing_rate: Rate,
    rate: DeliveryRate,
    state: State,
    rounds: Rounds,
    max_bw: MaxBwFilter,
    /// BBR.bw.
    bw: Rate,
    min_rtt: MinRtt,
    extra_acked: ExtraAcked,
    full_bw: FullBw,
    probe: ProbeBw,
    loss: LossModel,
    undo: Undo,
    /// BBR.prior_cwnd.
    prior_cwnd: u32,
    /// BBR.idle_restart.
    idle_restart: bool,
}

/// The part of the connection that BBR takes over at its start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// The window.
    pub(super) cwnd: u32,
    /// The segment size.
    pub(super) mss: u32,
}

/// The sample of an ACK, as far as there is one.
#[derive(Clone, Copy, Debug)]
struct Ack<'a> {
    event: &'a Delivered,
    sample: Option<RateSample>,
    /// RS.delivery_rate, zero without one.
    delivery_rate: Rate,
}

impl Bbr {
    /// OnInit.
    pub(super) fn new(start: Start) -> Self {
        let Start { cwnd, mss } = start;
        Self {
            cwnd,
            mss,
            initial_cwnd: cwnd,
            in_flight: 0,
            cwnd_limited: false,
            in_recovery: false,
            pacing_rate: Rate::ZERO,
            rate: DeliveryRate::new(),
            state: State::Startup,
            rounds: Rounds::default(),
            max_bw: MaxBwFilter::default(),
            bw: Rate::ZERO,
            min_rtt: MinRtt::new(cwnd),
            extra_acked: ExtraAcked::default(),
            full_bw: FullBw::default(),
            probe: ProbeBw::default(),
            loss: LossModel::default(),
            undo: Undo::default(),
            prior_cwnd: 0,
            idle_restart: false,
        }
    }

    /// C.cwnd in bytes.
    pub(super) const fn cwnd_bytes(&self) -> u32 {
        self.cwnd
    }

    /// The name of BBR.state.
    pub(super) const fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// The segment size or the first window changed.
    pub(super) fn set_units(&mut self, units: Start) {
        let Start { cwnd, mss } = units;
        if self.rate.delivered() == 0 {
            self.initial_cwnd = cwnd;
        }
        self.mss = mss;
        self.cwnd = cwnd;
    }

    /// Something goes out: OnTransmit, OnPacketSent.
    pub(super) fn on_sent(&mut self, sent: Transmission) {
        if sent.in_flight_before == 0 {
            self.restart_from_idle(sent.now);
        }
        self.rate.on_sent(sent);
        self.in_flight = sent.in_flight;
    }

    /// The owner has had nothing to send although it might have: CheckIfApplicationLimited.
    pub(super) fn on_app_limited(&mut self, in_flight: u32) {
        if in_flight < self.cwnd {
            self.rate.mark_app_limited(in_flight);
        }
    }

    /// Something has arrived: UpdateOnACK.
    pub(super) fn on_delivered(&mut self, event: &Delivered) {
        let in_flight_before = self.in_flight.max(event.flight_before);
        self.cwnd_limited = in_flight_before.saturating_add(self.mss) >= self.cwnd;
        self.in_flight = event.in_flight;
        let Some(delivery) = event.delivery else { return };
        let sample = self.rate.on_delivered(event.now, event.bytes, delivery, event.min_rtt);
        let delivery_rate = sample.and_then(|sample| sample.delivery_rate).unwrap_or(Rate::ZERO);
        let ack = Ack { event, sample, delivery_rate };
        self.update_model_and_state(&ack);
        self.set_pacing_rate(event.srtt);
        self.set_cwnd(event.bytes);
        if event.in_flight == 0 {
            self.rate.on_idle();
        }
    }

    /// Ranges were given up: HandleLostPacket.
    pub(super) fn on_lost(&mut self, lost: &LostRanges) {
        self.note_loss(u64::from(lost.bytes));
        self.loss.count_ranges(lost.ranges);
        let sent_at = lost.sent_at.unwrap_or(Instant::ORIGIN);
        let Some(sample) = self.rate.on_lost(lost.bytes, sent_at) else { return };
        self.handle_lost_packet(lost.bytes, sample);
    }

    /// UpdateModelAndState.
    fn update_model_and_state(&mut self, ack: &Ack<'_>) {
        let delivered = self.rate.delivered();
        self.loss.update_latest_delivery_signals(ack, delivered);
        self.update_congestion_signals(ack);
        self.update_ack_aggregation(ack);
        self.check_full_bw_reached(ack);
        self.check_startup_done(ack);
        self.check_drain_done();
        self.update_probe_bw_cycle_phase(ack);
        self.update_min_rtt(ack.event);
        self.check_probe_rtt(ack.event);
        self.loss.advance_latest_delivery_signals(ack);
        self.bound_bw_for_model();
    }

    /// BBR.MinPipeCwnd in bytes.
    const fn min_pipe_cwnd(&self) -> u32 {
        MIN_PIPE_CWND_SEGMENTS * self.mss
    }

    /// StartRound.
    const fn start_round(&mut self) {
        self.rounds.next_round_delivered = self.rate.delivered();
    }

    /// Whether `span` has passed since `start`.
    fn has_elapsed(now: Instant, start: Instant, span: Span) -> bool {
        now > start + span
    }
}
