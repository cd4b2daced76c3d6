use std::time::Duration;

use hdrhistogram::Histogram;

use super::own::Own;
use super::{
    Cell, ConnectionState, HandshakeKind, Latencies, Limit, Operation, Outcome, OwnSample, Place,
    Reason, Recorder, Second,
};
use crate::tick::Tick;

const PLACE: Place = Place { phase: 1, step: 2 };

fn ms(count: u64) -> Tick {
    Tick(count * 1_000_000)
}

fn operation(outcome: Outcome) -> Operation {
    Operation { place: PLACE, intended: ms(10), sent: ms(400), ended: ms(410), outcome }
}

/// A second in which something of everything happened.
fn full_second() -> Second {
    let mut recorder = Recorder::new(Tick::START);
    recorder.due(PLACE, ms(10), ms(11));
    recorder.due_now(PLACE);
    recorder.begun(PLACE);
    recorder.operation(&operation(Outcome::Done));
    recorder.operation(&operation(Outcome::Failed(Reason::Status)));
    recorder.handshake(PLACE, HandshakeKind::Resumed, Duration::from_millis(3));
    recorder.reconnect(PLACE);
    recorder.bytes_sent(PLACE, 5);
    recorder.bytes_received(PLACE, 7);
    recorder.moved(None, Some(ConnectionState::Connecting));
    recorder.moved(Some(ConnectionState::Connecting), Some(ConnectionState::Idle));
    recorder.moved(None, Some(ConnectionState::Busy));
    let own = OwnSample { cpu: Duration::from_millis(200), turns: 9, ring_drops: 1 };
    recorder.close(ms(1000), own)
}

fn value_of(latencies: &Latencies) -> Duration {
    latencies.iter().map(|(value, _)| value).next().expect("one was recorded")
}

#[test]
fn response_counts_from_when_it_was_due_and_service_from_when_it_was_sent() {
    let second = full_second();
    let cell = &second.cells[&PLACE];
    let near = |latencies: &Latencies, milliseconds: f64| {
        let found = value_of(latencies).as_secs_f64() * 1e3;
        assert!((found / milliseconds - 1.0).abs() < 0.001, "{found} for {milliseconds}");
    };
    near(&cell.response, 400.0);
    near(&cell.service, 10.0);
    assert_eq!((cell.response.count(), cell.service.count()), (1, 1));
    assert_eq!((cell.due, cell.begun, cell.done), (2, 1, 1));
    assert_eq!(cell.failures.get(Reason::Status), 1);
    assert_eq!(cell.failures.total(), 1);
    assert_eq!(second.own.lateness.count(), 1);
}

#[test]
fn second_is_read_back_as_it_was() {
    let second = full_second();
    let json = serde_json::to_string(&second).expect("plain data");
    assert_eq!(serde_json::from_str::<Second>(&json).expect("its own JSON"), second);
}

#[test]
fn merging_is_recording_in_one() {
    let mut merged = Second::default();
    let mut sum: Histogram<u64> = Latencies::histogram();
    for part in 0..3_u64 {
        let mut recorder = Recorder::new(Tick::START);
        for step in 0..1000_u64 {
            // Overlapping ranges, from below the histogram's bounds to above.
            let ended = Tick((step * step * step).pow(2) * (part + 1) / 7);
            let done =
                Operation { intended: Tick(0), sent: Tick(0), ended, ..operation(Outcome::Done) };
            recorder.operation(&done);
            sum.saturating_record(ended.0);
        }
        merged.merge(&recorder.close(ms(1000), OwnSample::default()));
    }
    assert_eq!(merged.cells[&PLACE].done, 3000);
    let mut found = Latencies::histogram();
    merged.cells[&PLACE].response.add_to(&mut found);
    assert_eq!(found.len(), sum.len());
    for quantile in [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
        let of = |histogram: &Histogram<u64>| {
            histogram.lowest_equivalent(histogram.value_at_quantile(quantile))
        };
        assert_eq!(of(&found), of(&sum), "{quantile}");
    }
}

#[test]
fn every_field_of_a_second_adds_up() {
    let one = full_second();
    let mut two = one.clone();
    two.merge(&one);
    let (one_cell, two_cell) = (&one.cells[&PLACE], &two.cells[&PLACE]);
    let numbers = |cell: &Cell| {
        [
            cell.due,
            cell.begun,
            cell.done,
            cell.failures.total(),
            cell.response.count(),
            cell.service.count(),
            cell.handshakes[&HandshakeKind::Resumed],
            cell.handshake.count(),
            cell.reconnects,
            cell.bytes_sent,
            cell.bytes_received,
        ]
    };
    assert!(numbers(one_cell).iter().all(|it| *it > 0), "{one_cell:?}");
    assert_eq!(numbers(two_cell), numbers(one_cell).map(|it| 2 * it));
    assert_eq!(two.states.get(ConnectionState::Idle), 2);
    assert_eq!(two.states.total(), 4);
    assert_eq!(two.own.cpu, 2 * one.own.cpu);
    assert_eq!(two.own.span, Duration::from_secs(2));
    assert_eq!((two.own.turns, two.own.ring_drops), (18, 2));
    assert_eq!(two.own.lateness.count(), 2);
}

#[test]
fn closed_second_takes_its_counts_along_and_leaves_the_states() {
    let mut recorder = Recorder::new(Tick::START);
    recorder.begun(PLACE);
    recorder.moved(None, Some(ConnectionState::Idle));
    assert!(!recorder.is_over(ms(999)));
    assert!(recorder.is_over(ms(1000)));
    let first = recorder.close(ms(1001), OwnSample::default());
    assert_eq!((first.number, first.cells[&PLACE].begun), (0, 1));
    let second = recorder.close(ms(2000), OwnSample::default());
    assert_eq!(second.number, 1);
    assert!(second.cells.is_empty(), "{second:?}");
    assert_eq!(second.states.get(ConnectionState::Idle), 1);
}

#[test]
fn generator_knows_when_it_was_the_bottleneck() {
    let well =
        Own { cpu: Duration::from_millis(900), span: Duration::from_secs(1), ..Own::default() };
    assert_eq!(well.limits(), []);
    let busy = Own { cpu: Duration::from_millis(960), ..well.clone() };
    assert_eq!(busy.limits(), [Limit::Cpu]);
    let dropped = Own { ring_drops: 1, ..well.clone() };
    assert_eq!(dropped.limits(), [Limit::RingDrops]);
    // One in a hundred may be late; two are too many.
    for (late, limits) in [(1, vec![]), (2, vec![Limit::Lateness])] {
        let mut recorder = Recorder::new(Tick::START);
        for number in 0..100 {
            let noticed = if number < late { ms(12) } else { ms(10) };
            recorder.due(PLACE, ms(10), noticed);
        }
        let own = recorder.close(ms(1000), OwnSample::default()).own;
        assert_eq!(own.limits(), limits, "{late} late");
    }
}

#[test]
fn reasons_have_names_as_in_json() {
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).expect("a word"), reason.name());
    }
    for state in ConnectionState::ALL {
        assert_eq!(serde_json::to_value(state).expect("a word"), state.name());
    }
}
