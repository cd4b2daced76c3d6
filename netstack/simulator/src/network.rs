//! Two hosts, two cables and the time.

use netstack::{Held, Instant, Span};

use crate::app::{Outcome, Plan};
use crate::cable::{Cable, Impairments};
use crate::host::{Family, Host, HostConfig, Ports};
use crate::random::Random;

/// Steps at one instant before something must be going in circles.
const STEPS_WITHOUT_TIME_MAX: u32 = 20_000;

/// The client is host 0, the server host 1; cable n is the one that host n sends on.
pub struct Network {
    /// The time of the simulation: that of a host's clock without its offset.
    pub now: Instant,
    /// The client and the server.
    pub hosts: [Host; 2],
    /// From the client, and from the server.
    pub cables: [Cable; 2],
    start: [Held; 2],
    steps_without_time: u32,
}

/// What makes a network.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// The client and the server.
    pub hosts: [HostConfig; 2],
    /// Of the way from the client, and of the way from the server.
    pub impairments: [Impairments; 2],
    /// How accepted connections behave, on either host.
    pub server_plan: Plan,
}

impl NetworkConfig {
    /// Default hosts on a good link.
    pub fn new(server_plan: Plan) -> Self {
        Self {
            hosts: [HostConfig::new(1), HostConfig::new(2)],
            impairments: [Impairments::NONE; 2],
            server_plan,
        }
    }

    /// Default hosts on a link that is bad in any way, in each direction another.
    pub fn impaired(server_plan: Plan, random: &mut Random) -> Self {
        let impairments = [Impairments::any(random), Impairments::any(random)];
        Self { impairments, ..Self::new(server_plan) }
    }

    /// The network itself.
    pub fn build(self, random: &mut Random) -> Network {
        let Self { hosts, impairments, server_plan } = self;
        let hosts = hosts.map(|config| Host::new(config, server_plan, random.fork()));
        let start = [hosts[0].engine.held(), hosts[1].engine.held()];
        Network {
            now: Instant::ORIGIN,
            cables: impairments.map(|impairments| Cable::new(impairments, random.fork())),
            hosts,
            start,
            steps_without_time: 0,
        }
    }
}

impl Network {
    /// Opens a connection from the client to the server.
    pub fn connect(&mut self, family: Family, plan: Plan) {
        self.hosts[0].connect(self.now, family, Ports::TO_SERVER, plan);
    }

    /// Runs for `span` of virtual time, or until nothing will ever happen again.
    pub fn run_for(&mut self, span: Span) {
        let until = self.now + span;
        self.run_hosts();
        while self.next().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = self.now.max(until);
        self.run_hosts();
    }

    /// Runs until `done` holds.
    pub fn run_until(&mut self, within: Span, mut done: impl FnMut(&Self) -> bool) {
        let until = self.now + within;
        self.run_hosts();
        while !done(self) {
            let next = self.next();
            assert!(next.is_some(), "nothing will happen any more:\n{}", self.describe());
            assert!(next <= Some(until), "not within {within:?}:\n{}", self.describe());
            self.step();
        }
    }

    /// Runs until nothing will ever happen again: TIME-WAIT is over as well.
    pub fn settle(&mut self) {
        let until = self.now + Span::from_secs(7_200);
        self.run_hosts();
        while let Some(next) = self.next() {
            assert!(next <= until, "this never ends:\n{}", self.describe());
            self.step();
        }
    }

    /// As [`Network::assert_baseline`], after connections without a word to say were dropped by
    /// their owners: one that has nothing to send or probe is allowed to wait for ever.
    pub fn assert_baseline_but_for_the_silent(&mut self) {
        for host in &mut self.hosts {
            host.abort_all(self.now);
        }
        self.settle();
        self.assert_baseline();
    }

    /// Checks that both engines hold what they held at the start.
    pub fn assert_baseline(&self) {
        for (host, start) in self.hosts.iter().zip(&self.start) {
            assert_eq!(host.engine.connections().count(), 0, "connections: {}", self.describe());
            host.assert_baseline(start);
        }
    }

    /// Settles, checks the baseline, and gives what became of the two sides of the only
    /// connection.
    pub fn finish(&mut self) -> [Outcome; 2] {
        self.settle();
        self.assert_baseline();
        [0, 1].map(|side| match self.hosts[side].outcomes.as_slice() {
            [outcome] => *outcome,
            outcomes => panic!(
                "one connection on host {side}, not {outcomes:?}; the other host: {:?}",
                self.hosts[1 - side].outcomes
            ),
        })
    }

    /// Nothing arrives from here on, in either direction.
    pub fn cut(&mut self) {
        for cable in &mut self.cables {
            cable.cut();
        }
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let arrivals = self.cables.iter().filter_map(Cable::next_arrival);
        let runs = self.hosts.iter().filter_map(Host::next_run);
        arrivals.chain(runs).min().map(|at| at.max(self.now))
    }

    /// Moves on to what happens next.
    fn step(&mut self) {
        let Some(next) = self.next() else { return };
        self.steps_without_time += 1;
        if next > self.now {
            self.steps_without_time = 0;
        }
        let circles = self.steps_without_time > STEPS_WITHOUT_TIME_MAX;
        assert!(!circles, "time stands still:\n{}", self.describe());
        self.now = next;
        let [client, server] = &mut self.cables;
        // What host 0 sends arrives at host 1, and the other way around.
        for (cable, host) in [(client, 1), (server, 0)] {
            while let Some(bytes) = cable.arrived(next) {
                self.hosts[host].receive(next, bytes);
            }
        }
        self.run_hosts();
    }

    /// Lets both hosts do what is due.
    fn run_hosts(&mut self) {
        for (host, cable) in self.hosts.iter_mut().zip(&mut self.cables) {
            host.run(self.now, cable);
        }
        for asked in [0, 1] {
            for answer in self.cables[asked].take_answers() {
                self.cables[1 - asked].put_foreign(self.now, answer);
            }
        }
    }

    /// What there is to say when a test fails.
    fn describe(&self) -> String {
        let mut text = format!("at {:?}\n", self.now);
        for (host, cable) in self.hosts.iter().zip(&self.cables) {
            text += &format!("frames sent {}, next run {:?}\n", cable.frames(), host.next_run());
            for outcome in host.living() {
                text += &format!("  {outcome:?}\n");
            }
            for id in host.engine.connections() {
                text += &format!("  {:?}\n", host.engine.info(self.now, id));
            }
        }
        text
    }
}
