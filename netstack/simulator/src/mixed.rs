//! Our engine, smoltcp, two cables and the time.

use netstack::{Held, Instant, Span};

use crate::cable::Cable;
use crate::host::Host;
use crate::smoltcp::SmoltcpHost;

/// Steps at one instant before something must be going in circles.
const STEPS_WITHOUT_TIME_MAX: u32 = 20_000;

/// Our engine and smoltcp; cable 0 is ours, cable 1 is smoltcp's.
pub(crate) struct Mixed {
    pub(crate) now: Instant,
    pub(crate) host: Host,
    pub(crate) peer: SmoltcpHost,
    pub(crate) cables: [Cable; 2],
    start: Held,
    steps_without_time: u32,
}

impl Mixed {
    /// Nothing has happened yet.
    pub(crate) fn new(host: Host, peer: SmoltcpHost, cables: [Cable; 2]) -> Self {
        let start = host.engine.held();
        Self { now: Instant::ORIGIN, host, peer, cables, start, steps_without_time: 0 }
    }

    /// Runs until `done` holds.
    pub(crate) fn run_until(&mut self, within: Span, mut done: impl FnMut(&Self) -> bool) {
        let until = self.now + within;
        self.run_hosts();
        while !done(self) {
            let next = self.next().expect("something will happen");
            assert!(next <= until, "not within {within:?}: {:?}", self.describe());
            self.step(next);
        }
    }

    /// Runs until nothing will ever happen again, and checks that our engine holds nothing.
    pub(crate) fn finish(&mut self) {
        let until = self.now + Span::from_secs(7_200);
        while let Some(next) = self.next() {
            assert!(next <= until, "this never ends: {:?}", self.describe());
            self.step(next);
        }
        self.host.assert_baseline(&self.start);
    }

    /// When something happens next.
    fn next(&mut self) -> Option<Instant> {
        let arrivals = self.cables.iter().filter_map(Cable::next_arrival).min();
        let runs = [self.host.next_run(), self.peer.next_run(self.now)];
        runs.into_iter().flatten().chain(arrivals).min().map(|at| at.max(self.now))
    }

    /// Moves on to what happens next.
    fn step(&mut self, next: Instant) {
        self.steps_without_time += 1;
        if next > self.now {
            self.steps_without_time = 0;
        }
        let circles = self.steps_without_time > STEPS_WITHOUT_TIME_MAX;
        assert!(!circles, "time stands still: {:?}", self.describe());
        self.now = next;
        let [ours, theirs] = &mut self.cables;
        while let Some(bytes) = ours.arrived(next) {
            self.peer.receive(bytes);
        }
        while let Some(bytes) = theirs.arrived(next) {
            self.host.receive(next, bytes);
        }
        self.run_hosts();
    }

    /// Lets both hosts do what is due.
    fn run_hosts(&mut self) {
        let [ours, theirs] = &mut self.cables;
        self.host.run(self.now, ours);
        self.peer.run(self.now, theirs);
    }

    /// What there is to say when a run fails.
    fn describe(&self) -> (Instant, u64, Vec<crate::Outcome>) {
        (self.now, self.peer.received(), self.host.living().copied().collect())
    }
}
