//! A host in memory: sockets over the engine, in virtual time.
//!
//! Nothing here waits. A call that would block says so ([`Attempt::Wait`]) and is tried again when
//! time or the network has moved on; who calls decides whether that is a loop or a second thread.

mod call;
mod link;
mod options;
mod socket;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use netstack::{
    CloseReason, ConfigError, ConnectionId, ConnectionInfo, Counters, Engine, Event, Instant,
    ListenerId, Verdict,
};

pub use call::{Answer, Attempt, Call};
pub use options::{Blocking, Linger, Opt, OptValue};
pub use socket::{Half, Readiness, SocketId};

use crate::flags::{HostConfig, PEER_MAC};
use link::Sniffer;
use socket::Socket;

/// A packet that left the host.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// The IP packet.
    pub packet: Vec<u8>,
}

/// What the engine queues for sending.
type Tcp = Engine<Vec<u8>, Vec<u8>>;

/// A host. See the [module's page](self).
pub struct Host {
    config: HostConfig,
    engine: Tcp,
    now: Instant,
    /// Packets that left and nobody has looked at.
    sent: VecDeque<Sent>,
    sockets: BTreeMap<SocketId, Socket>,
    next_socket: u32,
    by_connection: BTreeMap<ConnectionId, SocketId>,
    by_listener: BTreeMap<usize, SocketId>,
}

impl Host {
    /// A host without sockets, its clock at `now`.
    ///
    /// # Errors
    /// The engine can't run with `config`.
    pub fn new(config: HostConfig, now: Instant) -> Result<Self, ConfigError> {
        let mut engine = Tcp::new(config.engine.clone(), now)?;
        let interface = &config.engine.interface;
        let gateways = [
            interface.gateway_v4.map(IpAddr::V4),
            interface.gateway_v6.map(IpAddr::V6),
            Some(config.remote),
        ];
        for gateway in gateways.into_iter().flatten() {
            engine.set_neighbor(gateway, PEER_MAC);
        }
        Ok(Self {
            config,
            engine,
            now,
            sent: VecDeque::new(),
            sockets: BTreeMap::new(),
            next_socket: 0,
            by_connection: BTreeMap::new(),
            by_listener: BTreeMap::new(),
        })
    }

    /// What the host was made from.
    #[must_use]
    pub const fn config(&self) -> &HostConfig {
        &self.config
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// What the engine has counted.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// Lets time pass up to `end`, each timer at its time.
    pub fn advance(&mut self, end: Instant) {
        while self.step(end) {}
        self.now = self.now.max(end);
        self.turn();
    }

    /// Lets time pass until a packet leaves, at most up to `end`. What left before and nobody has
    /// taken counts too, and takes no time.
    pub fn advance_to_packet(&mut self, end: Instant) {
        while self.sent.is_empty() && self.step(end) {}
        if self.sent.is_empty() {
            self.advance(end);
        }
    }

    /// Runs the next timer that is due by `end`; false if there is none.
    pub fn step(&mut self, end: Instant) -> bool {
        let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) else { return false };
        self.now = self.now.max(at);
        self.engine.handle_timeout(self.now);
        self.turn();
        true
    }

    /// Takes an IP packet from the network.
    pub fn inject(&mut self, packet: &[u8]) {
        let frame = link::to_frame(packet);
        if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(self.now, frame) {
            self.engine.handle_unclaimed(self.now, unclaimed.frame);
        }
        self.turn();
    }

    /// Whether a packet has left that nobody has taken.
    #[must_use]
    pub fn has_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    /// The next packet that left.
    pub fn sniff(&mut self) -> Option<Sent> {
        self.sent.pop_front()
    }

    /// Takes events and sends what is due, until there is no more of either.
    fn turn(&mut self) {
        loop {
            let mut idle = true;
            while let Some(event) = self.engine.poll_event() {
                idle = false;
                self.on_event(event);
            }
            let before = self.sent.len();
            let order = self.config.option_order;
            let mut sniffer = Sniffer { now: self.now, order, sent: &mut self.sent };
            // The sniffer is never full.
            let _done: netstack::Transmitted = self.engine.poll_transmit(self.now, &mut sniffer);
            if idle && self.sent.len() == before {
                return;
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { id, listener } => self.on_accepted(id, listener),
            Event::Connected { id } => {
                if let Some(stream) = self.stream_of(id) {
                    stream.open = socket::Open::Yes;
                }
            }
            Event::Closed { id, reason } => self.on_closed(id, reason),
            // Calls look for themselves.
            Event::Readable { .. } | Event::PeerFinished { .. } | Event::Writable { .. } => {}
        }
    }

    fn on_accepted(&mut self, id: ConnectionId, listener: ListenerId) {
        let Some(&listening) = self.by_listener.get(&listener.index()) else {
            self.engine.abort(self.now, id);
            return;
        };
        let accepted = self.add_socket(Socket::accepted(id));
        self.by_connection.insert(id, accepted);
        if let Some(ready) = self.sockets.get_mut(&listening).and_then(Socket::ready_queue) {
            ready.push_back(accepted);
        }
    }

    fn on_closed(&mut self, id: ConnectionId, reason: CloseReason) {
        if let Some(stream) = self.stream_of(id) {
            stream.end(reason);
        }
        self.by_connection.remove(&id);
    }

    fn stream_of(&mut self, id: ConnectionId) -> Option<&mut socket::Stream> {
        let socket = self.by_connection.get(&id)?;
        self.sockets.get_mut(socket)?.stream_mut()
    }

    /// Makes a socket.
    pub fn socket(&mut self) -> SocketId {
        self.add_socket(Socket::fresh())
    }

    fn add_socket(&mut self, socket: Socket) -> SocketId {
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        self.sockets.insert(id, socket);
        id
    }

    /// What the engine says of a socket's connection; `None` if there is none, or it has ended.
    #[must_use]
    pub fn info(&self, socket: SocketId) -> Option<ConnectionInfo> {
        let id = self.sockets.get(&socket)?.connection()?;
        self.engine.info(self.now, id)
    }

    /// The two ends of a socket's connection.
    #[must_use]
    pub fn ends(&self, socket: SocketId) -> Option<(SocketAddr, SocketAddr)> {
        let stream = self.sockets.get(&socket)?.stream()?;
        stream.ends.or_else(|| self.info(socket).map(|info| (info.local, info.remote)))
    }
}
