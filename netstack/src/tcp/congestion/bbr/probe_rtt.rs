//! BBR.min_rtt and ProbeRTT, the state that renews it. draft-ietf-ccwg-bbr §5.3.4.

use super::states::{AckPhase, State};
use super::{Bbr, Delivered};
use crate::time::{Instant, Span};

/// The round trip of the empty path, and the probe for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct MinRtt {
    /// BBR.min_rtt, once there was a sample.
    min_rtt: Option<Span>,
    /// BBR.min_rtt_stamp.
    stamp: Instant,
    /// BBR.min_rtt_expired.
    expired: bool,
    /// BBR.probe_rtt_cwnd in bytes.
    pub(super) probe_rtt_cwnd: u32,
    /// BBR.probe_rtt_done_stamp.
    done_stamp: Option<Instant>,
    /// BBR.probe_rtt_round_done.
    round_done: bool,
}

impl MinRtt {
    /// No sample yet.
    pub(super) const fn new(initial_cwnd: u32) -> Self {
        Self {
            min_rtt: None,
            stamp: Instant::ORIGIN,
            expired: false,
            probe_rtt_cwnd: initial_cwnd,
            done_stamp: None,
            round_done: false,
        }
    }

    /// BBR.min_rtt.
    pub(super) const fn get(&self) -> Option<Span> {
        self.min_rtt
    }
}

impl Bbr {
    /// UpdateMinRTT.
    pub(super) fn update_min_rtt(&mut self, event: &Delivered) {
        let known = self.min_rtt.min_rtt;
        let age_ends = self.min_rtt.stamp + MIN_RTT_FILTER_LEN;
        self.min_rtt.expired = known.is_some() && event.now > age_ends;
        if self.min_rtt.expired && self.state != State::ProbeRtt {
            // By the round trip that is about to be forgotten: the next may hold a queue.
            self.min_rtt.probe_rtt_cwnd =
                self.bdp_multiple(State::ProbeRtt.cwnd_gain()).max(self.min_pipe_cwnd());
        }
        let Some(rtt) = event.rtt else { return };
        if self.min_rtt.expired || known.is_none_or(|known| rtt < known) {
            self.min_rtt.min_rtt = Some(rtt);
            self.min_rtt.stamp = event.now;
        }
    }

    /// CheckProbeRTT.
    pub(super) fn check_probe_rtt(&mut self, event: &Delivered) {
        if self.state != State::ProbeRtt && self.min_rtt.expired && !self.idle_restart {
            self.save_cwnd();
            self.state = State::ProbeRtt;
            self.min_rtt.done_stamp = None;
            self.probe.ack_phase = AckPhase::ProbeStopping;
            self.start_round();
        }
        if self.state == State::ProbeRtt {
            self.handle_probe_rtt(event.now);
        }
        self.idle_restart = false;
    }

    /// HandleProbeRTT.
    fn handle_probe_rtt(&mut self, now: Instant) {
        // What is measured now says nothing about the path.
        self.rate.mark_app_limited(self.in_flight);
        if self.min_rtt.done_stamp.is_none() {
            if self.in_flight <= self.min_rtt.probe_rtt_cwnd {
                self.min_rtt.done_stamp = Some(now + PROBE_RTT_DURATION);
                self.min_rtt.round_done = false;
                self.start_round();
            }
            return;
        }
        self.min_rtt.round_done |= self.rounds.round_start;
        if self.min_rtt.round_done {
            self.check_probe_rtt_done(now);
        }
    }

    /// CheckProbeRTTDone, with ExitProbeRTT.
    pub(super) fn check_probe_rtt_done(&mut self, now: Instant) {
        if self.min_rtt.done_stamp.is_none_or(|done| now <= done) {
            return;
        }
        self.min_rtt.stamp = now;
        self.restore_cwnd();
        self.loss.reset_short_term_model();
        if self.full_bw.reached {
            self.start_probe_bw_down();
            self.state = State::ProbeBwCruise;
        } else {
            self.enter_startup();
        }
    }
}

/// BBR.MinRTTFilterLen, and with it BBR.ProbeRTTInterval.
const MIN_RTT_FILTER_LEN: Span = Span::from_secs(10);
/// BBR.ProbeRTTDuration.
const PROBE_RTT_DURATION: Span = Span::from_millis(200);
