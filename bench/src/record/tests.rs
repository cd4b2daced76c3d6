use super::Percentiles;
use crate::seconds::{Latencies, Operation, Outcome, OwnSample, Place, Recorder};
use crate::tick::Tick;

#[test]
fn percentiles_are_those_of_the_latencies() {
    let mut recorder = Recorder::new(Tick::START);
    for count in 1..=1000 {
        recorder.operation(&Operation {
            place: Place::default(),
            intended: Tick(0),
            sent: Tick(0),
            ended: Tick(count * 1_000_000),
            outcome: Outcome::Done,
        });
    }
    let second = recorder.close(Tick(1), OwnSample::default());
    let cell = &second.cells[&Place::default()];
    let Percentiles { count, p50, p90, p99, p99_9, max } = Percentiles::of(&cell.response);
    assert_eq!(count, 1000);
    for (found, expected) in [(p50, 500e3), (p90, 900e3), (p99, 990e3), (p99_9, 999e3), (max, 1e6)]
    {
        assert!((found / expected - 1.0).abs() < 0.002, "{found} for {expected}");
    }
    assert_eq!(Percentiles::of(&Latencies::default()), Percentiles::default());
}
