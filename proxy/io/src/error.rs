//! Errors, by who is to blame.

use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::buffers::Class;

/// No operation slot is free ([`RingConfig::operations_max`](crate::RingConfig::operations_max));
/// what was to be sent comes back. There is room again after a completion was taken.
#[derive(Debug)]
pub struct Full<S>(pub S);

impl<S> fmt::Display for Full<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all operation slots of the ring are in use")
    }
}

impl<S: fmt::Debug> std::error::Error for Full<S> {}

/// Why a receive was not armed, or a shutdown not begun.
#[derive(Debug, PartialEq, Eq)]
pub enum ArmError {
    /// No operation slot is free.
    Full,
    /// The socket has one in flight already.
    Armed,
}

impl fmt::Display for ArmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "all operation slots of the ring are in use",
            Self::Armed => "the socket has such an operation in flight already",
        })
    }
}

impl std::error::Error for ArmError {}

/// Why a connect was not begun.
#[derive(Debug)]
pub enum ConnectError {
    /// No operation slot is free.
    Full,
    /// A unix socket's path is longer than the kernel takes, or holds a NUL.
    Path,
    /// No socket could be made: the open-file limit, no memory, no such address family.
    Socket(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("all operation slots of the ring are in use"),
            Self::Path => f.write_str("the path is no unix socket address"),
            Self::Socket(source) => write!(f, "can't make a socket: {source}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Why an operation that was begun failed.
#[derive(Debug)]
pub enum OperationError {
    /// This side cancelled it, or closed its socket.
    Cancelled,
    /// The peer refused, or is gone.
    Peer(PeerError),
    /// The address can't be connected to, whoever listens there.
    Address(AddressError),
    /// The machine is short of something (memory, local ports, buffer space).
    Resource(io::Error),
    /// The kernel reports what none of the above covers.
    System(io::Error),
}

/// What the peer, or the way to it, did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerError {
    /// Nobody listens there.
    Refused,
    /// The connection was reset.
    Reset,
    /// It takes no more data: its receiving side is closed.
    Closed,
    /// No answer.
    TimedOut,
    /// No route, or the network or host says unreachable.
    Unreachable,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressError {
    /// No such unix socket.
    NotFound,
    /// Not permitted: the socket's mode, a firewall, a landlock rule.
    Denied,
    /// Not an address that can be connected to.
    Invalid,
}

impl OperationError {
    /// Sorts an error number by who is to blame.
    pub(crate) fn from_errno(errno: Errno) -> Self {
        match errno {
            Errno::CANCELED => Self::Cancelled,
            Errno::CONNREFUSED => Self::Peer(PeerError::Refused),
            Errno::CONNRESET | Errno::CONNABORTED => Self::Peer(PeerError::Reset),
            Errno::PIPE => Self::Peer(PeerError::Closed),
            Errno::TIMEDOUT => Self::Peer(PeerError::TimedOut),
            Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN => {
                Self::Peer(PeerError::Unreachable)
            }
            Errno::NOENT | Errno::NOTDIR => Self::Address(AddressError::NotFound),
            Errno::ACCESS | Errno::PERM => Self::Address(AddressError::Denied),
            Errno::ADDRNOTAVAIL | Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN => {
                Self::Resource(errno.into())
            }
            Errno::INVAL | Errno::AFNOSUPPORT | Errno::PROTOTYPE | Errno::NOTSOCK => {
                Self::Address(AddressError::Invalid)
            }
            other => Self::System(other.into()),
        }
    }

    /// Name for metrics: one of eleven.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Peer(PeerError::Refused) => "refused",
            Self::Peer(PeerError::Reset) => "reset",
            Self::Peer(PeerError::Closed) => "closed",
            Self::Peer(PeerError::TimedOut) => "timed_out",
            Self::Peer(PeerError::Unreachable) => "unreachable",
            Self::Address(AddressError::NotFound) => "not_found",
            Self::Address(AddressError::Denied) => "denied",
            Self::Address(AddressError::Invalid) => "invalid_address",
            Self::Resource(_) => "resource",
            Self::System(_) => "system",
        }
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Peer(PeerError::Refused) => f.write_str("connection refused"),
            Self::Peer(PeerError::Reset) => f.write_str("connection reset by the peer"),
            Self::Peer(PeerError::Closed) => f.write_str("the peer takes no more data"),
            Self::Peer(PeerError::TimedOut) => f.write_str("no answer in time"),
            Self::Peer(PeerError::Unreachable) => f.write_str("host or network unreachable"),
            Self::Address(AddressError::NotFound) => f.write_str("no such unix socket"),
            Self::Address(AddressError::Denied) => f.write_str("not permitted"),
            Self::Address(AddressError::Invalid) => f.write_str("not an address to connect to"),
            Self::Resource(source) | Self::System(source) => write!(f, "{source}"),
        }
    }
}

impl std::error::Error for OperationError {}

/// Why there is no buffer pool.
#[derive(Debug)]
pub enum PoolError {
    /// A class has no entries, or more than 65,536.
    Entries {
        /// The class.
        class: Class,
        /// What was asked for.
        entries: u32,
    },
    /// The depth is not a power of two up to 32,768.
    Depth {
        /// What was asked for.
        depth: u16,
    },
    /// No address space.
    Map(Errno),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries { class, entries } => {
                write!(f, "{entries} {} buffers: a class has 1 to 65,536", class.name())
            }
            Self::Depth { depth } => {
                write!(f, "a depth of {depth}: a power of two up to 32,768 is needed")
            }
            Self::Map(errno) => write!(f, "can't map the record buffers: {errno}"),
        }
    }
}

impl std::error::Error for PoolError {}

/// Why a ring could not be made or entered.
#[derive(Debug)]
pub enum RingError {
    /// `operations_max` or `submissions` is zero or more than 32,768.
    Limits,
    /// The buffers.
    Pool(PoolError),
    /// The kernel makes no ring: too old, `io_uring_disabled`, a seccomp filter, no memory.
    Setup(io::Error),
    /// The kernel takes no buffer ring (5.19 and newer do).
    BufferRing(io::Error),
    /// No descriptor for the waker or a watch: the open-file limit.
    Descriptor(io::Error),
    /// No operation slot is free.
    Full,
    /// Entering the kernel failed in a way that the next turn won't mend.
    Enter(io::Error),
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits => f.write_str("a ring has 1 to 32,768 operations and submissions"),
            Self::Pool(source) => write!(f, "{source}"),
            Self::Setup(source) => {
                write!(f, "can't make an io_uring: {source}")?;
                f.write_str(match source.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "; allow it (`sysctl kernel.io_uring_disabled=0`, and in a container the \
                         runtime's seccomp profile)"
                    }
                    io::ErrorKind::Unsupported => {
                        "; the kernel must be built with CONFIG_IO_URING, as Debian's kernels are"
                    }
                    _ => "",
                })
            }
            Self::BufferRing(source) => write!(f, "can't register a buffer ring: {source}"),
            Self::Descriptor(source) => write!(f, "no file descriptor: {source}"),
            Self::Full => f.write_str("all operation slots of the ring are in use"),
            Self::Enter(source) => write!(f, "entering the io_uring failed: {source}"),
        }
    }
}

impl std::error::Error for RingError {}

impl From<PoolError> for RingError {
    fn from(source: PoolError) -> Self {
        Self::Pool(source)
    }
}
