use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::{Schedule, Turn, offset_of};

fn rate(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).expect("not zero")
}

#[test]
fn open_loop_times_do_not_depend_on_when_one_asks() {
    let start = Instant::now();
    let schedule = Schedule::new(start, Duration::from_secs(1), Some(rate(4)));
    let late = start + Duration::from_millis(900);
    let times = [start, late, late, late].map(|now| schedule.next(now));
    let expected = [0, 250, 500, 750].map(|ms| Turn::At(start + Duration::from_millis(ms)));
    assert_eq!(times, expected);
    assert_eq!(schedule.next(late), Turn::End);
    assert_eq!(schedule.not_begun(), 0);
}

#[test]
fn open_loop_counts_what_nobody_began() {
    let start = Instant::now();
    let schedule = Schedule::new(start, Duration::from_secs(1), Some(rate(100)));
    for _ in 0..30 {
        assert!(matches!(schedule.next(start), Turn::At(_)));
    }
    assert_eq!(schedule.next(start + Duration::from_secs(1)), Turn::End);
    assert_eq!(schedule.not_begun(), 70);
}

#[test]
fn closed_loop_is_due_at_once_until_the_end() {
    let start = Instant::now();
    let schedule = Schedule::new(start, Duration::from_secs(1), None);
    assert_eq!(schedule.next(start), Turn::Now);
    assert_eq!(schedule.next(start + Duration::from_millis(999)), Turn::Now);
    assert_eq!(schedule.next(start + Duration::from_secs(1)), Turn::End);
    assert_eq!(schedule.not_begun(), 0);
}

#[test]
fn times_of_an_odd_rate_do_not_drift() {
    assert_eq!(offset_of(3, rate(3)), Duration::from_secs(1));
    assert_eq!(offset_of(3 * 86_400, rate(3)), Duration::from_secs(86_400));
    assert_eq!(offset_of(7, rate(10_000_000)), Duration::from_nanos(700));
}
