//! An engine with its owner on a device, in real time.

use std::time::{Duration, Instant as Moment};

use forwarder::PacketSocket;
use netstack::{Held, Instant, Span};
use netstack_simulator::{Cable, Family, Host, HostConfig, Impairments, Plan, Ports, Random};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The longest time between two looks at what a test waits for.
const LOOK: Duration = Duration::from_millis(5);
/// Frames that are taken at once.
const BATCH_FRAMES_MAX: usize = 64;

/// What the engine's clock is ahead of the simulation's, by default.
const CLOCK_OFFSET: Span = Span::from_secs(1_000);

/// A host of the simulator that has a real link.
pub(crate) struct RealHost {
    pub(crate) host: Host,
    socket: PacketSocket,
    /// What is sent passes it at once: the link that the host knows.
    outlet: Cable,
    clock: Clock,
    start: Held,
}

/// A clock that may run faster than real time.
struct Clock {
    set_at: Moment,
    set_to: Instant,
    /// Its seconds a second.
    pace: u32,
}

impl Clock {
    fn now(&self) -> Instant {
        self.set_to + Span::from(self.set_at.elapsed()) * self.pace
    }
}

impl RealHost {
    pub(crate) fn new(config: HostConfig, plan: Plan, socket: PacketSocket, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let host = Host::new(config, plan, random.fork());
        let outlet = Impairments { delay: Span::ZERO, ..Impairments::NONE };
        let outlet = Cable::new(outlet, random);
        let clock = Clock { set_at: Moment::now(), set_to: Instant::ORIGIN, pace: 1 };
        let start = host.engine.held();
        Self { host, socket, outlet, clock, start }
    }

    /// Opens a connection to the peer's `port`.
    pub(crate) fn connect(&mut self, family: Family, port: u16, plan: Plan) {
        let ports = Ports { local: 0, remote: port };
        self.host.connect(self.clock.now(), family, ports, plan);
    }

    /// Lets this many seconds pass for the engine in each second.
    pub(crate) fn set_pace(&mut self, pace: u32) {
        self.clock = Clock { set_at: Moment::now(), set_to: self.clock.now(), pace };
    }

    /// Ends the engine's direction of every connection.
    pub(crate) fn shut_down_all(&mut self) {
        self.host.shut_down_all(self.clock.now());
    }

    /// Runs until `done`, at most for `limit` of real time.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        what: &str,
        mut done: impl FnMut(&Host) -> bool,
    ) {
        let end = Moment::now() + limit;
        loop {
            // The clock is read first, so that there is one look after the end.
            let late = Moment::now() >= end;
            self.turn();
            if done(&self.host) {
                return;
            }
            assert!(!late, "{what}: not within {limit:?}; {}", self.describe());
            self.wait();
        }
    }

    /// Lets so much of the engine's time pass.
    pub(crate) fn run_for(&mut self, span: Span) {
        let end = self.clock.now() + span;
        while self.clock.now() < end {
            self.turn();
            self.wait();
        }
    }

    /// What the engine's clock says.
    pub(crate) fn clock(&self) -> Instant {
        self.clock.now() + CLOCK_OFFSET
    }

    /// Lets time pass until nothing will ever happen again, and checks that nothing is left.
    pub(crate) fn settle(&mut self) {
        self.set_pace(500);
        self.run_until(Duration::from_secs(10), "the end of all timers", |host| {
            host.next_run().is_none()
        });
        self.set_pace(1);
        self.host.assert_baseline(&self.start);
    }

    /// Takes what came, does what is due, sends what there is.
    fn turn(&mut self) {
        for _ in 0..BATCH_FRAMES_MAX {
            let Some(frame) = self.socket.receive().expect("the device is there") else { break };
            self.host.receive(self.clock.now(), frame);
        }
        let now = self.clock.now();
        self.host.run(now, &mut self.outlet);
        while let Some(frame) = self.outlet.arrived(now) {
            assert!(self.socket.send(&frame).expect("the device is there"), "it has room");
        }
    }

    /// Waits for a frame, or for what is due next.
    fn wait(&self) {
        let due = self.host.next_run().map(|at| at - self.clock.now());
        let due = due.map_or(LOOK, |span| Duration::from(span / self.clock.pace));
        let wait = Timespec::try_from(due.min(LOOK)).expect("it is short");
        let mut events = [PollFd::new(&self.socket, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut events, Some(&wait))).expect("it can be waited for");
    }

    fn describe(&self) -> String {
        let Host { engine, outcomes, .. } = &self.host;
        let now = self.clock();
        let infos = engine.connections().filter_map(|id| engine.info(now, id));
        let infos: Vec<_> = infos.collect();
        let living: Vec<_> = self.host.living().collect();
        format!("over: {outcomes:?}; living: {living:?}; {infos:?}; {:?}", engine.counters())
    }
}
