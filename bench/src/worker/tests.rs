//! Whole runs in virtual time against a server in memory: statistics against closed forms.

mod server;

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;

use self::server::{Behaviour, ROUND_TRIP, VirtualServer};
use super::{Desk, Notes, Worker};
use crate::client::tests::Configs;
use crate::client::{After, Ask, Failed, Negotiated};
use crate::plan::{Plan, PlannedStep, Use};
use crate::random::Choice;
use crate::schedule::{Course, Pace, Piece, Spacing};
use crate::seconds::{Cell, ConnectionState, HandshakeKind, Latencies, Reason, Second};

#[derive(Default)]
struct Notebook(Mutex<Vec<Failed>>);

impl Notes for Notebook {
    fn negotiated(&self, _: &Negotiated) {}

    fn failed(&self, failed: &Failed) {
        self.0.lock().expect("nobody panicked").push(failed.clone());
    }
}

/// A load for ten seconds.
fn plan(pace: Pace, connections: u32, uses: Use) -> Plan {
    let request = b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n".to_vec();
    let after = if uses == Use::Kept { After::Stay } else { After::Close };
    let ask = Ask { body_at: request.len(), request, after, ..Ask::default() };
    Plan {
        address: "192.0.2.1:443".parse().expect("an address"),
        names: vec![Configs::name()],
        name_choice: Choice::zipf(1, 0.0),
        steps: vec![PlannedStep {
            uses,
            asks: vec![ask.into()],
            write_every: Duration::ZERO,
            read_every: None,
        }],
        step_choice: Choice::weighted([1.0]),
        course: Course { pieces: vec![Piece { phase: 0, length: Duration::from_secs(10), pace }] },
        spacing: Spacing::Constant,
        connections,
        workers: 1,
        timeout: Duration::from_secs(5),
        resume: 0.0,
        seed: 1,
    }
}

fn open(rate: f64) -> Pace {
    Pace::Open { from: rate, to: rate }
}

/// What a run found: the sum of its seconds, the seconds, and what the server has left.
struct Found {
    sum: Second,
    seconds: Vec<Second>,
    left: usize,
}

impl Found {
    fn cell(&self) -> &Cell {
        self.sum.cells.values().next().expect("something happened")
    }
}

fn run(plan: &Plan, behaviour: Behaviour, stop: &AtomicBool) -> Found {
    let configs = Configs::new();
    let server = VirtualServer::new(configs.clone(), behaviour);
    let (sender, receiver) = channel();
    let notes = Notebook::default();
    let desk = Desk { number: 0, plan, tls: configs.client, notes: &notes, seconds: sender, stop };
    let mut worker = Worker::new(desk, server);
    worker.open_first().expect("virtual");
    worker.run().expect("virtual");
    let left = worker.transport.open_connections();
    drop(worker);
    let seconds: Vec<Second> = receiver.into_iter().collect();
    let mut sum = Second::default();
    seconds.iter().for_each(|second| sum.merge(second));
    Found { sum, seconds, left }
}

fn run_to_its_end(plan: &Plan, behaviour: Behaviour) -> Found {
    run(plan, behaviour, &AtomicBool::new(false))
}

fn quantile(latencies: &Latencies, quantile: f64) -> f64 {
    let mut histogram: Histogram<u64> = Latencies::histogram();
    latencies.add_to(&mut histogram);
    histogram.value_at_quantile(quantile) as f64 / 1e9
}

/// Nothing but one bucket of the histogram, and a request's distance from the next, may lie between.
fn assert_near(found: f64, expected: f64, resolution: f64) {
    let bucket = expected / 1000.0 + 1e-6;
    assert!((found - expected).abs() <= bucket + resolution, "{found} for {expected}");
}

#[test]
fn stall_of_a_second_shows_in_the_response_time() {
    // 1000 a second for 10 s; from 4 s to 5 s nobody is answered. An operation that is due u seconds into
    // that has its answer at 5 s, if it has a connection. With few connections it has to wait for one, and
    // what waits is served at one round trip for each connection: k seconds for a second's worth.
    let round_trip = ROUND_TRIP.as_secs_f64();
    let cases = [(1200, 0.0, 0.5 * round_trip), (10, 0.1, 1.5 * round_trip)];
    for (connections, k, late) in cases {
        let plan = plan(open(1000.0), connections, Use::Kept);
        let found = run_to_its_end(&plan, Behaviour::Stall { from_second: 4, until_second: 5 });
        let cell = found.cell();
        assert_eq!((cell.due, cell.begun, cell.done), (10_000, 10_000, 10_000));
        assert_near(quantile(&cell.response, 0.5), round_trip, 0.0);
        for at in [0.95, 0.99, 0.999] {
            // So many of the 10,000 take longer, and they are due in the first u seconds of the stall.
            let u = (1.0 - at) * 10.0;
            assert_near(quantile(&cell.response, at), 1.0 + late - (1.0 - k) * u, 0.002);
        }
        // What the server took from the sending on: with few connections it hides the stall.
        let service = quantile(&cell.service, 0.99);
        assert_near(service, if k > 0.0 { round_trip } else { 0.9 + late }, 0.002);
    }
}

#[test]
fn closed_loop_hides_the_stall() {
    let plan = plan(Pace::Closed, 10, Use::Kept);
    let found = run_to_its_end(&plan, Behaviour::Stall { from_second: 4, until_second: 5 });
    let cell = found.cell();
    assert_near(quantile(&cell.response, 0.99), ROUND_TRIP.as_secs_f64(), 0.0);
    // Nine seconds of round trips on ten connections, and what is cut off at the end is no operation.
    let expected = 9.0 / ROUND_TRIP.as_secs_f64() * 10.0;
    assert!((cell.done as f64 / expected - 1.0).abs() < 0.01, "{}", cell.done);
    assert_eq!(cell.failures.total(), 0);
}

#[test]
fn quantiles_are_those_of_the_servers_delays() {
    // Every delay from 1 ms to 1000 ms as often, in an order of its own.
    let plan = plan(open(500.0), 1000, Use::Kept);
    let found = run_to_its_end(&plan, Behaviour::Delays { count: 1000 });
    let cell = found.cell();
    assert_eq!(cell.done, 5000);
    for at in [0.1, 0.5, 0.9, 0.99, 0.999] {
        let expected = at + ROUND_TRIP.as_secs_f64();
        assert_near(quantile(&cell.response, at), expected, 0.0);
        assert_near(quantile(&cell.service, at), expected, 0.0);
    }
}

#[test]
fn what_was_due_and_not_begun_is_told() {
    // Two connections, each busy for 100 ms: 200 of 1000 find one.
    let plan = plan(open(100.0), 2, Use::Kept);
    let found = run_to_its_end(&plan, Behaviour::Delay(Duration::from_millis(100) - ROUND_TRIP));
    let cell = found.cell();
    assert_eq!(cell.due, 1000);
    assert!((199..=202).contains(&cell.begun), "{}", cell.begun);
    assert_eq!(cell.done, cell.begun, "what was begun was waited for");
}

#[test]
fn silent_server_times_out_and_the_run_goes_on() {
    let plan = Plan { timeout: Duration::from_secs(2), ..plan(open(10.0), 100, Use::Kept) };
    let found = run_to_its_end(&plan, Behaviour::Silence { from_second: 3 });
    let cell = found.cell();
    assert_eq!(cell.due, 100);
    assert_eq!(cell.done, 30, "{cell:?}");
    assert_eq!(cell.failures.get(Reason::Timeout), 70);
    assert_eq!(found.left, 0);
    assert!(found.seconds.last().expect("some").number <= 12, "bounded by the timeout");
}

#[test]
fn connection_of_its_own_for_each_operation() {
    let plan = plan(open(20.0), 50, Use::Own);
    let found = run_to_its_end(&plan, Behaviour::Delay(Duration::ZERO));
    let cell = found.cell();
    assert_eq!((cell.done, cell.handshakes[&HandshakeKind::Full]), (200, 200));
    // The SYN, the hello and the request: a round trip each.
    assert_near(quantile(&cell.response, 0.5), 3.0 * ROUND_TRIP.as_secs_f64(), 0.0);
    assert_near(quantile(&cell.handshake, 0.5), 2.0 * ROUND_TRIP.as_secs_f64(), 0.0);
    assert_eq!((found.left, found.sum.cells.len()), (0, 1));
}

#[test]
fn sessions_are_resumed_by_their_share() {
    let plan = Plan { resume: 0.5, ..plan(open(50.0), 50, Use::Own) };
    let found = run_to_its_end(&plan, Behaviour::Delay(Duration::ZERO));
    let resumed = found.cell().handshakes[&HandshakeKind::Resumed];
    // 500 draws of one half, but for the first, which has nothing to resume: within five deviations.
    assert!((194..=306).contains(&resumed), "{resumed}");
}

#[test]
fn held_connections_are_held_to_the_end() {
    let plan = plan(open(10.0), 30, Use::Hold);
    let found = run_to_its_end(&plan, Behaviour::Delay(Duration::ZERO));
    let cell = found.cell();
    assert_eq!((cell.due, cell.done), (100, 30), "no more than there are to be");
    let states: Vec<u64> =
        found.seconds.iter().map(|second| second.states.get(ConnectionState::Idle)).collect();
    assert_eq!(states[..4], [10, 20, 30, 30]);
    assert_eq!(found.left, 0);
    assert_eq!(found.seconds.last().expect("some").states.total(), 0);
}

#[test]
fn handshakes_alone_in_a_closed_loop() {
    let mut plan = plan(Pace::Closed, 2, Use::Handshake);
    plan.course.pieces[0].length = Duration::from_secs(1);
    let found = run_to_its_end(&plan, Behaviour::Delay(Duration::from_millis(98)));
    let cell = found.cell();
    // A place is free again after two round trips.
    let expected = 1.0 / (2.0 * ROUND_TRIP.as_secs_f64()) * 2.0;
    assert!((cell.done as f64 / expected - 1.0).abs() < 0.01, "{} for {expected}", cell.done);
}

#[test]
fn refused_connections_are_counted_and_not_hammered() {
    let plan = plan(Pace::Closed, 1, Use::Kept);
    let found = run_to_its_end(&plan, Behaviour::Refusal);
    let refused = found.cell().failures.get(Reason::Refused);
    // A pause of 10 ms, and a round trip.
    let expected = 10.0 / (0.010 + ROUND_TRIP.as_secs_f64());
    assert!((refused as f64 / expected - 1.0).abs() < 0.02, "{refused} for {expected}");
}

#[test]
fn stop_ends_at_once_and_closes_what_was_opened() {
    let plan = plan(open(100.0), 50, Use::Kept);
    let stop = Arc::new(AtomicBool::new(false));
    let behaviour = Behaviour::StopAt { request: 150, stop: Arc::clone(&stop) };
    let found = run(&plan, behaviour, &stop);
    assert!(found.seconds.last().expect("some").number <= 2);
    assert_eq!(found.left, 0);
    let cell = found.cell();
    assert!(cell.failures.get(Reason::CutOff) > 0, "{cell:?}");
    assert_eq!(cell.failures.total() + cell.done, cell.begun);
}
