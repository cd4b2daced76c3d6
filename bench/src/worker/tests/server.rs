//! A server and the way to it, in virtual time: TLS is real, everything else is arithmetic.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::tests::{Configs, Server};
use crate::seconds::Reason;
use crate::tick::Tick;
use crate::transport::{Appetite, Event, Parting, Token, Transport, TransportError};

/// To the server and back.
pub(super) const ROUND_TRIP: Duration = Duration::from_millis(1);
const ONE_WAY: Duration = Duration::from_micros(500);

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// How the server answers.
pub(super) enum Behaviour {
    /// So long after a request has come.
    Delay(Duration),
    /// At once, but for a time in which nobody is answered; then all are.
    Stall { from_second: u64, until_second: u64 },
    /// After 1 ms to `count` ms: each as often, in an order of its own.
    Delays { count: u64 },
    /// Not at all, from a second on: not even an end is answered.
    Silence { from_second: u64 },
    /// It refuses connections.
    Refusal,
    /// After 50 ms; at one of its requests somebody wants the run to stop.
    StopAt { request: u64, stop: Arc<AtomicBool> },
}

/// Something on its way.
enum Way {
    Connected(Token),
    Refused(Token),
    ToServer(Token, Vec<u8>),
    FinToServer(Token),
    ToClient(Token, Vec<u8>),
    FinToClient(Token),
}

struct Connection {
    server: Server,
    /// Plaintext of a request that is not whole.
    plain: Vec<u8>,
    /// What the client has not asked for yet; none is the end.
    inbox: VecDeque<Option<Vec<u8>>>,
    wanted: bool,
}

pub(super) struct VirtualServer {
    configs: Configs,
    behaviour: Behaviour,
    now: Tick,
    ways: BTreeMap<(Tick, u64), Way>,
    numbers: u64,
    requests: u64,
    connections: HashMap<Token, Connection>,
    ready: VecDeque<Event<Vec<u8>>>,
}

impl VirtualServer {
    pub(super) fn new(configs: Configs, behaviour: Behaviour) -> Self {
        Self {
            configs,
            behaviour,
            now: Tick::START,
            ways: BTreeMap::new(),
            numbers: 0,
            requests: 0,
            connections: HashMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Connections that the client has not let go of.
    pub(super) fn open_connections(&self) -> usize {
        self.connections.len()
    }

    fn later(&mut self, at: Tick, way: Way) {
        self.numbers += 1;
        self.ways.insert((at, self.numbers), way);
    }

    fn is_silent(&self) -> bool {
        let Behaviour::Silence { from_second } = self.behaviour else { return false };
        self.now >= Tick::START + Duration::from_secs(from_second)
    }

    /// When the answer to a request leaves that has just come; none: never.
    fn answer_at(&mut self) -> Option<Tick> {
        self.requests += 1;
        let second = |number| Tick::START + Duration::from_secs(number);
        Some(match &self.behaviour {
            Behaviour::Delay(delay) => self.now + *delay,
            Behaviour::Stall { from_second, until_second } => {
                let stalled = self.now >= second(*from_second) && self.now < second(*until_second);
                if stalled { second(*until_second) } else { self.now }
            }
            Behaviour::Delays { count } => {
                self.now + Duration::from_millis(self.requests * 7919 % count + 1)
            }
            Behaviour::Silence { .. } if self.is_silent() => return None,
            Behaviour::Silence { .. } | Behaviour::Refusal => self.now,
            Behaviour::StopAt { request, stop } => {
                stop.fetch_or(self.requests == *request, Ordering::Relaxed);
                self.now + Duration::from_millis(50)
            }
        })
    }

    fn arrive(&mut self, way: Way) {
        let (now, silent) = (self.now, self.is_silent());
        match way {
            Way::Connected(token) => self.ready.push_back(Event::Connected(token)),
            Way::Refused(token) => self.ready.push_back(Event::Failed(token, Reason::Refused)),
            Way::ToServer(token, bytes) => self.serve(token, bytes),
            Way::FinToServer(token) if !silent => {
                self.later(now + ONE_WAY, Way::FinToClient(token))
            }
            Way::FinToServer(_) => {}
            Way::ToClient(token, bytes) => self.bring(token, Some(bytes)),
            Way::FinToClient(token) => self.bring(token, None),
        }
    }

    fn serve(&mut self, token: Token, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut out = Vec::new();
        connection.plain.extend(connection.server.take(bytes, &mut out));
        let ends = connection.plain.windows(4).filter(|end| end == b"\r\n\r\n").count();
        if ends > 0 {
            connection.plain.clear();
        }
        if !out.is_empty() {
            self.later(self.now + ONE_WAY, Way::ToClient(token, out));
        }
        for _ in 0..ends {
            let Some(at) = self.answer_at() else { return };
            let Some(connection) = self.connections.get_mut(&token) else { return };
            let answer = connection.server.seal(ANSWER);
            self.later(at + ONE_WAY, Way::ToClient(token, answer));
        }
    }

    fn bring(&mut self, token: Token, what: Option<Vec<u8>>) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.inbox.push_back(what);
            self.deliver(token);
        }
    }

    fn deliver(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if !connection.wanted {
            return;
        }
        let Some(what) = connection.inbox.pop_front() else { return };
        connection.wanted = false;
        self.ready.push_back(match what {
            Some(bytes) => Event::Received(token, bytes),
            None => Event::Ended(token),
        });
    }
}

impl Transport for VirtualServer {
    type Bytes = Vec<u8>;

    fn now(&self) -> Tick {
        self.now
    }

    /// What is under way stays so.
    fn start(&mut self) {
        let earlier = self.now.0;
        let moved = std::mem::take(&mut self.ways).into_iter();
        self.ways =
            moved.map(|((at, number), way)| ((Tick(at.0 - earlier), number), way)).collect();
        self.now = Tick::START;
    }

    fn connect(&mut self, token: Token, _: SocketAddr) -> Result<(), Reason> {
        let connection = Connection {
            server: Server::new(&self.configs),
            plain: Vec::new(),
            inbox: VecDeque::new(),
            wanted: false,
        };
        self.connections.insert(token, connection);
        let way = match self.behaviour {
            Behaviour::Refusal => Way::Refused(token),
            _ => Way::Connected(token),
        };
        self.later(self.now + ROUND_TRIP, way);
        Ok(())
    }

    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        self.later(self.now + ONE_WAY, Way::ToServer(token, bytes));
        self.ready.push_back(Event::Sent(token));
    }

    fn finish(&mut self, token: Token) {
        self.later(self.now + ONE_WAY, Way::FinToServer(token));
    }

    fn receive(&mut self, token: Token, _: Appetite) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.wanted = true;
            self.deliver(token);
        }
    }

    fn part(&mut self, token: Token, _: Parting) {
        self.connections.remove(&token);
    }

    fn turn(&mut self, wait: Duration) -> Result<(), TransportError> {
        let until = self.now + wait;
        while let Some((&(at, number), _)) =
            self.ways.first_key_value().filter(|(key, _)| key.0 <= until)
        {
            if at > self.now && !self.ready.is_empty() {
                return Ok(());
            }
            self.now = at;
            if let Some(way) = self.ways.remove(&(at, number)) {
                self.arrive(way);
            }
        }
        if self.ready.is_empty() {
            self.now = until;
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Event<Vec<u8>>> {
        self.ready.pop_front()
    }

    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn drops(&self) -> u64 {
        0
    }
}
