//! When a connection may send: release times by its rate, instead of a window at once.
//!
//! A connection that is paced sends a quantum, about a millisecond's worth, and then waits until its
//! time has passed; the engine's wheel wakes it. A wake that comes late is made up for by up to one
//! quantum, or a busy worker would slow every connection down.

use super::delivery_rate::Rate;
use crate::time::{Instant, Span};

/// The pacer of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pacer {
    /// C.next_send_time.
    next_send_time: Instant,
}

/// How fast a paced connection sends, and in what pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    rate: Rate,
    /// C.send_quantum.
    quantum: u32,
}

impl Pace {
    /// A pace of `rate` with segments of `mss` bytes and trains of `train_max` bytes at most.
    /// draft-ietf-ccwg-bbr §5.6.3.
    pub(crate) fn new(rate: Rate, mss: u32, train_max: u32) -> Self {
        let quantum = u32::try_from(rate.bytes_in(QUANTUM)).unwrap_or(u32::MAX);
        let quantum = quantum.min(train_max).max(2 * mss);
        Self { rate, quantum: quantum - quantum % mss.max(1) }
    }

    /// Bytes that go out at once: whole segments, two at least.
    pub(crate) const fn quantum(self) -> u32 {
        self.quantum
    }

    /// How long `bytes` take at this pace.
    fn time_of(self, bytes: u32) -> Span {
        self.rate.time_of(bytes).min(DELAY_MAX)
    }
}

impl Pacer {
    /// Nothing was sent yet.
    pub(crate) const fn new() -> Self {
        Self { next_send_time: Instant::ORIGIN }
    }

    /// Whether a quantum may go out now.
    pub(crate) fn may_send(self, now: Instant) -> bool {
        self.next_send_time <= now
    }

    /// `bytes` went out.
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: u32, pace: Pace) {
        let earliest = now - pace.time_of(pace.quantum);
        self.next_send_time = self.next_send_time.max(earliest) + pace.time_of(bytes);
    }

    /// When the next quantum may go out.
    pub(crate) const fn next_send_time(self) -> Instant {
        self.next_send_time
    }
}

/// The time of a quantum: Linux's, long enough for a train and short for a queue.
const QUANTUM: Span = Span::from_millis(1);
/// No quantum waits longer, however low the rate was measured.
const DELAY_MAX: Span = Span::from_secs(1);
