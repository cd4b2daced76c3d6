//! What is said of failures, and when.

use netstack::{Instant, Span};

use super::{Failures, INTERVAL, Telling};
use crate::tally::BackendResult;

const WEB: (&str, &str) = ("web", "127.0.0.1:8080");
const START: Instant = Instant::ORIGIN;

fn refused(failures: &mut Failures, now: Instant) -> Telling {
    failures.note(now, WEB, BackendResult::Refused)
}

fn due(failures: &mut Failures, now: Instant) -> Option<u64> {
    failures.pop_due(now).map(|(_, count)| count)
}

#[test]
fn first_of_a_kind_is_told_and_others_are_counted() {
    let mut failures = Failures::new();
    assert_eq!(refused(&mut failures, START), Telling::Now);
    for _ in 0..1000 {
        assert_eq!(refused(&mut failures, START + Span::from_secs(1)), Telling::Later);
    }
    assert_eq!(failures.next_expiry(), Some(START + INTERVAL));
    assert_eq!(due(&mut failures, START + Span::from_secs(4)), None);
    assert_eq!(due(&mut failures, START + INTERVAL), Some(1000));
    assert_eq!(due(&mut failures, START + INTERVAL), None);
}

#[test]
fn failure_that_goes_on_is_told_as_a_number_once_an_interval() {
    let mut failures = Failures::new();
    assert_eq!(refused(&mut failures, START), Telling::Now);
    let mut told = 0;
    // A minute and its end, ten failures a second.
    for tenth in 1..=600 {
        let now = START + Span::from_millis(100 * tenth);
        assert_eq!(refused(&mut failures, now), Telling::Later);
        told += due(&mut failures, now).inspect(|count| assert_eq!(*count, 50)).unwrap_or(0);
    }
    assert_eq!(told, 600, "none is lost");
}

#[test]
fn another_server_pool_or_result_is_told_by_itself() {
    let mut failures = Failures::new();
    assert_eq!(refused(&mut failures, START), Telling::Now);
    for (pool, server, result) in [
        (WEB.0, "127.0.0.1:8081", BackendResult::Refused),
        ("api", WEB.1, BackendResult::Refused),
        (WEB.0, WEB.1, BackendResult::TimedOut),
    ] {
        assert_eq!(failures.note(START, (pool, server), result), Telling::Now);
        assert_eq!(failures.note(START, (pool, server), result), Telling::Later);
    }
}

#[test]
fn failure_after_a_quiet_interval_is_told_at_once() {
    let mut failures = Failures::new();
    assert_eq!(refused(&mut failures, START), Telling::Now);
    assert_eq!(due(&mut failures, START + INTERVAL), None);
    assert_eq!(failures.next_expiry(), None, "nothing is left to tell");
    assert_eq!(refused(&mut failures, START + INTERVAL), Telling::Now);
}
