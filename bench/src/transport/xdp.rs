//! weir's own stack over AF_XDP: neither descriptors nor ports are a limit.
//!
//! The harness owns its source addresses: it answers for them by ARP and neighbour discovery, beside the
//! kernel, which knows nothing of them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use netstack::{
    AddressOwner, ChecksumPolicy, CloseReason, Connect, ConnectError, ConnectionId, Engine,
    Interface, Limits, Link, MacAddress, Payload, SendErrorKind, Span, TcpConfig, Train,
    Transmitted, Verdict,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use xdp::{Attach, Destination, Filter, Frame, Program, Queue, QueueConfig};

use super::source::common_prefix;
use super::{Appetite, Event, Parting, Token, Transport, TransportError};
use crate::seconds::Reason;
use crate::tick::Tick;

/// Frames taken from the ring in one turn.
const RECEIVE_BATCH: usize = 256;

/// How long a link without room is left alone.
const FULL: Duration = Duration::from_micros(20);

/// Connections beyond those asked for: closing ones.
const CLOSING_MORE: u32 = 4096;

/// Where a load over AF_XDP leaves from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct XdpPlan {
    pub(crate) interface: String,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) gateway: Option<IpAddr>,
}

/// The stack of one worker.
pub(crate) struct XdpTransport {
    // In the order in which they have to go: frames before their queue, the queue before the program.
    ready: VecDeque<Event<Payload<Frame>>>,
    engine: Engine<Frame, Vec<u8>>,
    queue: Queue,
    _program: Program,
    opens: Vec<Option<Open>>,
    /// Tokens by the engine's numbers of connections.
    tokens: Vec<Option<(ConnectionId, Token)>>,
    sources: Vec<IpAddr>,
    next_source: usize,
    /// The engine's clock, which never starts anew.
    engine_clock: Instant,
    clock: Instant,
    now: Tick,
    at: netstack::Instant,
    transmitted: Transmitted,
}

/// One connection.
struct Open {
    generation: u32,
    id: ConnectionId,
    wanted: Wanted,
    /// What the engine had no room for.
    unsent: VecDeque<Vec<u8>>,
    /// Our direction ends behind that.
    finishing: bool,
    /// The server's end was told.
    ended: bool,
}

/// Has the worker asked for what comes next?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    Yes,
    No,
}

impl XdpTransport {
    /// For so many connections at once to `target`.
    pub(crate) fn new(
        plan: &XdpPlan,
        target: SocketAddr,
        connections: u32,
    ) -> Result<Self, TransportError> {
        let interface = &plan.interface;
        let mut filter = Filter::default();
        for source in &plan.sources {
            filter = filter.with_destination(Destination::new(*source, 0)).with_owned(*source);
        }
        let refused = |what: String| {
            let text =
                format!("AF_XDP on {interface}: {what}; --transport kernel needs no privileges");
            TransportError(text)
        };
        let program = Program::attach(interface, &filter, Attach::Auto)
            .map_err(|error| refused(error.to_string()))?;
        let queue = Queue::open(interface, 0, &QueueConfig::default())
            .map_err(|error| refused(error.to_string()))?;
        if queue.link().rx_queues != 1 {
            let queues = queue.link().rx_queues;
            return Err(refused(format!(
                "it has {queues} receive queues, and answers would come to any of them: ethtool -L \
                 {interface} combined 1"
            )));
        }
        program.register(&queue).map_err(|error| refused(error.to_string()))?;
        let at = netstack::Instant::ORIGIN;
        let config = engine_config(plan, target, connections, &queue).map_err(refused)?;
        let engine = Engine::new(config, at).map_err(|error| refused(error.to_string()))?;
        let clock = Instant::now();
        Ok(Self {
            ready: VecDeque::new(),
            engine,
            queue,
            _program: program,
            opens: Vec::new(),
            tokens: Vec::new(),
            sources: plan.sources.clone(),
            next_source: 0,
            engine_clock: clock,
            clock,
            now: Tick::START,
            at,
            transmitted: Transmitted::Done,
        })
    }

    fn open(&mut self, token: Token) -> Option<&mut Open> {
        let open = self.opens.get_mut(token.index as usize)?.as_mut()?;
        (open.generation == token.generation).then_some(open)
    }

    fn token_of(&self, id: ConnectionId) -> Option<Token> {
        let (of, token) = self.tokens.get(id.index()).copied().flatten()?;
        (of == id).then_some(token)
    }

    fn forget(&mut self, token: Token) -> Option<Open> {
        self.open(token)?;
        let open = self.opens.get_mut(token.index as usize)?.take()?;
        if let Some(entry) = self.tokens.get_mut(open.id.index()) {
            *entry = None;
        }
        Some(open)
    }

    /// Hands out what has come, if it was asked for.
    fn deliver(&mut self, token: Token) {
        let Self { opens, engine, ready, at, .. } = self;
        let open = opens.get_mut(token.index as usize).and_then(Option::as_mut);
        let Some(open) = open.filter(|open| open.generation == token.generation) else { return };
        if open.wanted == Wanted::No {
            return;
        }
        if let Some(payload) = engine.recv(open.id) {
            engine.consumed(*at, open.id, payload.len());
            open.wanted = Wanted::No;
            ready.push_back(Event::Received(token, payload));
        } else if !open.ended && engine.recv_finished(open.id) {
            open.ended = true;
            open.wanted = Wanted::No;
            ready.push_back(Event::Ended(token));
        }
    }

    /// Gives the engine what waits, as far as there is room.
    fn push(&mut self, token: Token) {
        let Self { opens, engine, ready, at, .. } = self;
        let open = opens.get_mut(token.index as usize).and_then(Option::as_mut);
        let Some(open) = open.filter(|open| open.generation == token.generation) else { return };
        while let Some(bytes) = open.unsent.pop_front() {
            if let Err(refused) = engine.send(*at, open.id, bytes)
                && refused.kind == SendErrorKind::Full
            {
                open.unsent.push_front(refused.buffer);
                return;
            }
        }
        ready.push_back(Event::Sent(token));
        if std::mem::take(&mut open.finishing) {
            engine.shutdown(*at, open.id);
        }
    }

    fn on_event(&mut self, event: netstack::Event) {
        let id = event.id();
        let Some(token) = self.token_of(id) else { return };
        match event {
            netstack::Event::Connected { .. } => self.ready.push_back(Event::Connected(token)),
            netstack::Event::Readable { .. } | netstack::Event::PeerFinished { .. } => {
                self.deliver(token);
            }
            netstack::Event::Writable { .. } => self.push(token),
            netstack::Event::Closed { reason, .. } => {
                let ended = self.forget(token).is_some_and(|open| open.ended);
                match of_close(reason) {
                    Some(reason) => self.ready.push_back(Event::Failed(token, reason)),
                    None if !ended => self.ready.push_back(Event::Ended(token)),
                    None => {}
                }
            }
            netstack::Event::Accepted { .. } => self.engine.abort(self.at, id),
        }
    }

    fn transmit(&mut self) -> Result<(), TransportError> {
        self.transmitted = self.engine.poll_transmit(self.at, &mut Ring(&mut self.queue));
        self.queue.flush().map_err(|error| TransportError(format!("the link: {error}")))
    }

    fn wait(&self, wait: Duration) -> Result<(), TransportError> {
        let mut wait = wait;
        if let Some(due) = self.engine.poll_timeout() {
            wait = wait.min(Duration::from_nanos(due.since(self.at).as_nanos()));
        }
        if self.transmitted == Transmitted::LinkFull || self.queue.unsent() > 0 {
            wait = wait.min(FULL);
        }
        if wait.is_zero() || !self.ready.is_empty() || self.queue.receivable() > 0 {
            return Ok(());
        }
        let mut events = [PollFd::from_borrowed_fd(self.queue.fd(), PollFlags::IN)];
        let wait = Timespec::try_from(wait).ok();
        match poll(&mut events, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(TransportError(format!("waiting for frames: {error}"))),
        }
    }
}

impl Transport for XdpTransport {
    type Bytes = Payload<Frame>;

    fn now(&self) -> Tick {
        self.now
    }

    fn start(&mut self) {
        self.clock = Instant::now();
        self.now = Tick::START;
    }

    fn connect(&mut self, token: Token, to: SocketAddr) -> Result<(), Reason> {
        let mut result = Err(ConnectError::NoFreePort);
        // A port that is in use at one address is free at another.
        for _ in 0..self.sources.len() {
            let source = self.sources.get(self.next_source).copied();
            self.next_source = (self.next_source + 1) % self.sources.len().max(1);
            let Some(source) = source else { break };
            let connect = Connect { local: SocketAddr::new(source, 0), remote: to };
            result = self.engine.connect(self.at, connect);
            if !matches!(result, Err(ConnectError::NoFreePort)) {
                break;
            }
        }
        let id = result.map_err(|error| match error {
            ConnectError::InUse | ConnectError::TooManyConnections | ConnectError::NoFreePort => {
                Reason::Shortage
            }
            ConnectError::AddressNotOurs | ConnectError::BadRemote | ConnectError::NoRoute => {
                Reason::Unreachable
            }
        })?;
        let index = token.index as usize;
        if self.opens.len() <= index {
            self.opens.resize_with(index + 1, || None);
        }
        if self.tokens.len() <= id.index() {
            self.tokens.resize(id.index() + 1, None);
        }
        self.tokens[id.index()] = Some((id, token));
        self.opens[index] = Some(Open {
            generation: token.generation,
            id,
            wanted: Wanted::No,
            unsent: VecDeque::new(),
            finishing: false,
            ended: false,
        });
        Ok(())
    }

    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        if let Some(open) = self.open(token) {
            open.unsent.push_back(bytes);
            self.push(token);
        }
    }

    fn finish(&mut self, token: Token) {
        let at = self.at;
        let Some(open) = self.open(token) else { return };
        if open.unsent.is_empty() {
            let id = open.id;
            self.engine.shutdown(at, id);
        } else {
            open.finishing = true;
        }
    }

    fn receive(&mut self, token: Token, _: Appetite) {
        if let Some(open) = self.open(token) {
            open.wanted = Wanted::Yes;
            self.deliver(token);
        }
    }

    fn part(&mut self, token: Token, parting: Parting) {
        let Some(open) = self.forget(token) else { return };
        match parting {
            Parting::Close => {
                while self.engine.recv(open.id).is_some() {}
                self.engine.close(self.at, open.id);
            }
            Parting::Reset => self.engine.abort(self.at, open.id),
        }
    }

    fn turn(&mut self, wait: Duration) -> Result<(), TransportError> {
        self.transmit()?;
        self.wait(wait)?;
        self.now = Tick::from(self.clock.elapsed());
        self.at = netstack::Instant::ORIGIN + Span::from(self.engine_clock.elapsed());
        let (engine, at) = (&mut self.engine, self.at);
        self.queue.receive(RECEIVE_BATCH, &mut |frame| {
            if let Verdict::Unclaimed(unclaimed) = engine.handle_frame(at, frame) {
                engine.handle_unclaimed(at, unclaimed.frame);
            }
        });
        if engine.poll_timeout().is_some_and(|due| due <= at) {
            engine.handle_timeout(at);
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Event<Payload<Frame>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let event = self.engine.poll_event()?;
            self.on_event(event);
        }
    }

    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn drops(&self) -> u64 {
        self.queue.stats().map_or(0, |stats| stats.rx_dropped + stats.rx_ring_full)
    }
}

/// The transmit ring, a frame for each segment: what a client sends is short.
struct Ring<'a>(&'a mut Queue);

impl Link for Ring<'_> {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let queue = &mut *self.0;
        let mut one = |index| {
            let mut frame = queue.alloc()?;
            let length = train.write_segment(index, &mut frame)?;
            frame.set_len(length);
            queue.transmit(frame).ok()
        };
        (0..train.segments()).take_while(|&index| one(index).is_some()).count()
    }
}

fn engine_config(
    plan: &XdpPlan,
    target: SocketAddr,
    connections: u32,
    queue: &Queue,
) -> Result<netstack::Config, String> {
    let facts = queue.link();
    let next_hop = plan.gateway.unwrap_or_else(|| target.ip());
    let address = |source: &IpAddr| {
        let prefix = common_prefix(*source, next_hop);
        let prefix =
            prefix.ok_or_else(|| format!("{source} and {next_hop} are of different families"))?;
        Ok((*source, prefix))
    };
    let (mut gateway_v4, mut gateway_v6): (Option<Ipv4Addr>, Option<Ipv6Addr>) = (None, None);
    match plan.gateway {
        Some(IpAddr::V4(gateway)) => gateway_v4 = Some(gateway),
        Some(IpAddr::V6(gateway)) => gateway_v6 = Some(gateway),
        None => {}
    }
    let interface = Interface {
        mac: MacAddress(facts.mac.ok_or("it has no Ethernet address")?),
        mtu_bytes: u16::try_from(facts.mtu_bytes).unwrap_or(u16::MAX),
        addresses: plan.sources.iter().map(address).collect::<Result<_, String>>()?,
        gateway_v4,
        gateway_v6,
        owner: AddressOwner::Engine,
        // A kernel at the other end of a veth pair leaves checksums to be filled in.
        checksum: ChecksumPolicy::VerifyOrPartial,
    };
    let most = connections.saturating_add(CLOSING_MORE);
    let limits =
        Limits { connections_max: most, time_wait_max: most.max(1 << 16), ..Limits::default() };
    let mut seed = [0; 32];
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| format!("random bytes: {error}"))?;
    Ok(netstack::Config { interface, tcp: TcpConfig::default(), limits, seed })
}

/// What the end of a connection counts as; none if both sides had finished.
fn of_close(reason: CloseReason) -> Option<Reason> {
    match reason {
        CloseReason::Finished => None,
        CloseReason::Refused => Some(Reason::Refused),
        CloseReason::HandshakeTimeout
        | CloseReason::UserTimeout
        | CloseReason::KeepaliveTimeout
        | CloseReason::CloseTimeout => Some(Reason::Timeout),
        CloseReason::Unreachable => Some(Reason::Unreachable),
        CloseReason::ResetByPeer | CloseReason::Aborted | CloseReason::Internal => {
            Some(Reason::Reset)
        }
    }
}
