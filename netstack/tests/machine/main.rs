//! One engine against a peer that may do anything, as a state machine: segments with numbers near the
//! live ones, time, calls of the owner.
//!
//! Judged are each step, by the rules of `netstack-model`; the engine's invariants; that what is
//! delivered is what the peer's stream has; that nothing is left in the end. A sequence that fails is
//! shrunk. `WEIR_MACHINE_CASES=<n>` runs that many cases, `WEIR_MACHINE_SEED=<n>` others.

mod peer;
mod reference;

use std::net::SocketAddr;

use netstack::{
    AddressOwner, ChecksumPolicy, Config, Connect, ConnectionId, Event as Told, Instant, Interface,
    Keepalive, Limits, Link, Listen, MacAddress, Nagle, Span, TcpConfig, Train, Transmitted,
};
use netstack_model::wire::{Carried, read};
use netstack_simulator::Judged;
use proptest::test_runner::{Config as Proptest, RngSeed};
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::peer::{ADDRESSES, MACS, Peer};
use crate::reference::{Beginning, Event, Opener, Reference};

/// The port that the engine listens on.
const SERVER: u16 = 443;
/// The peer's port.
const PEER: u16 = 40_000;
/// Timers in a row after which something must be going in circles.
const STEPS_MAX: u32 = 100_000;

/// The engine, its owner and its peer.
struct World {
    engine: Judged<Vec<u8>, Vec<u8>>,
    now: Instant,
    /// The connection, while its owner has it.
    id: Option<ConnectionId>,
    peer: Peer,
    wire: Wire,
    /// Octets that it has delivered.
    delivered: u32,
    /// The number of the SYN that its peer's stream begins with.
    isn: u32,
}

/// The link: what the engine sent, and how many segments more it takes.
struct Wire {
    frames: Vec<Vec<u8>>,
    room: u16,
}

impl Link for Wire {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let taken = train.segments().min(self.room.into());
        for index in 0..taken {
            let mut frame = vec![0; train.segment_len(index)];
            train.write_segment(index, &mut frame).expect("it is long enough");
            self.frames.push(frame);
        }
        if self.room != u16::MAX {
            self.room -= u16::try_from(taken).expect("less than the room");
        }
        taken
    }
}

impl World {
    fn new(beginning: &Beginning) -> Self {
        let [ours, theirs] = ADDRESSES.map(std::net::IpAddr::V4);
        let now = Instant::from_millis(beginning.engine.clock_ms);
        let config = config(beginning);
        let mut engine = Judged::new(config, now).expect("a right configuration");
        engine.listen(Listen::new(SocketAddr::new(ours, SERVER))).expect("nobody else listens");
        engine.set_neighbor(theirs, MacAddress(MACS[1]));
        let wire = Wire { frames: Vec::new(), room: u16::MAX };
        let peer = Peer::new(beginning, [SERVER, PEER]);
        let mut world =
            Self { engine, now, id: None, peer, wire, delivered: 0, isn: beginning.peer_isn };
        if beginning.opener != Opener::Peer {
            let (local, remote) = (SocketAddr::new(ours, 0), SocketAddr::new(theirs, PEER));
            let id = world.engine.connect(now, Connect { local, remote }).expect("a free port");
            let info = world.engine.info(now, id).expect("it was just opened");
            world.peer.ports = [info.local.port(), PEER];
            world.id = Some(id);
        }
        let crossed = (beginning.opener == Opener::Both).then(|| world.peer.syn());
        world.transmit();
        let syn = crossed.unwrap_or_else(|| world.peer.syn());
        world.receive(syn);
        world
    }

    fn receive(&mut self, frame: Vec<u8>) {
        self.engine.receive(self.now, frame);
        self.run();
    }

    /// What an owner does after each change: it takes events, and the link takes segments.
    fn run(&mut self) {
        self.take_events();
        self.transmit();
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.engine.poll_event(self.now) {
            match event {
                // A second connection may follow the first: the owner leaves it.
                Told::Accepted { id, .. } if self.id.is_none() => {
                    self.delivered = 0;
                    self.isn = self.peer.answered_isn;
                    self.id = Some(id);
                }
                Told::Accepted { id, .. } => self.engine.abort(self.now, id),
                Told::Closed { id, .. } => {
                    self.id = self.id.filter(|known| *known != id);
                }
                Told::Connected { .. }
                | Told::Readable { .. }
                | Told::PeerFinished { .. }
                | Told::Writable { .. } => {}
            }
        }
    }

    fn transmit(&mut self) {
        let transmitted = self.engine.poll_transmit(self.now, &mut self.wire);
        assert!(transmitted == Transmitted::Done || self.wire.room == 0, "there was room");
        for frame in std::mem::take(&mut self.wire.frames) {
            if let Carried::Segment(from, to, segment) = read(&frame) {
                self.peer.look(from, to, &segment);
            }
        }
        assert_eq!(self.engine.counters().invariants_broken, 0, "it contradicts itself");
    }

    /// Lets time pass, timer by timer. A link that is full is so for less than a timer's tick.
    fn wait(&mut self, span: Span) {
        self.wire.room = u16::MAX;
        self.run();
        let until = self.now + span;
        self.peer.clock = self
            .peer
            .clock
            .wrapping_add(u32::try_from(span.as_millis()).expect("some hours at most"));
        for _ in 0..STEPS_MAX {
            let next = self.engine.poll_timeout().filter(|at| *at <= until);
            let Some(at) = next else {
                self.now = until;
                self.run();
                return;
            };
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.run();
        }
        panic!("the timers go in circles");
    }

    /// Takes all there is, and gives the window back.
    fn take(&mut self, id: ConnectionId) {
        while let Some(payload) = self.engine.recv(id) {
            for byte in payload.iter() {
                let right = self.peer.octet(self.isn, self.delivered);
                assert_eq!(*byte, right, "octet {} of the stream", self.delivered);
                self.delivered += 1;
            }
            let len = payload.len();
            drop(payload);
            self.engine.consumed(self.now, id, len);
        }
    }

    /// The owner does something, if it has the connection.
    fn call(&mut self, event: &Event) {
        let Some(id) = self.id else { return };
        match event {
            Event::Send(octets) => {
                // What does not fit comes back, and is gone.
                drop(self.engine.send(self.now, id, vec![7; usize::from(*octets)]));
            }
            Event::Read => self.take(id),
            Event::Shutdown => self.engine.shutdown(self.now, id),
            Event::Close => {
                self.engine.close(self.now, id);
                self.id = None;
            }
            Event::Abort => self.engine.abort(self.now, id),
            Event::Segment(_) | Event::Honest { .. } | Event::Wait { .. } | Event::Room(_) => {}
        }
        self.run();
    }

    /// Everything ends, and nothing is left.
    fn end(mut self) {
        if let Some(id) = self.id.take() {
            self.engine.abort(self.now, id);
        }
        self.run();
        self.wait(Span::from_secs(7_200));
        let held = self.engine.held();
        let counts = [
            held.tcbs.count,
            held.half_open.count,
            held.time_wait.count,
            held.timers.count,
            held.receive_frames.count,
            held.send_buffers.count,
            held.out_of_order.bytes,
        ];
        assert_eq!(counts, [0; 7], "something is left: {held:?}");
    }
}

/// The engine's configuration.
fn config(beginning: &Beginning) -> Config {
    let keepalive =
        Keepalive { idle: Span::from_secs(30), interval: Span::from_secs(5), probes_max: 3 };
    let engine = beginning.engine;
    Config {
        interface: Interface {
            mac: MacAddress(MACS[0]),
            mtu_bytes: 1_500,
            addresses: vec![(std::net::IpAddr::V4(ADDRESSES[0]), 24)],
            gateway_v4: None,
            gateway_v6: None,
            owner: AddressOwner::Engine,
            checksum: ChecksumPolicy::Verify,
        },
        tcp: TcpConfig {
            receive_window_bytes: engine.window,
            nagle: if engine.nagle { Nagle::On } else { Nagle::Off },
            keepalive: engine.keepalive.then_some(keepalive),
            ..TcpConfig::default()
        },
        limits: Limits { connections_max: 1_000, time_wait_max: 1_000, ..Limits::default() },
        seed: [3; 32],
    }
}

/// The test.
struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = World;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> World {
        World::new(&reference.beginning)
    }

    fn apply(mut world: World, _: &Reference, event: Event) -> World {
        match &event {
            Event::Segment(shape) => {
                let frame = world.peer.shaped(shape);
                world.receive(frame);
            }
            Event::Honest { octets, fin } => {
                let frame = world.peer.honest(*octets, *fin);
                world.receive(frame);
            }
            Event::Wait { ms } => world.wait(Span::from_millis(u64::from(*ms))),
            Event::Room(segments) => {
                world.wire.room = *segments;
                world.run();
            }
            Event::Send(_) | Event::Read | Event::Shutdown | Event::Close | Event::Abort => {
                world.call(&event);
            }
        }
        world
    }

    fn teardown(world: World, _: Reference) {
        world.end();
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Always the same cases, unless somebody wants others.
fn cases() -> Proptest {
    let cases = number("WEIR_MACHINE_CASES").unwrap_or(4_000);
    Proptest {
        cases: u32::try_from(cases).expect("not that many"),
        rng_seed: RngSeed::Fixed(number("WEIR_MACHINE_SEED").unwrap_or(1)),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Proptest::default()
    }
}

prop_state_machine! {
    #![proptest_config(cases())]

    #[test]
    fn whatever_the_peer_does_each_step_follows_a_rule(sequential 1..60 => Machine);
}
