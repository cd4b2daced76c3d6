//! What was measured: latencies in a histogram, operations, bytes and failures in counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::client::Failure;

/// Latencies from a microsecond to an hour, to three digits.
const NANOSECONDS_MIN: u64 = 1_000;
const NANOSECONDS_MAX: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// Histograms of one kind are kept in this many parts, so that threads seldom wait for one another.
const PARTS: usize = 8;

/// Everything that one run measures. Only what falls into the measured time is counted.
#[derive(Debug)]
pub(crate) struct Record {
    from: Instant,
    until: Instant,
    operations: AtomicU64,
    connections: AtomicU64,
    bytes: AtomicU64,
    failures: [AtomicU64; Failure::ALL.len()],
    latency: Latencies,
    handshake: Latencies,
}

impl Record {
    /// Counts what happens from `from` until `until`.
    pub(crate) fn new(from: Instant, until: Instant) -> Self {
        Self {
            from,
            until,
            operations: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failures: Default::default(),
            latency: Latencies::new(),
            handshake: Latencies::new(),
        }
    }

    /// An operation that was due at `due` (or began then) has ended well at `end`. `part`: any number
    /// of the caller.
    pub(crate) fn operation(&self, part: usize, due: Instant, end: Instant) {
        if self.measures(due, end) {
            self.operations.fetch_add(1, Ordering::Relaxed);
            self.latency.add(part, end - due);
        }
    }

    /// A connection that was begun at `begin` is established at `end`.
    pub(crate) fn connection(&self, part: usize, begin: Instant, end: Instant) {
        if self.measures(begin, end) {
            self.connections.fetch_add(1, Ordering::Relaxed);
            self.handshake.add(part, end - begin);
        }
    }

    /// Bytes of a body have come at `now`.
    pub(crate) fn bytes(&self, count: u64, now: Instant) {
        if self.measures(now, now) {
            self.bytes.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// An operation has failed at `now`.
    pub(crate) fn failure(&self, failure: Failure, now: Instant) {
        if self.measures(now, now) {
            self.failures[failure as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Both ends lie in the measured time: an operation that the end cuts off does not count.
    fn measures(&self, begin: Instant, end: Instant) -> bool {
        begin >= self.from && end < self.until
    }

    pub(crate) fn operations_so_far(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    pub(crate) fn connections_so_far(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_so_far(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn failures_so_far(&self, failure: Failure) -> u64 {
        self.failures[failure as usize].load(Ordering::Relaxed)
    }

    /// Time from an operation's begin (or when it was due) to its end.
    pub(crate) fn latency(&self) -> Percentiles {
        self.latency.percentiles()
    }

    /// Time from a connection's begin to the end of its handshake.
    pub(crate) fn handshake(&self) -> Percentiles {
        self.handshake.percentiles()
    }
}

/// A histogram in parts.
#[derive(Debug)]
struct Latencies([Mutex<Histogram<u64>>; PARTS]);

impl Latencies {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(histogram())))
    }

    fn add(&self, part: usize, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        lock(&self.0[part % PARTS]).saturating_record(nanoseconds);
    }

    fn percentiles(&self) -> Percentiles {
        let mut sum = histogram();
        for part in &self.0 {
            sum.add(&*lock(part)).expect("the same bounds");
        }
        Percentiles::of(&sum)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(NANOSECONDS_MIN, NANOSECONDS_MAX, DIGITS).expect("valid bounds")
}

fn lock(part: &Mutex<Histogram<u64>>) -> MutexGuard<'_, Histogram<u64>> {
    // A panic of one thread leaves what the others have counted.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Latencies in microseconds; all 0 when nothing was measured.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// How many were measured.
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1_000.0;
        let at = |quantile| microseconds(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: microseconds(histogram.max()),
        }
    }
}

#[cfg(test)]
mod tests;
