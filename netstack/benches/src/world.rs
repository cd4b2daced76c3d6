//! The engine with very many peers.

use std::net::SocketAddr;

use netstack::{
    ChecksumPolicy, Config, ConnectionId, Engine, Event, Instant, Interface, Keepalive, Limits,
    Link, Listen, MacAddress, Payload, PayloadParts, Span, Train, Transmitted, Verdict,
};

use crate::BATCH;
use crate::frames::{HOST, HOST_MAC, Options, PORT, Writer, addressed};
use crate::peers::Peers;

/// What the peers' segments carry as a TCP checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// The right one, which is verified.
    Full,
    /// The pseudo-header's sum alone, as on a virtual link: there is nothing to verify.
    Partial,
}

/// How a link takes trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As frames, checksums included.
    Frames,
    /// As super-frames of which only the headers are written.
    Super,
}

/// What a [`World`] is like.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Connections.
    pub connections: u32,
    /// Checksums of what comes in.
    pub checksums: Checksums,
    /// Options of what comes in.
    pub options: Options,
    /// How what goes out is taken.
    pub cut: Cut,
    /// Whether each connection has a timer for its keepalive.
    pub keepalive: Option<Keepalive>,
}

impl Setup {
    /// So many connections, full checksums, no options, frames, no keepalive.
    #[must_use]
    pub const fn new(connections: u32) -> Self {
        let (checksums, options) = (Checksums::Full, Options::None);
        Self { connections, checksums, options, cut: Cut::Frames, keepalive: None }
    }
}

/// An engine whose connections are established.
pub struct World {
    engine: Engine<Vec<u8>, &'static [u8]>,
    now: Instant,
    pub(crate) peers: Peers,
    ids: Vec<Option<ConnectionId>>,
    link: Sink,
    /// Frames that the engine is to take.
    pub(crate) inbox: Vec<Vec<u8>>,
    /// Connections that are to send.
    outbox: Vec<ConnectionId>,
    /// Peers that are to acknowledge.
    unacked: Vec<u32>,
    /// Peers without a connection.
    strangers: core::iter::Cycle<core::ops::Range<u32>>,
}

/// The link: writes and forgets.
struct Sink {
    cut: Cut,
    frame: [u8; 2048],
    /// Whom the last segments went to, and their sequence numbers.
    answers: Vec<(u32, u32)>,
    /// Whether that is noted.
    notes: bool,
}

impl Link for Sink {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let written = match self.cut {
            Cut::Frames => train.write_segment(0, &mut self.frame),
            Cut::Super => train.write_super_header(&mut self.frame),
        };
        written.expect("a segment fits");
        if self.notes {
            self.answers.push(addressed(&self.frame));
        }
        train.segments()
    }
}

/// What connections send.
static DATA: [u8; 1_460] = [0x5a; 1_460];
/// Peers beside those with a connection, for whole lives.
const STRANGERS: u32 = 1 << 14;

impl World {
    /// An engine with established connections.
    ///
    /// # Panics
    /// The engine refuses a connection.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { connections, checksums, options, cut, keepalive } = setup;
        let now = Instant::from_millis(1_000);
        let mut interface = Interface::new(MacAddress(HOST_MAC), HOST.into(), 24);
        interface.checksum = match checksums {
            Checksums::Full => ChecksumPolicy::Verify,
            Checksums::Partial => ChecksumPolicy::VerifyOrPartial,
        };
        let mut config = Config::new(interface, [7; 32]);
        config.tcp.keepalive = keepalive;
        let many = connections + STRANGERS;
        config.limits = Limits { connections_max: many, half_open_max: many, ..Limits::default() };
        let mut engine = Engine::new(config, now).expect("a right configuration");
        let mut listen = Listen::new(SocketAddr::new(HOST.into(), PORT));
        listen.half_open_max = many;
        engine.listen(listen).expect("nobody listens yet");
        let peers = Peers::new(many, connections, Writer { options, checksums, ts_value: 1 });
        let mut world = Self {
            engine,
            now,
            peers,
            ids: vec![None; many as usize],
            link: Sink { cut, frame: [0; 2048], answers: Vec::new(), notes: false },
            inbox: Vec::new(),
            outbox: Vec::new(),
            unacked: Vec::new(),
            strangers: (connections..many).cycle(),
        };
        for first in (0..connections).step_by(BATCH) {
            let peers: Vec<u32> = (first..connections).take(BATCH).collect();
            world.open(&peers);
        }
        world
    }

    /// Opens a connection for each of these peers.
    fn open(&mut self, peers: &[u32]) {
        self.prepare_syns(peers);
        self.take();
        self.answer();
        self.prepare_last_acks(peers);
        self.take();
        self.answer();
        self.accept();
        self.pass(Span::from_micros(10));
    }

    /// Lets time pass, and does what is due.
    pub fn pass(&mut self, span: Span) {
        self.now += span;
        while self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now);
            self.answer();
        }
    }

    /// A data segment from each of the next peers is about to come in.
    pub fn prepare_data(&mut self, count: usize) {
        for peer in self.peers.next(count) {
            let frame = self.peers.data(peer);
            self.inbox.push(frame);
        }
    }

    /// The engine takes what is about to come in.
    pub fn take(&mut self) {
        self.engine.look_ahead(self.inbox.iter().map(Vec::as_slice));
        for frame in self.inbox.drain(..) {
            if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(self.now, frame) {
                self.engine.handle_unclaimed(self.now, unclaimed.frame);
            }
        }
    }

    /// The owner reads what was received, and gives the window back.
    pub fn read(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            let Event::Readable { id } = event else { continue };
            while let Some(payload) = self.engine.recv(id) {
                self.engine.consumed(self.now, id, payload.len());
                self.peers.give_back(memory(payload));
            }
        }
    }

    /// What is due goes out.
    ///
    /// # Panics
    /// The link is full, which it never is.
    pub fn answer(&mut self) {
        let transmitted = self.engine.poll_transmit(self.now, &mut self.link);
        assert_eq!(transmitted, Transmitted::Done);
    }

    /// The connections of the next peers are about to send a segment each.
    pub fn prepare_send(&mut self, count: usize) {
        for peer in self.peers.next(count) {
            self.unacked.push(peer);
            self.outbox.extend(self.ids[peer as usize]);
        }
    }

    /// They do.
    ///
    /// # Panics
    /// There is no room.
    pub fn send(&mut self) {
        for id in self.outbox.drain(..) {
            self.engine.send(self.now, id, &DATA).expect("there is room");
            let transmitted = self.engine.poll_transmit(self.now, &mut self.link);
            assert_eq!(transmitted, Transmitted::Done);
        }
    }

    /// What was sent is about to be acknowledged, each segment by an ACK of its own.
    pub fn prepare_acks(&mut self) {
        for peer in core::mem::take(&mut self.unacked) {
            let frame = self.peers.ack(peer, DATA.len());
            self.inbox.push(frame);
        }
    }

    /// The owner does not care what has happened.
    pub fn forget_events(&mut self) {
        while self.engine.poll_event().is_some() {}
    }

    /// Peers that are not connected: the next of a few thousand, who come again.
    pub fn strangers(&mut self, count: usize) -> Vec<u32> {
        self.strangers.by_ref().take(count).collect()
    }

    /// SYNs are about to come in.
    pub fn prepare_syns(&mut self, peers: &[u32]) {
        for &peer in peers {
            let frame = self.peers.syn(peer);
            self.inbox.push(frame);
        }
        self.link.notes = true;
        self.link.answers.clear();
    }

    /// The last ACKs of handshakes are about to come in: the SYN-ACKs have gone out.
    pub fn prepare_last_acks(&mut self, peers: &[u32]) {
        self.link.notes = false;
        for &(peer, seq) in &self.link.answers {
            self.peers.answered(peer, seq);
        }
        for &peer in peers {
            let frame = self.peers.ack(peer, 0);
            self.inbox.push(frame);
        }
    }

    /// The owner learns of connections that were accepted.
    pub fn accept(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            let Event::Accepted { id, .. } = event else { continue };
            let info = self.engine.info(self.now, id).expect("it is there");
            let std::net::IpAddr::V4(remote) = info.remote.ip() else { continue };
            let peer = u32::from(remote) - 0x0a00_0000;
            self.ids[peer as usize] = Some(id);
        }
    }

    /// FINs are about to come in.
    pub fn prepare_fins(&mut self, peers: &[u32]) {
        for &peer in peers {
            let frame = self.peers.fin(peer);
            self.inbox.push(frame);
        }
        self.outbox.extend(peers.iter().filter_map(|&peer| self.ids[peer as usize]));
    }

    /// The owner ends what its peers have ended.
    pub fn close(&mut self) {
        self.forget_events();
        for id in self.outbox.drain(..) {
            self.engine.close(self.now, id);
        }
    }

    /// The last ACKs of connections are about to come in.
    pub fn prepare_closing_acks(&mut self, peers: &[u32]) {
        for &peer in peers {
            let frame = self.peers.ack(peer, 1);
            self.inbox.push(frame);
            self.ids[peer as usize] = None;
        }
    }

    /// One look at the timers.
    pub fn tick(&mut self) -> Option<Instant> {
        self.now += Span::from_micros(20);
        self.engine.handle_timeout(self.now);
        self.engine.poll_timeout()
    }

    /// Connections that there are.
    #[must_use]
    pub const fn connections(&self) -> usize {
        self.engine.unfinished()
    }
}

/// The frame of a payload.
fn memory(payload: Payload<Vec<u8>>) -> Vec<u8> {
    match payload.into_parts() {
        PayloadParts::Frame(frame, _) => frame,
        PayloadParts::Copied(bytes) => bytes,
    }
}
