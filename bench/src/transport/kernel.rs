//! Kernel sockets, by io_uring.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use weir_io::{
    Address, Class, Completion, ConnectError, Entries, OperationError, PeerError, PoolConfig, Ring,
    RingConfig, Socket,
};

use super::{Appetite, Event, Parting, Token, Transport, TransportError};
use crate::seconds::Reason;
use crate::tick::Tick;

/// Buffers to send from that are kept for the next time.
const SPARE_MAX: usize = 1024;

/// Operations that one connection may have in flight: a receive, a connect or a shutdown, and sends.
const OPERATIONS_PER_CONNECTION: u32 = 4;

/// Most connections of one worker: a ring names its operations with so many numbers.
pub(crate) const CONNECTIONS_MAX: u32 = 32_768 / OPERATIONS_PER_CONNECTION - 1;

/// Kernel sockets of one worker.
#[derive(Debug)]
pub(crate) struct KernelTransport {
    clock: Instant,
    now: Tick,
    ring: RingOfVecs,
    sockets: Vec<Option<Open>>,
    /// Receives that found no buffer.
    starved: Vec<(Token, Class)>,
    no_buffers: u64,
    spare: Vec<Vec<u8>>,
}

/// The ring, which has nothing to say in a debug format.
struct RingOfVecs(Ring<Vec<u8>>);

impl std::fmt::Debug for RingOfVecs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Open {
    generation: u32,
    socket: Socket,
    /// Sends in flight.
    sends: u32,
}

impl KernelTransport {
    /// For so many connections at once, closing ones included.
    pub(crate) fn new(connections: u32) -> Result<Self, TransportError> {
        let operations = connections.saturating_add(1).saturating_mul(OPERATIONS_PER_CONNECTION);
        let config = RingConfig {
            // Those that close are more than those that are open, where each serves one request.
            operations_max: operations.clamp(4096, 32_768),
            submissions: 1024,
            pool: PoolConfig {
                entries: Entries { small: 4096, medium: 1, large: 4096 },
                ..PoolConfig::default()
            },
            ..RingConfig::default()
        };
        let ring = Ring::new(&config)
            .map_err(|error| TransportError(format!("io_uring for kernel sockets: {error}")))?;
        Ok(Self {
            clock: Instant::now(),
            now: Tick::START,
            ring: RingOfVecs(ring),
            sockets: Vec::new(),
            starved: Vec::new(),
            no_buffers: 0,
            spare: Vec::new(),
        })
    }

    fn open(&mut self, token: Token) -> Option<&mut Open> {
        let open = self.sockets.get_mut(token.index as usize)?.as_mut()?;
        (open.generation == token.generation).then_some(open)
    }

    fn arm(&mut self, token: Token, class: Class) {
        let Self { ring, sockets, .. } = self;
        let open = sockets.get(token.index as usize).and_then(Option::as_ref);
        if let Some(open) = open.filter(|open| open.generation == token.generation) {
            // Armed already, or no slot: the slots were counted for all connections.
            drop(ring.0.recv(&open.socket, class, token.to_bits()));
        }
    }

    fn event(&mut self, completion: Completion<Vec<u8>>) -> Option<Event<weir_io::RecordBuffer>> {
        match completion {
            Completion::Connected { token, result } => {
                let token = Token::from_bits(token);
                self.open(token)?;
                Some(match result {
                    Ok(()) => Event::Connected(token),
                    Err(error) => Event::Failed(token, of_connect(&error)),
                })
            }
            Completion::Sent { token, mut data, result } => {
                if self.spare.len() < SPARE_MAX {
                    data.clear();
                    self.spare.push(data);
                }
                let token = Token::from_bits(token);
                let open = self.open(token)?;
                open.sends = open.sends.saturating_sub(1);
                match result {
                    Ok(_) => (open.sends == 0).then_some(Event::Sent(token)),
                    // What the server said last may still be read, and says more.
                    Err(_) => None,
                }
            }
            Completion::Received { token, result } => {
                let token = Token::from_bits(token);
                self.open(token)?;
                Some(match result {
                    Ok(Some(bytes)) => Event::Received(token, bytes),
                    Ok(None) => Event::Ended(token),
                    Err(error) => Event::Failed(token, of_operation(&error)),
                })
            }
            Completion::NoBuffers { token, class } => {
                self.no_buffers += 1;
                self.starved.push((Token::from_bits(token), class));
                None
            }
            Completion::ShutDown { .. }
            | Completion::Ready { .. }
            | Completion::Unwatched { .. }
            | Completion::Woken => None,
        }
    }
}

impl Transport for KernelTransport {
    type Bytes = weir_io::RecordBuffer;

    fn now(&self) -> Tick {
        self.now
    }

    fn start(&mut self) {
        self.clock = Instant::now();
        self.now = Tick::START;
    }

    fn connect(&mut self, token: Token, to: SocketAddr) -> Result<(), Reason> {
        let connected = self.ring.0.connect(&Address::Inet(to), token.to_bits());
        let socket = connected.map_err(|error| match error {
            ConnectError::Full | ConnectError::Path | ConnectError::Socket(_) => Reason::Shortage,
        })?;
        let index = token.index as usize;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        self.sockets[index] = Some(Open { generation: token.generation, socket, sends: 0 });
        Ok(())
    }

    fn send(&mut self, token: Token, bytes: Vec<u8>) {
        let Self { ring, sockets, .. } = self;
        let open = sockets.get_mut(token.index as usize).and_then(Option::as_mut);
        let Some(open) = open.filter(|open| open.generation == token.generation) else { return };
        let all = 0..bytes.len();
        if ring.0.send(&open.socket, bytes, all, token.to_bits()).is_ok() {
            open.sends += 1;
        }
    }

    fn finish(&mut self, token: Token) {
        let Self { ring, sockets, .. } = self;
        let open = sockets.get(token.index as usize).and_then(Option::as_ref);
        if let Some(open) = open.filter(|open| open.generation == token.generation) {
            drop(ring.0.shutdown_write(&open.socket, token.to_bits()));
        }
    }

    fn receive(&mut self, token: Token, appetite: Appetite) {
        self.arm(
            token,
            match appetite {
                Appetite::Large => Class::Large,
                Appetite::Small => Class::Small,
            },
        );
    }

    fn part(&mut self, token: Token, parting: Parting) {
        if self.open(token).is_none() {
            return;
        }
        if let Some(open) = self.sockets.get_mut(token.index as usize).and_then(Option::take) {
            if parting == Parting::Reset {
                open.socket.reset_on_close();
            }
            self.ring.0.close(open.socket);
        }
    }

    fn turn(&mut self, wait: Duration) -> Result<(), TransportError> {
        for (token, class) in std::mem::take(&mut self.starved) {
            self.arm(token, class);
        }
        let turned = self.ring.0.turn(Some(wait));
        self.now = Tick::from(self.clock.elapsed());
        turned.map_err(|error| TransportError(format!("io_uring: {error}")))
    }

    fn next(&mut self) -> Option<Event<weir_io::RecordBuffer>> {
        while let Some(completion) = self.ring.0.next_completion() {
            if let Some(event) = self.event(completion) {
                return Some(event);
            }
        }
        None
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn drops(&self) -> u64 {
        self.no_buffers
    }
}

fn of_connect(error: &OperationError) -> Reason {
    match error {
        OperationError::Peer(PeerError::Refused | PeerError::Reset) => Reason::Refused,
        OperationError::Peer(PeerError::TimedOut) => Reason::Timeout,
        OperationError::Resource(_) => Reason::Shortage,
        OperationError::Peer(PeerError::Closed | PeerError::Unreachable)
        | OperationError::Address(_)
        | OperationError::Cancelled
        | OperationError::System(_) => Reason::Unreachable,
    }
}

fn of_operation(error: &OperationError) -> Reason {
    match error {
        OperationError::Peer(PeerError::TimedOut) => Reason::Timeout,
        OperationError::Peer(PeerError::Unreachable) => Reason::Unreachable,
        OperationError::Resource(_) => Reason::Shortage,
        OperationError::Peer(_)
        | OperationError::Address(_)
        | OperationError::Cancelled
        | OperationError::System(_) => Reason::Reset,
    }
}
