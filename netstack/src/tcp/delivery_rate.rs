//! How fast the network delivers. draft-ietf-ccwg-bbr §4.1, which has taken in
//! draft-cheng-iccrg-delivery-rate-estimation.
//!
//! What was known when a segment went out is kept apart from the scoreboard: a transmission is found
//! again by its time. Those that follow each other closely share a snapshot, so that a round trip
//! has a few dozen of them, whatever the rate, and a packet costs no allocation.

use alloc::collections::VecDeque;

use super::sack::Delivery;
use crate::time::{Instant, Span};

/// Bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rate(u64);

impl Rate {
    /// Nothing at all.
    pub(crate) const ZERO: Self = Self(0);
    /// No limit.
    pub(crate) const INFINITE: Self = Self(u64::MAX);

    /// `bytes` in `span`. Nothing takes less than a nanosecond.
    pub(crate) fn new(bytes: u64, span: Span) -> Self {
        let per_second = u128::from(bytes) * NANOS_PER_SEC / u128::from(span.as_nanos().max(1));
        Self(u64::try_from(per_second).unwrap_or(u64::MAX))
    }

    /// Bytes a second.
    pub(crate) const fn bytes_per_sec(self) -> u64 {
        self.0
    }

    /// What passes in `span`, in bytes.
    pub(crate) fn bytes_in(self, span: Span) -> u64 {
        let bytes = u128::from(self.0) * u128::from(span.as_nanos()) / NANOS_PER_SEC;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// How long `bytes` take.
    pub(crate) fn time_of(self, bytes: u32) -> Span {
        let nanos = u128::from(bytes) * NANOS_PER_SEC / u128::from(self.0.max(1));
        Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// `percent` of it.
    pub(crate) fn percent(self, percent: u32) -> Self {
        let rate = u128::from(self.0) * u128::from(percent) / 100;
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// Whether the owner had nothing to send at some moment of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppLimited {
    /// It always had.
    No,
    /// It had not: the network may be faster than the sample.
    Yes,
}

/// What went out, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmission {
    /// When.
    pub(crate) now: Instant,
    /// Bytes in flight before it.
    pub(crate) in_flight_before: u32,
    /// Bytes in flight with it.
    pub(crate) in_flight: u32,
    /// Transmissions that are nearer to each other than this need not be told apart.
    pub(crate) granularity: Span,
}

/// What was known when something went out: the draft's per-packet state.
#[derive(Clone, Copy, Debug)]
struct Snapshot {
    /// P.send_time of the first transmission that it stands for.
    send_time: Instant,
    /// P.delivered.
    delivered: u64,
    /// P.delivered_time.
    delivered_time: Instant,
    /// P.first_send_time.
    first_send_time: Instant,
    /// P.lost.
    lost: u64,
    /// P.tx_in_flight of the last transmission that it stands for.
    tx_in_flight: u32,
    /// P.is_app_limited.
    app_limited: AppLimited,
}

/// One measurement: the draft's RS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateSample {
    /// RS.delivery_rate; `None` when the interval is too short to be true.
    pub(crate) delivery_rate: Option<Rate>,
    /// RS.delivered: bytes delivered over the interval.
    pub(crate) delivered: u64,
    /// RS.prior_delivered: bytes that had been delivered when it began.
    pub(crate) prior_delivered: u64,
    /// RS.tx_in_flight.
    pub(crate) tx_in_flight: u32,
    /// RS.lost: bytes lost since it was sent.
    pub(crate) lost: u64,
    /// RS.is_app_limited.
    pub(crate) app_limited: AppLimited,
}

/// What was in flight when a lost range was sent, and what was lost since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossSample {
    /// P.tx_in_flight.
    pub(crate) tx_in_flight: u32,
    /// C.lost - P.lost.
    pub(crate) lost: u64,
    /// P.is_app_limited.
    pub(crate) app_limited: AppLimited,
}

/// The estimator of one connection: the draft's per-connection state.
#[derive(Debug)]
pub(crate) struct DeliveryRate {
    /// C.delivered.
    delivered: u64,
    /// C.delivered_time.
    delivered_time: Instant,
    /// C.first_send_time.
    first_send_time: Instant,
    /// C.app_limited: samples are until so much is delivered.
    app_limited: Option<u64>,
    /// C.lost.
    lost: u64,
    /// In the order of sending.
    snapshots: VecDeque<Snapshot>,
}

impl DeliveryRate {
    /// Nothing was sent yet.
    pub(crate) const fn new() -> Self {
        Self {
            delivered: 0,
            delivered_time: Instant::ORIGIN,
            first_send_time: Instant::ORIGIN,
            app_limited: None,
            lost: 0,
            snapshots: VecDeque::new(),
        }
    }

    /// C.delivered.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether the samples are limited by the owner now.
    pub(crate) const fn is_app_limited(&self) -> bool {
        self.app_limited.is_some()
    }

    /// The owner has nothing to send although it might: MarkConnectionAppLimited.
    pub(crate) fn mark_app_limited(&mut self, in_flight: u32) {
        self.app_limited = Some(self.delivered.saturating_add(u64::from(in_flight)));
    }

    /// Something went out, first or again: OnPacketSent.
    pub(crate) fn on_sent(&mut self, sent: Transmission) {
        let Transmission { now, in_flight_before, in_flight, granularity } = sent;
        if in_flight_before == 0 {
            self.first_send_time = now;
            self.delivered_time = now;
            self.snapshots.clear();
        }
        if let Some(last) = self.snapshots.back_mut()
            && (now == last.send_time || now - last.send_time < granularity)
        {
            last.tx_in_flight = last.tx_in_flight.max(in_flight);
            return;
        }
        if self.snapshots.len() >= SNAPSHOTS_MAX {
            self.snapshots.pop_front();
        }
        let app_limited = if self.is_app_limited() { AppLimited::Yes } else { AppLimited::No };
        self.snapshots.push_back(Snapshot {
            send_time: now,
            delivered: self.delivered,
            delivered_time: self.delivered_time,
            first_send_time: self.first_send_time,
            lost: self.lost,
            tx_in_flight: in_flight,
            app_limited,
        });
    }

    /// `bytes` that were sent at `sent_at` at the latest are lost.
    pub(crate) fn on_lost(&mut self, bytes: u32, sent_at: Instant) -> Option<LossSample> {
        self.lost = self.lost.saturating_add(u64::from(bytes));
        let Snapshot { lost, tx_in_flight, app_limited, .. } = *self.find(sent_at)?;
        Some(LossSample { tx_in_flight, lost: self.lost - lost, app_limited })
    }

    /// `bytes` have arrived, the last of them sent as `delivery` says. A sample shorter than `min_rtt`
    /// is not believed: an answer to the original was taken for one to a retransmission.
    /// UpdateRateSample, GenerateRateSample.
    pub(crate) fn on_delivered(
        &mut self,
        now: Instant,
        bytes: u32,
        delivery: Delivery,
        min_rtt: Option<Span>,
    ) -> Option<RateSample> {
        self.delivered = self.delivered.saturating_add(u64::from(bytes));
        self.delivered_time = now;
        let found = self.find(delivery.sent_at).copied();
        self.first_send_time = self.first_send_time.max(delivery.sent_at);
        if self.app_limited.is_some_and(|until| self.delivered > until) {
            self.app_limited = None;
        }
        let snapshot = found?;
        let send_elapsed = delivery.sent_at - snapshot.first_send_time;
        let ack_elapsed = now - snapshot.delivered_time;
        let interval = send_elapsed.max(ack_elapsed);
        let delivered = self.delivered - snapshot.delivered;
        let is_true = !interval.is_zero() && min_rtt.is_none_or(|min_rtt| interval >= min_rtt);
        Some(RateSample {
            delivery_rate: is_true.then(|| Rate::new(delivered, interval)),
            delivered,
            prior_delivered: snapshot.delivered,
            tx_in_flight: snapshot.tx_in_flight,
            lost: self.lost - snapshot.lost,
            app_limited: snapshot.app_limited,
        })
    }

    /// Nothing is in flight any more: nobody asks for the past.
    pub(crate) fn on_idle(&mut self) {
        self.snapshots.clear();
        self.snapshots.shrink_to(0);
    }

    /// What was known when something went out at `sent_at`.
    fn find(&self, sent_at: Instant) -> Option<&Snapshot> {
        let behind = self.snapshots.partition_point(|snapshot| snapshot.send_time <= sent_at);
        self.snapshots.get(behind.checked_sub(1)?)
    }
}

/// Snapshots that are kept: several round trips of them.
const SNAPSHOTS_MAX: usize = 256;
const NANOS_PER_SEC: u128 = 1_000_000_000;
