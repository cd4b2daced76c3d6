//! When operations are due.
//!
//! Open loop: the times are fixed beforehand by the rate, whatever the server does, and latency
//! counts from them; a server that stalls for a second shows as a second for every operation that
//! was due meanwhile. Closed loop: a connection's next operation is due when its last one has ended,
//! so a stall hides all that would have come ("coordinated omission"); the report says so.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const NANOSECONDS: u128 = 1_000_000_000;

/// What a connection does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    /// An operation at once.
    Now,
    /// An operation that is due at this time: wait for it, or make haste if it has passed.
    At(Instant),
    /// Nothing any more.
    End,
}

/// The times of all operations of a run, shared by its connections.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    end: Instant,
    open: Option<OpenLoop>,
}

#[derive(Debug)]
struct OpenLoop {
    rate: NonZeroU64,
    taken: AtomicU64,
}

impl Schedule {
    /// From `start` for `length`; with a `rate`, that many operations a second, evenly.
    pub(crate) fn new(start: Instant, length: Duration, rate: Option<NonZeroU64>) -> Self {
        let open = rate.map(|rate| OpenLoop { rate, taken: AtomicU64::new(0) });
        Self { start, end: start + length, open }
    }

    /// The next operation, as seen at `now`.
    pub(crate) fn next(&self, now: Instant) -> Turn {
        if now >= self.end {
            return Turn::End;
        }
        let Some(open) = &self.open else { return Turn::Now };
        let number = open.taken.fetch_add(1, Ordering::Relaxed);
        let due = self.start + offset_of(number, open.rate);
        if due < self.end { Turn::At(due) } else { Turn::End }
    }

    /// Operations that were due and never begun, because every connection was busy.
    pub(crate) fn not_begun(&self) -> u64 {
        let Some(open) = &self.open else { return 0 };
        let length = (self.end - self.start).as_nanos();
        let due = (length * u128::from(open.rate.get())).div_ceil(NANOSECONDS);
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        due.saturating_sub(open.taken.load(Ordering::Relaxed))
    }
}

/// Time of operation `number` after the start. No rounding error adds up.
fn offset_of(number: u64, rate: NonZeroU64) -> Duration {
    let nanoseconds = u128::from(number) * NANOSECONDS / u128::from(rate.get());
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
