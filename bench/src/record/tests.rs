use std::time::{Duration, Instant};

use super::{Percentiles, Record};
use crate::client::Failure;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn percentiles_are_those_of_the_latencies() {
    let start = Instant::now();
    let record = Record::new(start, start + ms(1_000_000));
    for count in 1..=1000 {
        record.operation(usize::try_from(count).expect("small"), start, start + ms(count));
    }
    let Percentiles { count, p50, p90, p99, p99_9, max } = record.latency();
    assert_eq!(count, 1000);
    for (found, expected) in [(p50, 500e3), (p90, 900e3), (p99, 990e3), (p99_9, 999e3), (max, 1e6)]
    {
        assert!((found / expected - 1.0).abs() < 0.002, "{found} for {expected}");
    }
    assert_eq!(record.handshake(), Percentiles::default());
}

#[test]
fn latency_counts_from_when_the_operation_was_due() {
    let start = Instant::now();
    let record = Record::new(start, start + ms(10_000));
    // Due at the start, begun two seconds later, done within a millisecond.
    record.operation(0, start, start + ms(2_001));
    assert!(record.latency().p50 >= 2_000_000.0);
}

#[test]
fn only_the_measured_time_counts() {
    let start = Instant::now();
    let record = Record::new(start + ms(100), start + ms(200));
    let [early, inside, late] = [ms(50), ms(150), ms(250)].map(|offset| start + offset);
    record.operation(0, early, inside);
    record.operation(0, inside, late);
    record.bytes(7, early);
    record.failure(Failure::Closed, late);
    record.connection(0, early, inside);
    assert_eq!(record.operations_so_far(), 0);
    assert_eq!((record.bytes_so_far(), record.connections_so_far()), (0, 0));
    assert_eq!(record.failures_so_far(Failure::Closed), 0);

    record.operation(0, inside, inside + ms(1));
    record.bytes(7, inside);
    record.failure(Failure::Closed, inside);
    record.connection(0, inside, inside + ms(1));
    assert_eq!(record.operations_so_far(), 1);
    assert_eq!((record.bytes_so_far(), record.connections_so_far()), (7, 1));
    assert_eq!(record.failures_so_far(Failure::Closed), 1);
}

#[test]
fn failures_are_counted_by_reason() {
    let start = Instant::now();
    let record = Record::new(start, start + ms(1000));
    for (times, failure) in (1..).zip(Failure::ALL) {
        for _ in 0..times {
            record.failure(failure, start);
        }
    }
    let counts = Failure::ALL.map(|failure| record.failures_so_far(failure));
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7]);
}
