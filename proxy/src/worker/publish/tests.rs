//! When the counters are copied.

use netstack::{Instant, Span};

use super::{Copying, INTERVAL, Pace};

fn at(milliseconds: u64) -> Instant {
    Instant::ORIGIN + Span::from_millis(milliseconds)
}

#[test]
fn first_wait_publishes() {
    assert_eq!(Pace::default().ask(at(7)), Copying::Due);
}

#[test]
fn busy_worker_publishes_ten_times_a_second() {
    let mut pace = Pace::default();
    let microseconds = (0..1_000_000).step_by(50);
    let copies = microseconds
        .filter(|&now| pace.ask(Instant::ORIGIN + Span::from_micros(now)) == Copying::Due)
        .count();
    assert_eq!(copies, 10);
}

#[test]
fn wait_after_work_ends_when_the_last_state_may_be_published() {
    let mut pace = Pace::default();
    assert_eq!(pace.ask(at(0)), Copying::Due);
    assert_eq!(pace.ask(at(30)), Copying::In(Span::from_millis(70)));
    assert_eq!(pace.ask(at(30) + Span::from_millis(70)), Copying::Due);
}

#[test]
fn work_after_a_long_silence_is_published_at_once() {
    let mut pace = Pace::default();
    assert_eq!(pace.ask(at(0)), Copying::Due);
    assert_eq!(pace.ask(at(0) + INTERVAL + INTERVAL), Copying::Due);
}
