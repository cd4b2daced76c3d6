//! An engine with its owner.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use netstack::{
    AddressOwner, ChecksumPolicy, Config, Connect, ConnectionId, ConnectionInfo, Event, Held,
    Instant, Interface, Limits, Listen, ListenerId, MacAddress, SendErrorKind, Span, TcpConfig,
    Transmitted,
};

use crate::app::{App, Outcome, Plan, Reader, octet};
use crate::cable::Cable;
use crate::judge::{Call, Judge, Step};
use crate::judged::Judged;
use crate::memory::{Alive, Counted};
use crate::random::Random;

/// The port that servers listen on.
pub const PORT: u16 = 443;

/// What makes a host.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its link address and its IP address: 1 or 2.
    pub number: u8,
    /// Times and sizes.
    pub tcp: TcpConfig,
    /// Limits.
    pub limits: Limits,
    /// The largest packet.
    pub mtu_bytes: u16,
    /// What its clock is ahead of the simulation's.
    pub clock_offset: Span,
    /// The secret.
    pub seed: [u8; 32],
    /// Who answers for its addresses.
    pub owner: AddressOwner,
}

impl HostConfig {
    /// A host with the defaults.
    pub fn new(number: u8) -> Self {
        Self {
            number,
            tcp: TcpConfig::default(),
            limits: Limits { connections_max: 4_096, time_wait_max: 4_096, ..Limits::default() },
            mtu_bytes: 1_500,
            clock_offset: Span::from_secs(1_000),
            seed: [number; 32],
            owner: AddressOwner::Engine,
        }
    }
}

/// Which IP version a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An engine with its owner.
pub struct Host {
    /// The engine, judged by the rules of `netstack-model`.
    pub engine: Judged<Counted, Counted>,
    /// Frames that the engine or the owner holds.
    pub frames: Alive,
    /// Records that the engine holds.
    pub records: Alive,
    /// Where it listens: one for each version.
    pub listeners: Vec<ListenerId>,
    /// How accepted connections behave.
    pub server_plan: Plan,
    number: u8,
    clock_offset: Span,
    apps: BTreeMap<usize, (ConnectionId, App)>,
    /// What became of the connections that are over.
    pub outcomes: Vec<Outcome>,
    /// When the link may have room again.
    retry_at: Option<Instant>,
    random: Random,
    watch: Watch,
}

impl Host {
    /// A host that listens on [`PORT`] for both versions.
    pub fn new(config: HostConfig, server_plan: Plan, random: Random) -> Self {
        let HostConfig { number, tcp, limits, mtu_bytes, clock_offset, seed, owner } = config;
        let interface = Interface {
            mac: mac(number),
            mtu_bytes,
            addresses: vec![(address(number, Family::V4), 24), (address(number, Family::V6), 64)],
            gateway_v4: None,
            gateway_v6: None,
            owner,
            checksum: ChecksumPolicy::Verify,
        };
        let config = Config { interface, tcp, limits, seed };
        let now = Instant::ORIGIN + clock_offset;
        let mut engine = Judged::new(config, now).expect("a configuration that works");
        let listen = |family| Listen {
            address: SocketAddr::new(address(number, family), PORT),
            half_open_max: 4_096,
            connections_max: 4_096,
            name: 0,
        };
        let listeners = [Family::V4, Family::V6].map(|family| engine.listen(listen(family)));
        Self {
            engine,
            frames: Alive::default(),
            records: Alive::default(),
            listeners: listeners.into_iter().map(|id| id.expect("nobody else listens")).collect(),
            server_plan,
            number,
            clock_offset,
            apps: BTreeMap::new(),
            outcomes: Vec::new(),
            retry_at: None,
            random,
            watch: Watch::default(),
        }
    }

    /// Lets `judge` see every step of this host's engine from here on.
    pub fn judge(&mut self, judge: Box<dyn Judge>) {
        self.watch.0.push(judge);
    }

    /// The time of this host's clock.
    fn clock(&self, now: Instant) -> Instant {
        now + self.clock_offset
    }

    /// Opens a connection from port `local` to port `remote` of the other host; port 0 is any.
    pub fn connect(&mut self, now: Instant, family: Family, ports: Ports, plan: Plan) {
        let connect = Connect {
            local: SocketAddr::new(address(self.number, family), ports.local),
            remote: SocketAddr::new(address(3 - self.number, family), ports.remote),
        };
        let now = self.clock(now);
        let id = self.engine.connect(now, connect).expect("a connection can be opened");
        self.watch.call(now, Call::Connect(id, connect), &self.engine);
        let former = self.apps.insert(id.index(), (id, App::new(plan, now)));
        assert!(former.is_none(), "no two connections share an index");
    }

    /// Tells the engine where the other host is, as a kernel that owns the addresses would.
    pub fn tell_neighbor(&mut self, family: Family) {
        let other = 3 - self.number;
        self.engine.set_neighbor(address(other, family), mac(other));
    }

    /// Takes a frame from the link.
    pub fn receive(&mut self, now: Instant, bytes: Vec<u8>) {
        let now = self.clock(now);
        let seen = (!self.watch.0.is_empty()).then(|| bytes.clone());
        let frame = self.frames.hold(bytes);
        self.engine.receive(now, frame);
        if let Some(seen) = &seen {
            self.watch.step(now, Step::Frame(seen), &self.engine);
        }
    }

    /// When this host wants to run.
    pub fn next_run(&self) -> Option<Instant> {
        let engine = self.engine.poll_timeout().map(|at| at - self.clock_offset);
        let apps = self.apps.values().filter_map(|(_, app)| app.wakes_at());
        let apps = apps.map(|at| at - self.clock_offset).min();
        [engine, apps, self.retry_at].into_iter().flatten().min()
    }

    /// Does what is due: timers, events, the owner's work, transmission.
    pub fn run(&mut self, now: Instant, cable: &mut Cable) {
        let clock = self.clock(now);
        if self.engine.poll_timeout().is_some_and(|at| at <= clock) {
            self.engine.handle_timeout(clock);
            self.watch.step(clock, Step::Timeout, &self.engine);
        }
        // The owner acts on each event as it comes: an id is dead once its end was taken.
        while let Some(event) = self.engine.poll_event(clock) {
            self.watch.step(clock, Step::Event(&event), &self.engine);
            if let Some(index) = self.take_event(clock, event) {
                self.drive(clock, index);
            }
        }
        let due = |app: &App| app.wakes_at().is_some_and(|at| at <= clock);
        let woken = self.apps.iter().filter(|(_, (_, app))| due(app));
        let woken: Vec<usize> = woken.map(|(index, _)| *index).collect();
        for index in woken {
            self.drive(clock, index);
        }
        if !self.watch.0.is_empty() {
            cable.watch();
        }
        self.retry_at = match self.engine.poll_transmit(clock, cable.at(now)) {
            Transmitted::Done => None,
            Transmitted::LinkFull => Some(now + Span::from_micros(50)),
        };
        self.watch.step(clock, Step::Transmit(&cable.watched()), &self.engine);
        assert_eq!(self.engine.counters().invariants_broken, 0, "the engine contradicts itself");
    }

    /// Resets every connection.
    pub fn abort_all(&mut self, now: Instant) {
        let now = self.clock(now);
        let Self { engine, apps, outcomes, watch, .. } = self;
        apps.retain(|_, (id, app)| {
            engine.abort(now, *id);
            watch.call(now, Call::Abort(*id), engine);
            is_left(engine.info(now, *id), app, outcomes)
        });
    }

    /// Ends our direction of every connection, whatever its plan.
    pub fn shut_down_all(&mut self, now: Instant) {
        let now = self.clock(now);
        let Self { engine, apps, watch, .. } = self;
        for (id, app) in apps.values_mut() {
            app.shut_down = true;
            engine.shutdown(now, *id);
            watch.call(now, Call::Shutdown(*id), engine);
        }
    }

    /// What has become so far of connections that live.
    pub fn living(&self) -> impl Iterator<Item = &Outcome> {
        self.apps.values().map(|(_, app)| &app.outcome)
    }

    /// Checks that nothing is left of any connection: the engine holds what it held at the start.
    pub fn assert_baseline(&self, start: &Held) {
        assert_eq!(self.engine.connections().count(), 0, "connections");
        assert_eq!(self.living().count(), 0, "connections of the owner");
        assert_eq!((self.frames.count(), self.records.count()), (0, 0), "frames, records");
        for listener in &self.listeners {
            let counts = self.engine.state_counts(*listener).expect("it listens");
            assert_eq!(counts.total(), 0, "{counts:?}");
        }
        assert!(self.engine.is_sound(), "states, timers and flows equal a recount");
        // Neighbours stay known; memory that a table keeps for the next one is its own.
        let held = self.engine.held();
        let counts = |held: &Held| {
            [
                ("tcbs", held.tcbs.count),
                ("half_open", held.half_open.count),
                ("time_wait", held.time_wait.count),
                ("timers", held.timers.count),
                ("flow_table", held.flow_table.count),
                ("receive_frames", held.receive_frames.count),
                ("receive_frames bytes", held.receive_frames.bytes),
                ("copied_out", held.copied_out.count),
                ("copied_out bytes", held.copied_out.bytes),
                ("out_of_order", held.out_of_order.count),
                ("out_of_order bytes", held.out_of_order.bytes),
                ("send_buffers", held.send_buffers.count),
                ("send_buffers bytes", held.send_buffers.bytes),
                ("replies", held.replies.count),
                ("events", held.events.count),
            ]
        };
        assert_eq!(counts(&held), counts(start));
    }

    /// Takes an event in; gives the connection that has something to do.
    fn take_event(&mut self, clock: Instant, event: Event) -> Option<usize> {
        match event {
            Event::Accepted { id, listener } => {
                assert!(self.listeners.contains(&listener), "one of our listeners");
                let app = App::new(self.server_plan, clock);
                let former = self.apps.insert(id.index(), (id, app));
                assert!(former.is_none(), "no two connections share an index");
                self.app(id).open = true;
                Some(id.index())
            }
            Event::Connected { id } => {
                self.app(id).open = true;
                Some(id.index())
            }
            Event::Readable { id } => {
                self.app(id).readable = true;
                Some(id.index())
            }
            Event::Writable { id } | Event::PeerFinished { id } => Some(id.index()),
            Event::Closed { id, reason } => {
                let (known, mut app) = self.apps.remove(&id.index()).expect("closed only once");
                assert_eq!(known, id, "the connection of that index");
                app.outcome.closed = Some(reason);
                self.outcomes.push(app.outcome);
                None
            }
        }
    }

    /// The owner's side of a connection.
    fn app(&mut self, id: ConnectionId) -> &mut App {
        let (known, app) = self.apps.get_mut(&id.index()).expect("an event of a living connection");
        assert_eq!(*known, id, "the connection of that index");
        app
    }

    /// Lets the owner of a connection act.
    fn drive(&mut self, now: Instant, index: usize) {
        let Self { engine, apps, outcomes, records, random, watch, .. } = self;
        let Some((id, app)) = apps.get_mut(&index) else { return };
        let id = *id;
        if !app.open {
            return;
        }
        read(engine, now, id, app, watch);
        if app.wants_abort() {
            engine.abort(now, id);
            watch.call(now, Call::Abort(id), engine);
            if !is_left(engine.info(now, id), app, outcomes) {
                apps.remove(&index);
            }
            return;
        }
        let source = Source { records, random };
        write(engine, now, id, app, source, watch);
        if app.wants_shutdown() {
            app.shut_down = true;
            engine.shutdown(now, id);
            watch.call(now, Call::Shutdown(id), engine);
        }
        if app.wants_to_let_go() {
            engine.close(now, id);
            watch.call(now, Call::Close(id), engine);
            app.outcome.let_go = true;
            outcomes.push(app.outcome);
            apps.remove(&index);
        }
    }
}

/// Who watches the engine.
#[derive(Default)]
struct Watch(Vec<Box<dyn Judge>>);

impl Watch {
    /// Shows what came of a step.
    fn step(&mut self, now: Instant, step: Step<'_>, engine: &Judged<Counted, Counted>) {
        for judge in &mut self.0 {
            judge.step(now, step, engine);
        }
    }

    /// Shows what came of an owner's call.
    fn call(&mut self, now: Instant, call: Call, engine: &Judged<Counted, Counted>) {
        self.step(now, Step::Call(call), engine);
    }
}

/// What an owner makes its records of.
struct Source<'a> {
    records: &'a Alive,
    random: &'a mut Random,
}

/// Whether a connection that was aborted still has an event to come. One that had ended by itself,
/// and only waited to be read, goes at once.
fn is_left(info: Option<ConnectionInfo>, app: &mut App, outcomes: &mut Vec<Outcome>) -> bool {
    if info.is_none() {
        app.outcome.let_go = true;
        outcomes.push(app.outcome);
    }
    info.is_some()
}

/// Reads as the plan has it.
fn read(
    engine: &mut Judged<Counted, Counted>,
    now: Instant,
    id: ConnectionId,
    app: &mut App,
    watch: &mut Watch,
) {
    while app.readable && now >= app.reads_at {
        match engine.recv(id) {
            Some(payload) => {
                assert!(!payload.is_empty(), "a payload holds something");
                app.take(&payload);
                engine.consumed(now, id, payload.len());
                watch.call(now, Call::Receive(id, payload.len()), engine);
                if let Reader::Paced(pause) = app.plan.reader {
                    app.reads_at = now + pause;
                }
            }
            None => app.readable = false,
        }
    }
    app.outcome.peer_finished = engine.recv_finished(id);
}

/// Queues what there is room for.
fn write(
    engine: &mut Judged<Counted, Counted>,
    now: Instant,
    id: ConnectionId,
    app: &mut App,
    Source { records, random }: Source<'_>,
    watch: &mut Watch,
) {
    while app.outcome.queued < app.plan.send_bytes {
        let room = engine.send_view(id).map_or(0, |view| view.room_bytes as u64);
        let left = app.plan.send_bytes - app.outcome.queued;
        let len = random.within(1..app.plan.buffer_max + 1).min(left).min(room);
        if len == 0 {
            return;
        }
        let bytes: Vec<u8> = (app.outcome.queued..app.outcome.queued + len).map(octet).collect();
        let bytes_len = bytes.len();
        match engine.send(now, id, records.hold(bytes)) {
            Ok(()) => {
                app.outcome.queued += len;
                watch.call(now, Call::Send(id, bytes_len), engine);
            }
            // The end of the connection is among the events that were not taken yet.
            Err(error) if error.kind == SendErrorKind::NotConnected => return,
            Err(error) => panic!("there was room: {error:?}"),
        }
    }
}

/// The two ports of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Ours; 0 is any.
    pub local: u16,
    /// The other host's.
    pub remote: u16,
}

impl Ports {
    /// Any port of ours to the one that servers listen on.
    pub const TO_SERVER: Self = Self { local: 0, remote: PORT };
}

/// The link address of a host.
fn mac(number: u8) -> MacAddress {
    MacAddress([2, 0, 0, 0, 0, number])
}

/// The address of a host.
fn address(number: u8, family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from([192, 0, 2, number]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)]),
    }
}
