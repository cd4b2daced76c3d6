//! What an engine tells its owner: names of things, events, verdicts on frames, errors.

use core::fmt;
use core::num::NonZeroU32;

use super::demux::FlowHash;
use super::slots::ConnectionId;

/// A listener: stays valid until [`crate::Engine::unlisten`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(NonZeroU32);

const _: () = assert!(size_of::<Option<ListenerId>>() == 4);

impl ListenerId {
    /// A small number, unique among the listeners that were ever made: for side tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The listener with that [index](Self::index).
    pub(crate) const fn of_index(index: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index))
    }
}

/// Something that the owner of a connection may act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Event {
    /// A peer completed the handshake with a listener.
    Accepted {
        /// The new connection.
        id: ConnectionId,
        /// Who waited for it.
        listener: ListenerId,
    },
    /// An active open succeeded.
    Connected {
        /// The connection.
        id: ConnectionId,
    },
    /// The receive queue was empty and is not any more.
    Readable {
        /// The connection.
        id: ConnectionId,
    },
    /// The peer's FIN arrived in order: what is queued is all there will be.
    PeerFinished {
        /// The connection.
        id: ConnectionId,
    },
    /// There is room in the send queue again, after there was none.
    Writable {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection has ended; its id is dead once this event has been taken.
    Closed {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
}

impl Event {
    /// The connection that this is about.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        match *self {
            Self::Accepted { id, .. }
            | Self::Connected { id }
            | Self::Readable { id }
            | Self::PeerFinished { id }
            | Self::Writable { id }
            | Self::Closed { id, .. } => id,
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Both sides finished and everything was acknowledged.
    Finished,
    /// The peer reset it.
    ResetByPeer,
    /// The owner aborted it.
    Aborted,
    /// The peer refused an active open.
    Refused,
    /// The handshake of an active open was never answered.
    HandshakeTimeout,
    /// Data stayed unacknowledged, or a window closed, for too long.
    UserTimeout,
    /// Keepalive probes were never answered.
    KeepaliveTimeout,
    /// A closing state lasted too long.
    CloseTimeout,
    /// ICMP said that the peer of an active open can't be reached.
    Unreachable,
    /// Our own state contradicted itself; the connection was reset and counted.
    Internal,
}

impl CloseReason {
    /// Every reason, in the order of [`CloseReason::index`].
    pub const ALL: [Self; 10] = [
        Self::Finished,
        Self::ResetByPeer,
        Self::Aborted,
        Self::Refused,
        Self::HandshakeTimeout,
        Self::UserTimeout,
        Self::KeepaliveTimeout,
        Self::CloseTimeout,
        Self::Unreachable,
        Self::Internal,
    ];

    /// The position in [`CloseReason::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A name for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ResetByPeer => "reset_by_peer",
            Self::Aborted => "aborted",
            Self::Refused => "refused",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::UserTimeout => "user_timeout",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::CloseTimeout => "close_timeout",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }
}

/// What became of a frame.
#[derive(Debug)]
#[must_use]
pub enum Verdict<F> {
    /// The engine used it, keeps it, or dropped it with a reason.
    Taken,
    /// A right segment, or an error about one, for a flow that this engine does not know:
    /// another worker may. [`crate::Engine::handle_unclaimed`] has the final word.
    Unclaimed(Unclaimed<F>),
}

/// A frame that belongs to no flow of this engine.
#[derive(Debug)]
pub struct Unclaimed<F> {
    /// The frame, as it came.
    pub frame: F,
    /// What it carries.
    pub kind: UnclaimedKind,
    /// The flow it belongs to.
    pub flow: FlowHash,
    /// What this engine still knows of that flow.
    pub record: Record,
}

/// What is left of a flow that an unclaimed frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Nothing.
    None,
    /// A connection that is over, in TIME-WAIT. The frame may be of a newer one with the same two
    /// ends, on another engine.
    TimeWait,
}

/// What an unclaimed frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnclaimedKind {
    /// A SYN without ACK: the start of a connection, or its retransmission.
    Syn,
    /// Any other segment.
    Segment,
    /// An ICMP error that quotes a segment of ours.
    IcmpError,
}

/// How far [`crate::Engine::poll_transmit`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transmitted {
    /// Everything that was due is out.
    Done,
    /// The link took no more; call again when it has room.
    LinkFull,
}

/// Why nobody can wait at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ListenError {
    /// Somebody waits there already.
    AddressInUse,
    /// The address is not the interface's.
    AddressNotOurs,
    /// Port 0.
    NoPort,
    /// A limit of zero.
    LimitIsZero,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressInUse => "the address is in use",
            Self::AddressNotOurs => "the address is not the interface's",
            Self::NoPort => "port 0 can't be listened on",
            Self::LimitIsZero => "a limit of the listener is zero",
        })
    }
}

impl core::error::Error for ListenError {}

/// Why a connection can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ConnectError {
    /// The same two ends are in use.
    InUse,
    /// The local address is not the interface's.
    AddressNotOurs,
    /// The remote address or port can't be a peer's, or the two are of different families.
    BadRemote,
    /// [`crate::Limits::connections_max`] is reached.
    TooManyConnections,
    /// Every local port to this peer is in use.
    NoFreePort,
    /// There is no way to the peer: no network and no gateway.
    NoRoute,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InUse => "the two ends are in use",
            Self::AddressNotOurs => "the local address is not the interface's",
            Self::BadRemote => "the remote address can't be a peer's",
            Self::TooManyConnections => "too many connections",
            Self::NoFreePort => "no local port is free",
            Self::NoRoute => "no route to the peer",
        })
    }
}

impl core::error::Error for ConnectError {}

/// A buffer that could not be queued, given back.
pub struct SendError<B> {
    /// The buffer, as it came.
    pub buffer: B,
    /// Why.
    pub kind: SendErrorKind,
}

/// Why a buffer could not be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendErrorKind {
    /// There is no such connection.
    NotConnected,
    /// Our side of the connection is shut down.
    ShutDown,
    /// The queue is full: wait for [`Event::Writable`].
    Full,
    /// The buffer holds nothing.
    Empty,
}

impl<B> fmt::Debug for SendError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<B> fmt::Display for SendError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SendErrorKind::NotConnected => "there is no such connection",
            SendErrorKind::ShutDown => "the connection is shut down for sending",
            SendErrorKind::Full => "the send queue is full",
            SendErrorKind::Empty => "the buffer holds nothing",
        })
    }
}

impl<B> core::error::Error for SendError<B> {}
