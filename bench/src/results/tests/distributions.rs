//! Known distributions through the whole chain, in virtual time: recorded by several workers, merged, told.

use std::time::Duration;

use super::super::Results;
use super::super::summary::{Percentiles, Scope, Summary};
use super::{Dice, HOLD, facts};
use crate::seconds::{Latencies, Operation, Outcome, OwnSample, Recorder, Second};
use crate::tick::Tick;

const OPERATIONS: u32 = 1_000_000;
const WORKERS: u32 = 4;

/// Latencies of a distribution given by its quantile function (share to nanoseconds): one from the middle of
/// each of as many equal parts as there are operations, in random order.
fn latencies(quantile: impl Fn(f64) -> f64) -> Vec<Duration> {
    let mut all: Vec<Duration> = (0..OPERATIONS)
        .map(|number| (f64::from(number) + 0.5) / f64::from(OPERATIONS))
        .map(|share| Duration::from_secs_f64(quantile(share) / 1e9))
        .collect();
    let mut dice = Dice(17);
    for at in (1..all.len()).rev() {
        all.swap(at, dice.below(at + 1));
    }
    all
}

/// Records them, dealt out to workers, as operations that were due evenly over ten seconds. It takes 100
/// us until one is sent: that counts as response, not as service.
fn run(latencies: &[Duration], workers: u32) -> Vec<Second> {
    let mut seconds = Vec::new();
    for worker in 0..workers {
        let mut recorder = Recorder::new(Tick::START);
        let own = latencies.iter().enumerate().skip(worker as usize).step_by(workers as usize);
        for (number, latency) in own {
            let intended = Tick(2_000_000_000 + number as u64 * 10_000);
            if recorder.is_over(intended) {
                seconds.push(recorder.close(intended, OwnSample::default()));
            }
            let sent = intended + WAIT;
            recorder.due(HOLD, intended, intended);
            recorder.begun(HOLD);
            recorder.operation(&Operation {
                place: HOLD,
                intended,
                sent,
                ended: sent + *latency,
                outcome: Outcome::Done,
            });
        }
        seconds.push(recorder.close(Tick(12_000_000_000), OwnSample::default()));
    }
    seconds
}

const WAIT: Duration = Duration::from_micros(100);

/// The percentiles told are in the bucket of the true ones or in one beside it.
fn check(name: &str, quantile: impl Fn(f64) -> f64) {
    let Summary { response_us, service_us, done, .. } =
        Results::new(facts(), run(&latencies(&quantile), WORKERS)).summary(Scope::Run);
    assert_eq!(done, u64::from(OPERATIONS));
    let of = |it: &Percentiles| {
        [(0.5, it.p50), (0.75, it.p75), (0.9, it.p90), (0.99, it.p99), (0.999, it.p99_9)]
    };
    let buckets = Latencies::histogram();
    let wait_ns = WAIT.as_nanos() as f64;
    for (told, wait_ns) in [(of(&response_us), wait_ns), (of(&service_us), 0.0)] {
        for (share, told_us) in told {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an hour at most"
            )]
            let (told, truth) = ((told_us * 1e3) as u64, (quantile(share) + wait_ns) as u64);
            let (low, high) =
                (buckets.lowest_equivalent(truth), buckets.next_non_equivalent(truth));
            let width = high - low;
            assert!(
                (low - width..high + width).contains(&told),
                "{name}: {told} ns told for {truth} at {share}"
            );
        }
    }
}

#[test]
fn percentiles_of_known_distributions_are_within_one_bucket() {
    check("exponential", |share| -5e6 * (1.0 - share).ln());
    check("uniform", |share| 1e6 + share * 9e6);
    // 97 % at about 2 ms, 3 % at about 300 ms.
    check(
        "bimodal",
        |share| {
            if share < 0.97 { 2e6 + share * 1e5 } else { 3e8 + (share - 0.97) * 1e9 }
        },
    );
}

#[test]
fn merging_workers_loses_nothing() {
    let latencies: Vec<Duration> =
        latencies(|share| -5e6 * (1.0 - share).ln()).into_iter().take(100_000).collect();
    let several = Results::new(facts(), run(&latencies, 7));
    let one = Results::new(facts(), run(&latencies, 1));
    assert_eq!(several.seconds.len(), one.seconds.len());
    for (several, one) in several.seconds.iter().zip(&one.seconds) {
        assert_eq!(several.cells, one.cells);
        assert_eq!(several.own.lateness, one.own.lateness);
    }
}

/// A server with one connection stalls for a second. Of ten seconds with `rate` operations due each,
/// operation k behind the begin of the stall ends when the stall is over and those before it are
/// served, `service` each: after 1 s + service - k (1 / rate - service), until that is no longer than
/// service.
fn stalled_run(rate: u32, service: Duration) -> Vec<Second> {
    let stall = (Tick(6_000_000_000), Tick(7_000_000_000));
    let mut recorder = Recorder::new(Tick::START);
    let mut free = Tick::START;
    let mut seconds = Vec::new();
    for number in 0..10 * rate {
        let due_s = 2.0 + f64::from(number) / f64::from(rate);
        let intended = Tick::from(Duration::from_secs_f64(due_s));
        if recorder.is_over(intended) {
            seconds.push(recorder.close(intended, OwnSample::default()));
        }
        let sent = intended.max(free);
        let served = if sent >= stall.0 && sent < stall.1 { stall.1 } else { sent };
        free = served + service;
        recorder.due(HOLD, intended, intended);
        recorder.begun(HOLD);
        let ended = free;
        let outcome = Outcome::Done;
        recorder.operation(&Operation { place: HOLD, intended, sent, ended, outcome });
    }
    seconds.push(recorder.close(Tick(12_000_000_000), OwnSample::default()));
    seconds
}

#[test]
fn stall_is_in_the_response_times_as_theory_says_and_not_in_the_service_times() {
    let (rate, service) = (1000, Duration::from_micros(200));
    let results = Results::new(facts(), stalled_run(rate, service));
    let Summary { response_us, service_us, done, .. } = results.summary(Scope::Run);
    assert_eq!(done, 10_000);
    let (service_s, count) = (service.as_secs_f64(), 10.0 * f64::from(rate));
    let theory_us = |share: f64| {
        let behind = (1.0 - share) * count * (1.0 / f64::from(rate) - service_s);
        (1.0 + service_s - behind).max(service_s) * 1e6
    };
    // To a thousandth of the stall: that is one operation, or one bucket.
    for (share, told) in [
        (0.5, response_us.p50),
        (0.9, response_us.p90),
        (0.99, response_us.p99),
        (0.999, response_us.p99_9),
        (1.0, response_us.max),
    ] {
        let theory = theory_us(share);
        assert!((told - theory).abs() <= 1_000.0, "{told} us told for {theory} at {share}");
    }
    assert!(response_us.p90 > 190_000.0, "{response_us:?}");
    // One operation was under way. All the others waited to be sent.
    for told in [service_us.p50, service_us.p90, service_us.p99, service_us.p99_9] {
        assert!((told - 200.0).abs() < 0.2, "{service_us:?}");
    }
    assert!((service_us.max - 1_000_200.0).abs() < 1_000.0, "{service_us:?}");
}
