//! The retransmission timeout.

use crate::tcp::rtt::{RtoBounds, RttEstimator, RttSample};
use crate::time::{Instant, Span};

const BOUNDS: RtoBounds = RtoBounds {
    initial: Span::from_secs(1),
    min: Span::from_millis(200),
    max: Span::from_secs(60),
};

fn sample(millis: u64) -> RttSample {
    RttSample { rtt: Span::from_millis(millis), expected_per_round: 1 }
}

fn at(secs: u64) -> Instant {
    Instant::ORIGIN + Span::from_secs(secs)
}

#[test]
fn the_first_sample_sets_and_the_second_moves() {
    let mut rtt = RttEstimator::new();
    assert_eq!((rtt.rto(BOUNDS), rtt.srtt()), (Span::from_secs(1), None));
    rtt.on_sample(at(0), sample(400));
    assert_eq!(rtt.srtt(), Some(Span::from_millis(400)));
    assert_eq!(rtt.rttvar(), Some(Span::from_millis(200)));
    assert_eq!(rtt.rto(BOUNDS), Span::from_millis(1200));
    // SRTT = 7/8 * 400 + 1/8 * 800, RTTVAR = 3/4 * 200 + 1/4 * |400 - 800|.
    rtt.on_sample(at(1), sample(800));
    assert_eq!(rtt.srtt(), Some(Span::from_millis(450)));
    assert_eq!(rtt.rttvar(), Some(Span::from_millis(250)));
    assert_eq!(rtt.rto(BOUNDS), Span::from_millis(1450));
}

#[test]
fn the_timeout_stays_within_its_bounds() {
    let mut rtt = RttEstimator::new();
    rtt.on_sample(at(0), RttSample { rtt: Span::from_micros(5), expected_per_round: 1 });
    assert_eq!(rtt.rto(BOUNDS), BOUNDS.min);
    rtt.on_sample(at(0), RttSample { rtt: Span::MAX, expected_per_round: 1 });
    assert_eq!(rtt.rto(BOUNDS), BOUNDS.max);
    for _ in 0..300 {
        rtt.back_off();
    }
    assert_eq!(rtt.rto(BOUNDS), BOUNDS.max);
}

#[test]
fn backoff_doubles_until_new_data_is_acknowledged() {
    let mut rtt = RttEstimator::new();
    rtt.on_sample(at(0), sample(100));
    let base = rtt.rto(BOUNDS);
    rtt.back_off();
    rtt.back_off();
    assert_eq!((rtt.rto(BOUNDS), rtt.backoff()), (base * 4, 2));
    rtt.reset_backoff();
    assert_eq!(rtt.rto(BOUNDS), base);
}

#[test]
fn a_lost_syn_leaves_three_seconds_unless_there_is_a_sample() {
    let mut rtt = RttEstimator::new();
    rtt.back_off();
    rtt.after_syn_loss();
    assert_eq!(rtt.rto(BOUNDS), Span::from_secs(3));
    rtt.on_sample(at(0), sample(100));
    rtt.after_syn_loss();
    assert_eq!(rtt.rto(BOUNDS), Span::from_millis(300));
}

#[test]
fn many_samples_a_round_count_as_much_as_one() {
    let mut one = RttEstimator::new();
    let mut many = RttEstimator::new();
    one.on_sample(at(0), sample(100));
    many.on_sample(at(0), sample(100));
    one.on_sample(at(1), sample(200));
    for _ in 0..50 {
        many.on_sample(at(1), RttSample { expected_per_round: 50, ..sample(200) });
    }
    let (one, many) = (one.srtt().expect("a sample"), many.srtt().expect("a sample"));
    assert!(one.abs_diff(many) < Span::from_millis(2), "{one:?} {many:?}");
}

#[test]
fn the_minimum_forgets_after_its_window() {
    let mut rtt = RttEstimator::new();
    rtt.on_sample(at(0), sample(10));
    for second in 1..=290 {
        rtt.on_sample(at(second), sample(50));
        assert_eq!(rtt.min_rtt(), Some(Span::from_millis(10)), "second {second}");
    }
    for second in 291..=310 {
        rtt.on_sample(at(second), sample(50));
    }
    assert_eq!(rtt.min_rtt(), Some(Span::from_millis(50)));
    rtt.on_sample(at(311), sample(5));
    assert_eq!(rtt.min_rtt(), Some(Span::from_millis(5)));
}

#[test]
fn a_variance_of_nothing_is_a_tick_of_the_clock() {
    // RFC 6298 §4: RTO <- SRTT + max (G, K*RTTVAR), here with G of a millisecond.
    let mut rtt = RttEstimator::new();
    for second in 0..200 {
        rtt.on_sample(at(second), sample(1_000));
    }
    assert_eq!(rtt.rto(BOUNDS), Span::from_millis(1_001));
}
