//! Timers that all wait equally long: a queue of a slab's values, the first to expire first. 8 bytes
//! a value and 4 for its time, where the wheel, which takes any deadline, needs some 40.

use super::slab::Slab;
use crate::time::{Instant, Span};

/// A point in time in units of 4 us, modulo 2^32: 4.7 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks(u32);

/// One of them.
const TICK: Span = Span::from_micros(4);

impl Ticks {
    /// The unit that `at` lies in.
    pub(super) const fn of(at: Instant) -> Self {
        let [a, b, c, d, ..] = (at.as_nanos() / TICK.as_nanos()).to_le_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }

    /// The start of the unit, which lies at or after the one of `earlier`, and less than 4.7 hours
    /// after it.
    pub(super) fn since(self, earlier: Instant) -> Instant {
        let units = earlier.as_nanos() / TICK.as_nanos();
        let ahead = u64::from(self.0.wrapping_sub(Self::of(earlier).0));
        Instant::from_nanos((units + ahead).saturating_mul(TICK.as_nanos()))
    }

    /// The start of the unit, which lies at or before `later`, and less than 4.7 hours before it.
    pub(super) fn before(self, later: Instant) -> Instant {
        let units = later.as_nanos() / TICK.as_nanos();
        let behind = u64::from(Self::of(later).0.wrapping_sub(self.0));
        Instant::from_nanos(units.saturating_sub(behind).saturating_mul(TICK.as_nanos()))
    }
}

/// The place of a value in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Links {
    previous: u32,
    next: u32,
    /// Since when it waits.
    since: Ticks,
}

/// No number: the end of a queue.
const NONE: u32 = u32::MAX;

impl Links {
    /// Those of a value that waits from `now` on, before it is queued.
    pub(super) const fn new(now: Instant) -> Self {
        Self { previous: NONE, next: NONE, since: Ticks::of(now) }
    }

    /// Since when the value waits, less than 4.7 hours before `now`.
    pub(super) fn waits_since(&self, now: Instant) -> Instant {
        self.since.before(now)
    }
}

/// A value that can wait in a queue.
pub(super) trait Queued {
    /// Its place.
    fn links(&mut self) -> &mut Links;
}

/// The queue.
#[derive(Debug)]
pub(super) struct Fifo {
    first: u32,
    last: u32,
    /// Since when the first waits.
    since: Instant,
    /// How long each waits: less than 4.7 hours.
    wait: Span,
}

impl Fifo {
    /// An empty queue in which each waits so long, two hours at most.
    pub(super) fn new(wait: Span) -> Self {
        Self { first: NONE, last: NONE, since: Instant::ORIGIN, wait: wait.min(WAIT_MAX) }
    }

    /// Queues a value that is in no queue, at the end: it waits from `now` on.
    pub(super) fn push<T: Queued>(&mut self, slab: &mut Slab<T>, number: u32, now: Instant) {
        let Some(value) = slab.get_mut(number) else { return };
        *value.links() = Links { previous: self.last, ..Links::new(now) };
        match slab.get_mut(self.last) {
            Some(last) => last.links().next = number,
            None => {
                self.first = number;
                self.since = now;
            }
        }
        self.last = number;
    }

    /// Takes a value out of the queue that it is in.
    pub(super) fn unlink<T: Queued>(&mut self, slab: &mut Slab<T>, number: u32) {
        let Some(value) = slab.get_mut(number) else { return };
        let Links { previous, next, .. } = *value.links();
        match slab.get_mut(previous) {
            Some(before) => before.links().next = next,
            None => self.first = next,
        }
        match slab.get_mut(next) {
            Some(behind) => {
                let links = behind.links();
                links.previous = previous;
                if previous == NONE {
                    self.since = links.since.since(self.since);
                }
            }
            None => self.last = previous,
        }
    }

    /// When the first has waited long enough; `None` when nothing waits.
    pub(super) fn due(&self) -> Option<Instant> {
        // A unit more, because the time within one is not known.
        (self.first != NONE).then(|| self.since + self.wait + TICK)
    }

    /// The first, if it has waited long enough.
    pub(super) fn expired(&self, now: Instant) -> Option<u32> {
        self.due().filter(|due| *due <= now).map(|_| self.first)
    }
}

/// The longest wait: half of what [`Ticks`] tell apart.
const WAIT_MAX: Span = Span::from_secs(2 * 3_600);
