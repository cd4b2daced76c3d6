//! What BBR measures: rounds, BBR.max_bw, BBR.extra_acked, and whether the pipe is full.
//! draft-ietf-ccwg-bbr §5.5, §5.3.1.2.

use super::{Ack, Bbr};
use crate::tcp::delivery_rate::{AppLimited, Rate};
use crate::time::Instant;

/// Packet-timed round trips.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    /// BBR.next_round_delivered.
    pub(super) next_round_delivered: u64,
    /// BBR.round_start.
    pub(super) round_start: bool,
    /// BBR.round_count.
    pub(super) round_count: u64,
}

/// BBR.max_bw_filter: the largest rate of this ProbeBW cycle and of the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxBwFilter {
    before: Rate,
    current: Rate,
}

impl MaxBwFilter {
    /// BBR.max_bw.
    pub(super) fn get(self) -> Rate {
        self.before.max(self.current)
    }

    /// Takes a sample of this cycle.
    fn update(&mut self, rate: Rate) {
        self.current = self.current.max(rate);
    }

    /// AdvanceMaxBwFilter. A cycle without samples does not count.
    pub(super) fn advance(&mut self) {
        if self.current > Rate::ZERO {
            self.before = self.current;
            self.current = Rate::ZERO;
        }
    }
}

/// BBR.extra_acked: how much more than expected is acknowledged at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExtraAcked {
    /// BBR.extra_acked_interval_start.
    pub(super) interval_start: Instant,
    /// BBR.extra_acked_delivered.
    delivered: u64,
    /// The maximum of the window before this one and of this one, as a filter of two halves.
    halves: [u32; 2],
    /// The round in which this half began.
    half_start: u64,
}

impl ExtraAcked {
    /// BBR.extra_acked in bytes.
    pub(super) fn get(&self) -> u32 {
        let [before, current] = self.halves;
        before.max(current)
    }

    /// UpdateWindowedMaxFilter, in halves of the window.
    fn update(&mut self, extra: u32, round_count: u64, filter_len: u64) {
        let [before, current] = &mut self.halves;
        let age = round_count.saturating_sub(self.half_start);
        if age >= filter_len.div_ceil(2) {
            *before = if age >= filter_len { 0 } else { *current };
            *current = 0;
            self.half_start = round_count;
        }
        *current = extra.max(*current);
    }
}

/// The full pipe estimator. §5.3.1.2.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullBw {
    /// BBR.full_bw.
    full_bw: Rate,
    /// BBR.full_bw_count.
    count: u8,
    /// BBR.full_bw_now.
    pub(super) now: bool,
    /// BBR.full_bw_reached.
    pub(super) reached: bool,
}

impl FullBw {
    /// ResetFullBW, with a first rate to compare with.
    pub(super) const fn reset(&mut self, full_bw: Rate) {
        self.full_bw = full_bw;
        self.count = 0;
        self.now = false;
    }
}

impl Bbr {
    /// UpdateRound and UpdateMaxBw.
    pub(super) fn update_max_bw(&mut self, ack: &Ack<'_>) {
        let rounds = &mut self.rounds;
        rounds.round_start = false;
        let Some(sample) = ack.sample else { return };
        if sample.prior_delivered >= rounds.next_round_delivered {
            rounds.next_round_delivered = self.rate.delivered();
            rounds.round_count += 1;
            rounds.round_start = true;
            self.probe.rounds_since_probe_up = self.probe.rounds_since_probe_up.saturating_add(1);
        }
        let rate = ack.delivery_rate;
        // What the owner limits says only that the path is not slower.
        if rate >= self.max_bw.get() || sample.app_limited == AppLimited::No {
            self.max_bw.update(rate);
        }
    }

    /// UpdateACKAggregation.
    pub(super) fn update_ack_aggregation(&mut self, ack: &Ack<'_>) {
        let now = ack.event.now;
        let extra = &mut self.extra_acked;
        let mut expected = self.bw.bytes_in(now - extra.interval_start);
        if extra.delivered <= expected {
            extra.delivered = 0;
            extra.interval_start = now;
            expected = 0;
        }
        extra.delivered = extra.delivered.saturating_add(u64::from(ack.event.bytes));
        let beyond = extra.delivered.saturating_sub(expected).min(u64::from(self.cwnd));
        let beyond = u32::try_from(beyond).unwrap_or(u32::MAX);
        let filter_len = if self.full_bw.reached { EXTRA_ACKED_FILTER_LEN } else { 1 };
        extra.update(beyond, self.rounds.round_count, filter_len);
    }

    /// CheckFullBWReached.
    pub(super) fn check_full_bw_reached(&mut self, ack: &Ack<'_>) {
        let Some(sample) = ack.sample else { return };
        let full = &mut self.full_bw;
        if full.now || !self.rounds.round_start || sample.app_limited == AppLimited::Yes {
            return;
        }
        if ack.delivery_rate >= full.full_bw.percent(125) {
            full.reset(ack.delivery_rate);
            return;
        }
        full.count += 1;
        full.now = full.count >= FULL_BW_ROUNDS;
        full.reached |= full.now;
    }

    /// BoundBWForModel.
    pub(super) fn bound_bw_for_model(&mut self) {
        self.bw = self.max_bw.get().min(self.loss.bw_shortterm);
    }
}

/// BBR.ExtraAckedFilterLen, in rounds.
const EXTRA_ACKED_FILTER_LEN: u64 = 10;
/// Rounds without growth that mean a full pipe.
const FULL_BW_ROUNDS: u8 = 3;
