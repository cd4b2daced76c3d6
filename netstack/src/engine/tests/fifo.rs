//! Queues of timers that wait equally long.

use std::vec::Vec;

use crate::engine::fifo::{Fifo, Links, Queued, Ticks};
use crate::engine::slab::Slab;
use crate::time::{Instant, Span};

/// A value that only waits.
struct Waiting(Links);

impl Queued for Waiting {
    fn links(&mut self) -> &mut Links {
        &mut self.0
    }
}

const WAIT: Span = Span::from_secs(60);
/// Half of the time after which a point in time of 32 bits means another.
const HALF_ROUND: Span = Span::from_secs(8_589);

/// Ten that begin to wait at `start` and a second after one another.
fn ten(start: Instant) -> (Slab<Waiting>, Fifo, Vec<u32>) {
    let (mut slab, mut fifo) = (Slab::new(10), Fifo::new(WAIT));
    let numbers = (0..10).map(|second| {
        let now = start + Span::from_secs(second);
        let number = slab.insert_with(|_| Waiting(Links::new(now))).expect("there is room");
        fifo.push(&mut slab, number, now);
        number
    });
    let numbers = numbers.collect();
    (slab, fifo, numbers)
}

#[test]
fn each_expires_in_its_turn_not_early_and_a_unit_late_at_most() {
    // Before, across and behind the wrap, and with a time that is no whole unit.
    let around = Instant::ORIGIN + HALF_ROUND * 2;
    for start in [Instant::from_nanos(1), around - Span::from_secs(5), around, around + HALF_ROUND]
    {
        let (mut slab, mut fifo, numbers) = ten(start);
        for (second, number) in (0u64..).zip(numbers) {
            let deadline = start + Span::from_secs(second) + WAIT;
            let due = fifo.due().expect("it waits");
            assert!(due >= deadline && due - deadline <= Span::from_micros(4), "{due:?}");
            assert_eq!(fifo.expired(due - Span::from_nanos(1)), None);
            assert_eq!(fifo.expired(due), Some(number));
            fifo.unlink(&mut slab, number);
            slab.remove(number);
        }
        assert_eq!(fifo.due(), None);
    }
}

#[test]
fn any_may_leave_or_start_anew() {
    let start = Instant::from_millis(7);
    let (mut slab, mut fifo, numbers) = ten(start);
    for at in [0, 9, 4, 1] {
        fifo.unlink(&mut slab, numbers[at]);
        slab.remove(numbers[at]);
    }
    let later = start + Span::from_secs(30);
    fifo.unlink(&mut slab, numbers[2]);
    fifo.push(&mut slab, numbers[2], later);
    let mut left = Vec::new();
    while let Some(due) = fifo.due() {
        let number = fifo.expired(due).expect("it is due");
        left.push(number);
        fifo.unlink(&mut slab, number);
    }
    assert_eq!(left, [3, 5, 6, 7, 8, 2].map(|at: usize| numbers[at]));
}

#[test]
fn a_clock_that_jumps_far_lets_each_expire_once() {
    let (mut slab, mut fifo, numbers) = ten(Instant::from_millis(1));
    let now = Instant::ORIGIN + Span::from_secs(30 * 24 * 3_600);
    let mut expired = Vec::new();
    while let Some(number) = fifo.expired(now) {
        fifo.unlink(&mut slab, number);
        expired.push(number);
    }
    assert_eq!(expired, numbers);
}

#[test]
fn ticks_keep_four_microseconds() {
    for start in [0u64, 1, 3_999, 4_000, u64::from(u32::MAX) * 4_000, 1 << 50] {
        let at = Instant::from_nanos(start);
        for later in [Span::ZERO, Span::from_micros(9), Span::from_secs(17_000)] {
            let known = Ticks::of(at).before(at + later);
            assert!(known <= at && at - known < Span::from_micros(4), "{start} {later:?}");
            assert_eq!(Ticks::of(at + later).since(at), Ticks::of(at + later).before(at + later));
        }
    }
}
