//! One run: a thread for each connection, and one that tells how it goes.

use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Connection, Failed, Failure};
use crate::record::Record;
use crate::report::{Loop, Machine, Report, TlsFacts};
use crate::scenario::{Mode, Scenario};
use crate::schedule::{Schedule, Turn};

/// Pause of a connection after a failure in a closed loop: a server that refuses is not to be
/// flooded, and the failures counted are not to be a measure of how fast one can fail.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Stack of a connection's thread: buffers are on the heap.
const STACK_BYTES: usize = 256 * 1024;

/// What the threads share from the start on.
#[derive(Debug)]
struct Course {
    schedule: Schedule,
    record: Record,
}

#[derive(Debug)]
struct Shared<'a> {
    scenario: &'a Scenario,
    /// Everybody has connected (or failed to): the clock may start.
    connected: Barrier,
    /// The course is set.
    started: Barrier,
    course: OnceLock<Course>,
    facts: OnceLock<TlsFacts>,
    /// The first failure in words, for whoever has to find out.
    first_failure: OnceLock<String>,
    /// The length that all bodies must have: the first one's, if the scenario names none.
    length: RwLock<Option<u64>>,
    reconnects: AtomicU64,
}

/// Runs `scenario` to its end.
pub(crate) fn run(scenario: &Scenario) -> Report {
    let parties = scenario.connections as usize + 1;
    let shared = Shared {
        scenario,
        connected: Barrier::new(parties),
        started: Barrier::new(parties),
        course: OnceLock::new(),
        facts: OnceLock::new(),
        first_failure: OnceLock::new(),
        length: RwLock::new(scenario.length),
        reconnects: AtomicU64::new(0),
    };
    thread::scope(|scope| {
        for number in 0..scenario.connections as usize {
            let shared = &shared;
            thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || Peer { shared, number, connection: None }.work())
                .expect("the system has threads for every connection");
        }
        shared.connected.wait();
        let start = Instant::now();
        let length = scenario.warmup + scenario.duration;
        let rate = scenario.rate.and_then(NonZeroU64::new);
        let course = shared.course.get_or_init(|| Course {
            schedule: Schedule::new(start, length, rate),
            record: Record::new(start + scenario.warmup, start + length),
        });
        shared.started.wait();
        tell_progress(scenario, course, start, start + length);
    });
    let course = shared.course.get().expect("set above");
    summarize(&shared, course)
}

fn summarize(shared: &Shared<'_>, course: &Course) -> Report {
    let scenario = shared.scenario;
    let record = &course.record;
    let failures = Failure::ALL
        .map(|failure| (failure.name().to_owned(), record.failures_so_far(failure)))
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    Report {
        url: scenario.url.clone(),
        address: scenario.address.to_string(),
        mode: scenario.mode,
        looped: scenario.rate.map_or(Loop::Closed, |rate| Loop::Open { rate }),
        connections_at_once: scenario.connections,
        seconds: scenario.duration.as_secs_f64(),
        operations: record.operations_so_far(),
        connections: record.connections_so_far(),
        bytes: record.bytes_so_far(),
        latency_us: record.latency(),
        handshake_us: record.handshake(),
        failures,
        not_begun: course.schedule.not_begun(),
        first_failure: shared.first_failure.get().cloned(),
        reconnects: shared.reconnects.load(Ordering::Relaxed),
        tls: shared.facts.get().cloned().unwrap_or_default(),
        machine: Machine::of_this(),
    }
}

/// One connection after the other, one operation after the other.
struct Peer<'a> {
    shared: &'a Shared<'a>,
    number: usize,
    connection: Option<Connection>,
}

impl Peer<'_> {
    fn work(mut self) {
        let Shared { scenario, connected, started, course, .. } = self.shared;
        if scenario.mode != Mode::Connect {
            // Not measured; a failure shows again, and is counted, when the clock runs.
            self.connection = Connection::open(scenario, Instant::now() + scenario.timeout).ok();
        }
        connected.wait();
        started.wait();
        let course = course.get().expect("set before the barrier opened");
        loop {
            let due = match course.schedule.next(Instant::now()) {
                Turn::End => break,
                Turn::Now => Instant::now(),
                Turn::At(due) => {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    due
                }
            };
            match self.operate(&course.record) {
                Ok(()) => course.record.operation(self.number, due, Instant::now()),
                Err(Failed { reason, detail }) => {
                    course.record.failure(reason, Instant::now());
                    self.shared
                        .first_failure
                        .get_or_init(|| format!("{}: {detail}", reason.name()));
                    self.connection = None;
                    if scenario.rate.is_none() {
                        thread::sleep(PAUSE_AFTER_FAILURE);
                    }
                }
            }
        }
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }

    fn operate(&mut self, record: &Record) -> Result<(), Failed> {
        let scenario = self.shared.scenario;
        let begin = Instant::now();
        let deadline = begin + scenario.timeout;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = Connection::open(scenario, deadline)?;
                record.connection(self.number, begin, Instant::now());
                connection
            }
        };
        self.shared.facts.get_or_init(|| connection.facts());
        let head =
            connection.exchange(scenario, deadline, |count| record.bytes(count, Instant::now()))?;
        self.check_length(head.length)?;
        match scenario.mode {
            Mode::Connect => connection.close(),
            Mode::Keepalive | Mode::Bulk if head.stays() => self.connection = Some(connection),
            Mode::Keepalive | Mode::Bulk => {
                self.shared.reconnects.fetch_add(1, Ordering::Relaxed);
                connection.close();
            }
        }
        Ok(())
    }

    /// All answers have one length.
    fn check_length(&self, length: u64) -> Result<(), Failed> {
        let known = *self.shared.length.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = match known {
            Some(wanted) => wanted,
            None => {
                let mut known = self.shared.length.write().unwrap_or_else(PoisonError::into_inner);
                *known.get_or_insert(length)
            }
        };
        if wanted == length {
            return Ok(());
        }
        Err(Failed { reason: Failure::Length, detail: format!("{length} instead of {wanted}") })
    }
}

/// A line a second on the standard error.
fn tell_progress(scenario: &Scenario, course: &Course, start: Instant, end: Instant) {
    let measured_from = start + scenario.warmup;
    let mut last = (0, 0);
    let mut next = start + PROGRESS_INTERVAL;
    while next <= end {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        next += PROGRESS_INTERVAL;
        let now = Instant::now();
        let (operations, bytes) = (course.record.operations_so_far(), course.record.bytes_so_far());
        let failures: u64 =
            Failure::ALL.iter().map(|&failure| course.record.failures_so_far(failure)).sum();
        let phase = if now < measured_from { "warm-up" } else { "measuring" };
        eprintln!(
            "{:4.0} s {phase}: {} operations, {} MB, {failures} failures in all",
            (now - start).as_secs_f64(),
            operations - last.0,
            (bytes - last.1) / 1_000_000,
        );
        last = (operations, bytes);
    }
}
