//! From workers' seconds to results, while the run goes on and at its end.

use std::collections::BTreeMap;
use std::io::Write;

use super::endpoint::Endpoint;
use super::facts::{Facts, Machine, Scenario};
use super::file::Results;
use super::judgement::Judge;
use super::live::Live;
use crate::report::TlsFacts;
use crate::seconds::Second;

/// A second that not every worker has told of is shown when one so much later has begun: a worker that
/// was held up leaves numbers out.
const LATE: u32 = 2;

/// A second shorter than this was cut off.
const FULL_S: f64 = 0.9;

/// Takes the workers' seconds as they close. Each is shown once, in order, when all workers have told of
/// it; the results have them all, however late.
pub(crate) struct Collector<W> {
    scenario: Scenario,
    machine: Machine,
    live: Live<W>,
    endpoint: Option<Endpoint>,
    judge: Judge,
    /// By number: how many workers have told of it, and their sum.
    seconds: BTreeMap<u32, (u32, Second)>,
    /// The next one to be shown.
    next: u32,
    /// When the last second closed, in seconds since the clock began to run.
    ended_s: f64,
}

/// What else is known when a run is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    /// When the clock began to run, in seconds since 1970.
    pub(crate) started_unix_s: f64,
    /// The user ended it before its time.
    pub(crate) stopped: bool,
    pub(crate) tls: Option<TlsFacts>,
    pub(crate) first_failure: Option<String>,
}

impl<W: Write> Collector<W> {
    /// `scenario`: as it will stand in the results. To be made before the run: it looks at the machine.
    pub(crate) fn new(scenario: Scenario, live: Live<W>, endpoint: Option<Endpoint>) -> Self {
        Self {
            scenario,
            machine: Machine::of_this(),
            live,
            endpoint,
            judge: Judge::default(),
            seconds: BTreeMap::new(),
            next: 0,
            ended_s: 0.0,
        }
    }

    /// A worker has closed a second.
    pub(crate) fn take(&mut self, second: &Second) {
        self.judge.look_at(second);
        if let Some(endpoint) = &self.endpoint {
            endpoint.take(second);
        }
        let number = second.number;
        self.ended_s = self.ended_s.max(f64::from(number) + second.own.span.as_secs_f64());
        let (workers, sum) = self
            .seconds
            .entry(number)
            .or_insert_with(|| (0, Second { number, ..Second::default() }));
        *workers += 1;
        sum.merge(second);
        self.show_ready(number);
    }

    fn show_ready(&mut self, newest: u32) {
        while self.next <= newest {
            let late = self.next + LATE <= newest;
            match self.seconds.get(&self.next) {
                Some((workers, second)) if *workers >= self.scenario.workers || late => {
                    // The last second of a run may be short: it counts, and is not shown.
                    if second.own.span.as_secs_f64() >= FULL_S * f64::from(*workers) {
                        self.live.show(&self.scenario, second);
                    }
                    if let Some(endpoint) = &self.endpoint {
                        endpoint.set_connections(&second.states);
                    }
                }
                None if late => {}
                _ => return,
            }
            self.next += 1;
        }
    }

    /// The run is over.
    pub(crate) fn finish(mut self, ending: Ending) -> Results {
        self.live.finish();
        let Ending { started_unix_s, stopped, tls, first_failure } = ending;
        let facts = Facts {
            started_unix_s,
            ended_s: self.ended_s,
            stopped,
            scenario: self.scenario,
            tls,
            first_failure,
            machine: self.machine,
        };
        let seconds = self.seconds.into_values().map(|(_, second)| second).collect();
        Results { facts, seconds, limited: self.judge.limited() }
    }
}
