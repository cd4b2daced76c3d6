use std::time::Duration;

use super::{Arrivals, Course, Pace, Piece, Spacing};
use crate::random::Random;
use crate::tick::Tick;

fn piece(phase: u16, seconds: u64, from: f64, to: f64) -> Piece {
    Piece { phase, length: Duration::from_secs(seconds), pace: Pace::Open { from, to } }
}

fn times(pieces: Vec<Piece>, spacing: Spacing, share: (u32, u32)) -> Vec<(Tick, u16)> {
    let random = Random::new(3, u64::from(share.0));
    let mut arrivals = Arrivals::new(Course { pieces }, spacing, share, random);
    let mut times = Vec::new();
    while let Some(next) = arrivals.peek() {
        times.push(next);
        arrivals.advance();
    }
    times
}

#[test]
fn constant_rate_is_evenly_spaced_to_the_end() {
    let times = times(vec![piece(0, 100, 3.0, 3.0)], Spacing::Constant, (0, 1));
    assert_eq!(times.len(), 300);
    for (number, (due, _)) in (0_u64..).zip(&times) {
        let expected = number * 1_000_000_000 / 3;
        assert!(due.0.abs_diff(expected) <= 1, "{number}: {due:?}");
    }
}

#[test]
fn ramp_has_the_area_under_it() {
    // From 0 to 100 a second in 10 s: n operations are due after sqrt(n / 5) seconds.
    let times = times(vec![piece(0, 10, 0.0, 100.0)], Spacing::Constant, (0, 1));
    assert_eq!(times.len(), 500);
    for (number, (due, _)) in (0_u32..).zip(&times) {
        let expected = (f64::from(number) / 5.0).sqrt();
        assert!((due.0 as f64 / 1e9 - expected).abs() < 1e-6, "{number}: {due:?} for {expected}");
    }
    let down = self::times(vec![piece(0, 10, 100.0, 0.0)], Spacing::Constant, (0, 1));
    assert_eq!(down.len(), 500);
    assert!(down.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn phases_follow_one_another_without_a_gap_in_numbers() {
    let closed = Piece { pace: Pace::Closed, ..piece(1, 5, 0.0, 0.0) };
    let pieces = vec![piece(0, 2, 1.5, 1.5), closed, piece(2, 1, 4.0, 4.0)];
    let times = times(pieces, Spacing::Constant, (0, 1));
    let phases: Vec<u16> = times.iter().map(|(_, phase)| *phase).collect();
    assert_eq!(phases, [0, 0, 0, 2, 2, 2, 2]);
    assert_eq!(times[3].0, Tick(7_000_000_000));
}

#[test]
fn workers_share_the_operations_of_one() {
    let course = || vec![piece(0, 3, 10.0, 20.0)];
    let alone = times(course(), Spacing::Constant, (0, 1));
    let mut shared: Vec<_> =
        (0..3).flat_map(|number| times(course(), Spacing::Constant, (number, 3))).collect();
    shared.sort();
    assert_eq!(shared, alone);
}

#[test]
fn poisson_gaps_are_exponential() {
    let rate = 1000.0;
    let count = 100_000.0;
    let times = times(vec![piece(0, 100, rate, rate)], Spacing::Poisson, (0, 1));
    // The number in a time is Poisson distributed: its variance is its mean.
    assert!((times.len() as f64 - count).abs() < 5.0 * f64::sqrt(count), "{}", times.len());
    let gaps: Vec<f64> =
        times.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_secs_f64() * rate).collect();
    for beyond in [0.1, 1.0, 2.0, 4.0] {
        let found = gaps.iter().filter(|gap| **gap > beyond).count() as f64 / count;
        let expected = f64::exp(-beyond);
        let deviation = (expected * (1.0 - expected) / count).sqrt();
        assert!((found - expected).abs() < 5.0 * deviation, "{beyond}: {found} for {expected}");
    }
}

#[test]
fn course_knows_its_piece_and_its_end() {
    let course = Course { pieces: vec![piece(0, 1, 1.0, 1.0), piece(1, 2, 0.0, 0.0)] };
    let at = |nanoseconds| course.at(Tick(nanoseconds)).map(|piece| piece.phase);
    assert_eq!(at(999_999_999), Some(0));
    assert_eq!(at(1_000_000_000), Some(1));
    assert_eq!(at(3_000_000_000), None);
    assert_eq!(course.end(), Tick(3_000_000_000));
}
