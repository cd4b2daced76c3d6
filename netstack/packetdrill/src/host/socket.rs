//! Sockets: what a descriptor stands for.

use std::collections::VecDeque;
use std::net::SocketAddr;

use netstack::{CloseReason, Connect, ConnectError, ConnectionId, Listen, ListenError, ListenerId};

use super::Host;
use super::options::{Linger, Settings};
use crate::errno::Errno;

/// A socket of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub(super) u32);

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What comes in: `SHUT_RD`.
    Read,
    /// What goes out: `SHUT_WR`.
    Write,
    /// Both: `SHUT_RDWR`.
    Both,
}

/// What a socket is ready for, as `poll` asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Reading or accepting would not block.
    pub readable: bool,
    /// Writing would not block.
    pub writable: bool,
    /// There is an error to fetch.
    pub error: bool,
    /// Both directions have ended.
    pub hung_up: bool,
}

/// One socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) kind: Kind,
    pub(super) settings: Settings,
    pub(super) bound: Option<SocketAddr>,
}

/// What a socket is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Neither listening nor connected.
    Fresh,
    /// It waits for connections.
    Listening { listener: ListenerId, ready: VecDeque<SocketId> },
    /// One end of a connection.
    Stream(Stream),
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: ConnectionId,
    pub(super) open: Open,
    /// Both ends, kept for when the connection has gone.
    pub(super) ends: Option<(SocketAddr, SocketAddr)>,
    /// Bytes of a payload of which only a part was read.
    pub(super) leftover: VecDeque<u8>,
    pub(super) write_shut: bool,
    pub(super) read_shut: bool,
    /// Why it ended, once it has.
    pub(super) ended: Option<CloseReason>,
    /// What the next call is to fail with.
    pub(super) error: Option<Errno>,
}

/// Whether the handshake is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Yes,
    /// A connect is under way.
    NotYet,
}

impl Socket {
    pub(super) fn fresh() -> Self {
        Self { kind: Kind::Fresh, settings: Settings::default(), bound: None }
    }

    pub(super) fn accepted(id: ConnectionId) -> Self {
        Self { kind: Kind::Stream(Stream::new(id, Open::Yes)), ..Self::fresh() }
    }

    pub(super) const fn ready_queue(&mut self) -> Option<&mut VecDeque<SocketId>> {
        match &mut self.kind {
            Kind::Listening { ready, .. } => Some(ready),
            Kind::Fresh | Kind::Stream(_) => None,
        }
    }

    pub(super) const fn stream(&self) -> Option<&Stream> {
        match &self.kind {
            Kind::Stream(stream) => Some(stream),
            Kind::Fresh | Kind::Listening { .. } => None,
        }
    }

    pub(super) const fn stream_mut(&mut self) -> Option<&mut Stream> {
        match &mut self.kind {
            Kind::Stream(stream) => Some(stream),
            Kind::Fresh | Kind::Listening { .. } => None,
        }
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.stream().map(|stream| stream.id)
    }
}

impl Stream {
    fn new(id: ConnectionId, open: Open) -> Self {
        Self {
            id,
            open,
            ends: None,
            leftover: VecDeque::new(),
            write_shut: false,
            read_shut: false,
            ended: None,
            error: None,
        }
    }

    /// The connection has ended.
    pub(super) fn end(&mut self, reason: CloseReason) {
        self.ended = Some(reason);
        self.error = match reason {
            CloseReason::Finished | CloseReason::CloseTimeout => None,
            CloseReason::ResetByPeer => Some(Errno::ECONNRESET),
            CloseReason::Aborted | CloseReason::Internal => Some(Errno::ECONNABORTED),
            CloseReason::Refused => Some(Errno::ECONNREFUSED),
            CloseReason::HandshakeTimeout
            | CloseReason::UserTimeout
            | CloseReason::KeepaliveTimeout => Some(Errno::ETIMEDOUT),
            CloseReason::Unreachable => Some(Errno::EHOSTUNREACH),
        };
    }
}

impl Host {
    pub(super) fn get(&self, socket: SocketId) -> Result<&Socket, Errno> {
        self.sockets.get(&socket).ok_or(Errno::EBADF)
    }

    pub(super) fn get_mut(&mut self, socket: SocketId) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(&socket).ok_or(Errno::EBADF)
    }

    /// Gives a socket its local end.
    ///
    /// # Errors
    /// The address is not ours, or the socket has one.
    pub fn bind(&mut self, socket: SocketId, address: SocketAddr) -> Result<(), Errno> {
        let ours =
            self.config.engine.interface.addresses.iter().any(|(own, _)| *own == address.ip());
        if !ours && !address.ip().is_unspecified() {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let socket = self.get_mut(socket)?;
        if socket.bound.is_some() {
            return Err(Errno::EINVAL);
        }
        socket.bound = Some(address);
        Ok(())
    }

    /// Waits for connections at the address that the socket was bound to. `backlog` is the limit
    /// of half-open ones.
    ///
    /// # Errors
    /// There is no address, or somebody waits there.
    pub fn listen(&mut self, socket: SocketId, backlog: u32) -> Result<(), Errno> {
        let address = match self.get(socket)? {
            Socket { kind: Kind::Fresh, bound: Some(address), .. } => *address,
            _ => return Err(Errno::EINVAL),
        };
        let listen = Listen { half_open_max: backlog.max(1), ..Listen::new(address) };
        let listener = self.engine.listen(listen).map_err(|error| match error {
            ListenError::AddressInUse => Errno::EADDRINUSE,
            ListenError::AddressNotOurs => Errno::EADDRNOTAVAIL,
            ListenError::NoPort | ListenError::LimitIsZero => Errno::EINVAL,
        })?;
        self.by_listener.insert(listener.index(), socket);
        self.get_mut(socket)?.kind = Kind::Listening { listener, ready: VecDeque::new() };
        Ok(())
    }

    /// Sends the SYN of a connection; whether it gets through is [`super::Call::Connect`]'s to
    /// find out.
    pub(super) fn start_connect(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
    ) -> Result<(), Errno> {
        let any = match remote {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0u16; 8], 0)),
        };
        let mut local = self.get(socket)?.bound.unwrap_or(any);
        if local.ip().is_unspecified() {
            local.set_ip(self.config.local);
        }
        let id =
            self.engine.connect(self.now, Connect { local, remote }).map_err(
                |error| match error {
                    ConnectError::InUse | ConnectError::NoFreePort => Errno::EADDRNOTAVAIL,
                    ConnectError::AddressNotOurs | ConnectError::BadRemote => Errno::EINVAL,
                    ConnectError::TooManyConnections => Errno::ENOBUFS,
                    ConnectError::NoRoute => Errno::ENETUNREACH,
                },
            )?;
        self.get_mut(socket)?.kind = Kind::Stream(Stream::new(id, Open::NotYet));
        self.by_connection.insert(id, socket);
        self.turn();
        Ok(())
    }

    /// Ends a direction.
    ///
    /// # Errors
    /// There is no connection.
    pub fn shutdown(&mut self, socket: SocketId, half: Half) -> Result<(), Errno> {
        let stream = self.get_mut(socket)?.stream_mut().ok_or(Errno::ENOTCONN)?;
        if stream.open == Open::NotYet || stream.ended.is_some() {
            return Err(Errno::ENOTCONN);
        }
        stream.read_shut |= half != Half::Write;
        stream.write_shut |= half != Half::Read;
        let (id, now) = (stream.id, self.now);
        if half != Half::Read {
            self.engine.shutdown(now, id);
        }
        self.turn();
        Ok(())
    }

    /// Lets go of a socket. A connection that still holds bytes nobody has read is reset, because
    /// the peer must know that they are lost: RFC 1122 §4.2.2.13, RFC 2525 §2.17.
    ///
    /// # Errors
    /// There is no such socket.
    pub fn close(&mut self, socket: SocketId) -> Result<(), Errno> {
        let closed = self.sockets.remove(&socket).ok_or(Errno::EBADF)?;
        let abort = matches!(closed.settings.linger, Linger::Seconds(0));
        match closed.kind {
            Kind::Fresh => {}
            Kind::Listening { listener, ready } => {
                self.engine.unlisten(listener);
                self.by_listener.remove(&listener.index());
                for waiting in ready {
                    if let Some(id) = self.sockets.remove(&waiting).and_then(|s| s.connection()) {
                        self.by_connection.remove(&id);
                        self.engine.abort(self.now, id);
                    }
                }
            }
            Kind::Stream(stream) => {
                let id = stream.id;
                self.by_connection.remove(&id);
                // What the engine still has it answers for itself.
                if abort || !stream.leftover.is_empty() {
                    self.engine.abort(self.now, id);
                } else {
                    self.engine.close(self.now, id);
                }
            }
        }
        self.turn();
        Ok(())
    }

    /// Bytes that wait to be read.
    ///
    /// # Errors
    /// There is no connection.
    pub fn unread_bytes(&self, socket: SocketId) -> Result<usize, Errno> {
        let stream = self.get(socket)?.stream().ok_or(Errno::ENOTCONN)?;
        let info = self.engine.info(self.now, stream.id);
        Ok(stream.leftover.len() + info.map_or(0, |info| info.receive_queue_bytes))
    }

    /// What a socket is ready for.
    ///
    /// # Errors
    /// There is no such socket.
    pub fn readiness(&self, socket: SocketId) -> Result<Readiness, Errno> {
        let stream = match &self.get(socket)?.kind {
            Kind::Fresh => return Ok(Readiness { hung_up: true, ..Readiness::default() }),
            Kind::Listening { ready, .. } => {
                return Ok(Readiness { readable: !ready.is_empty(), ..Readiness::default() });
            }
            Kind::Stream(stream) => stream,
        };
        let id = stream.id;
        let queued =
            self.engine.info(self.now, id).is_some_and(|info| info.receive_queue_bytes > 0);
        let finished = self.engine.recv_finished(id) || stream.read_shut;
        let ended = stream.ended.is_some();
        let room = self.engine.send_view(id).is_some_and(|view| view.room_bytes > 0);
        Ok(Readiness {
            readable: queued || !stream.leftover.is_empty() || finished || ended,
            writable: ended || (stream.open == Open::Yes && room),
            error: stream.error.is_some(),
            hung_up: ended,
        })
    }
}
