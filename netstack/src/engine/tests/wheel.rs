//! The timer wheel against a sorted map.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use crate::engine::wheel::{TimerId, Wheel};
use crate::time::{Instant, Span};

/// One tick: how late a timer may be.
const TICK: Span = Span::from_nanos(1 << 14);

fn drain(wheel: &mut Wheel<u32>, now: Instant) -> Vec<u32> {
    core::iter::from_fn(|| wheel.pop_expired(now)).collect()
}

#[test]
fn timers_fire_in_order_and_never_early() {
    let mut wheel = Wheel::new(Instant::ORIGIN);
    let deadlines = [5_000u64, 1, 40, 300, 2, 86_400_000, 61_000];
    for (key, millis) in (0u32..).zip(deadlines) {
        wheel.arm(key, Instant::from_millis(millis));
    }
    let mut fired = Vec::new();
    while let Some(now) = wheel.next_expiry() {
        for key in drain(&mut wheel, now) {
            let deadline = Instant::from_millis(deadlines[key as usize]);
            assert!(now >= deadline && now <= deadline + TICK, "{key} at {now:?}");
            fired.push(key);
        }
    }
    assert_eq!(fired, [1, 4, 2, 3, 0, 6, 5]);
}

#[test]
fn the_next_expiry_of_a_far_timer_comes_closer_in_few_steps() {
    let mut wheel = Wheel::new(Instant::from_millis(123));
    let deadline = Instant::from_millis(123 + 3_600_000);
    wheel.arm(1u32, deadline);
    let mut steps = 0;
    while let Some(now) = wheel.next_expiry() {
        assert!(now <= deadline + TICK);
        wheel.pop_expired(now);
        steps += 1;
    }
    assert!(steps <= 9, "{steps} steps");
}

#[test]
fn a_deadline_that_has_passed_fires_at_once() {
    let now = Instant::from_millis(1_000);
    let mut wheel = Wheel::new(Instant::ORIGIN);
    assert_eq!(wheel.pop_expired(now), None);
    wheel.arm(7u32, Instant::ORIGIN);
    assert_eq!(wheel.pop_expired(now), Some(7));
    assert!(wheel.is_empty());
}

#[test]
fn the_far_future_is_a_time_like_any_other() {
    let mut wheel = Wheel::new(Instant::ORIGIN);
    let id = wheel.arm(1u32, Instant::FAR_FUTURE);
    assert!(wheel.next_expiry().is_some());
    assert_eq!(wheel.pop_expired(Instant::from_millis(1 << 40)), None);
    assert_eq!(wheel.cancel(id), Some(1));
    assert_eq!(wheel.next_expiry(), None);
}

#[test]
fn a_dead_name_cancels_nothing() {
    let mut wheel = Wheel::new(Instant::ORIGIN);
    let first = wheel.arm(1u32, Instant::from_millis(1));
    assert_eq!(wheel.cancel(first), Some(1));
    let second = wheel.arm(2u32, Instant::from_millis(1));
    assert_eq!(wheel.cancel(first), None);
    assert_eq!(wheel.rearm(first, Instant::ORIGIN), None);
    assert_eq!(wheel.len(), 1);
    assert_eq!(wheel.cancel(second), Some(2));
}

#[test]
fn memory_comes_and_goes_with_the_timers() {
    let mut wheel = Wheel::new(Instant::ORIGIN);
    let bytes_of = |wheel: &Wheel<u64>| wheel.bytes() - Wheel::<u64>::new(Instant::ORIGIN).bytes();
    let one = wheel.arm(1, Instant::FAR_FUTURE);
    let few = bytes_of(&wheel);
    wheel.cancel(one).expect("armed");
    let ids: Vec<TimerId> = (0..10_000).map(|key| wheel.arm(key, Instant::FAR_FUTURE)).collect();
    assert!(bytes_of(&wheel) > 100 * few);
    for id in ids {
        wheel.cancel(id).expect("armed");
    }
    for round in 0..1_000u64 {
        let id = wheel.arm(1, Instant::from_millis(round));
        wheel.cancel(id).expect("armed");
    }
    // One chunk is in use or kept for the next timer.
    assert!(bytes_of(&wheel) <= 2 * few, "{} bytes", bytes_of(&wheel));
}

/// What happens to a wheel.
#[derive(Clone, Debug)]
enum Step {
    Arm(u64),
    Rearm(prop::sample::Index, u64),
    Cancel(prop::sample::Index),
    Advance(u64),
    AdvanceToNext,
}

/// Spans of every magnitude, from nanoseconds to years.
fn spans() -> impl Strategy<Value = u64> {
    (any::<u64>(), 8u32..64).prop_map(|(nanos, shift)| nanos >> shift)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => spans().prop_map(Step::Arm),
        1 => (any::<prop::sample::Index>(), spans()).prop_map(|(at, span)| Step::Rearm(at, span)),
        1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => spans().prop_map(Step::Advance),
        2 => Just(Step::AdvanceToNext),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn any_steps_fire_what_a_sorted_map_would(steps in steps(), start in spans()) {
        let mut now = Instant::from_nanos(start);
        let mut wheel = Wheel::new(now);
        let mut model: BTreeMap<u32, (Instant, TimerId)> = BTreeMap::new();
        for (key, step) in (0u32..).zip(steps) {
            let pick = |model: &BTreeMap<u32, (Instant, TimerId)>, at: prop::sample::Index| {
                let keys: Vec<u32> = model.keys().copied().collect();
                (!keys.is_empty()).then(|| keys[at.index(keys.len())])
            };
            match step {
                Step::Arm(span) => {
                    let deadline = now + Span::from_nanos(span);
                    let id = wheel.arm(key, deadline);
                    model.insert(key, (deadline, id));
                }
                Step::Rearm(at, span) => {
                    let Some(key) = pick(&model, at) else { continue };
                    let entry = model.get_mut(&key).expect("picked");
                    entry.0 = now + Span::from_nanos(span);
                    prop_assert_eq!(wheel.rearm(entry.1, entry.0), Some(()));
                }
                Step::Cancel(at) => {
                    let Some(key) = pick(&model, at) else { continue };
                    let (_, id) = model.remove(&key).expect("picked");
                    prop_assert_eq!(wheel.cancel(id), Some(key));
                    prop_assert_eq!(wheel.cancel(id), None);
                }
                Step::Advance(span) => now += Span::from_nanos(span),
                Step::AdvanceToNext => {
                    if let Some(next) = wheel.next_expiry() {
                        let earliest = model.values().map(|(deadline, _)| *deadline).min();
                        let earliest = earliest.expect("something is armed");
                        prop_assert!(next <= (earliest + TICK).max(now), "{next:?} {earliest:?}");
                        now = now.max(next);
                    }
                }
            }
            // Ticks round up, so what fires has passed, and what has passed by a tick fires.
            let mut last = Instant::ORIGIN;
            for key in drain(&mut wheel, now) {
                let (deadline, _) = model.remove(&key).expect("armed");
                prop_assert!(deadline <= now, "{key} fired early");
                prop_assert!(deadline + TICK >= last, "{key} fired out of order");
                last = last.max(deadline);
            }
            let late = model.values().filter(|(deadline, _)| *deadline + TICK <= now).count();
            prop_assert_eq!(late, 0);
            prop_assert_eq!(wheel.len(), model.len());
            prop_assert_eq!(wheel.next_expiry().is_none(), model.is_empty());
        }
    }
}
