//! What can go wrong at start, by what is missing and how to get it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::kernel::MULTI_BUFFER;

/// Why a queue could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no interface of this name in the caller's network namespace.
    NoInterface(String),
    /// The interface has fewer queues.
    QueueOutOfRange {
        /// The queue asked for; the first is 0.
        queue: u32,
        /// How many receive queues there are.
        queues: u32,
    },
    /// Another socket is bound to this queue.
    QueueBusy(u32),
    /// The caller may not open AF_XDP sockets.
    MissingCapability(io::Error),
    /// The kernel has no AF_XDP sockets.
    NoAfXdp(io::Error),
    /// The kernel may not pin that much memory for this process.
    MemoryLock {
        /// Bytes that the frames take.
        needed_bytes: u64,
        /// RLIMIT_MEMLOCK; `None` if there is no limit.
        limit_bytes: Option<u64>,
    },
    /// A frame of the interface's MTU does not fit one chunk, and the kernel can't use several.
    MtuTooLarge {
        /// MTU of the interface.
        mtu_bytes: u32,
        /// The largest MTU that fits.
        mtu_bytes_max: u32,
    },
    /// The configuration contradicts itself.
    Config(&'static str),
    /// No memory for the frames.
    Memory(io::Error),
    /// Neither zero-copy nor copy mode could be had.
    Bind(io::Error),
    /// A call that has no reason to fail.
    Kernel {
        /// What it was to do.
        doing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface(name) => no_interface(f, name),
            Self::QueueOutOfRange { queue, queues } => write!(
                f,
                "queue {queue} does not exist, the interface has {queues} receive queue(s), counted \
                 from 0; `ethtool -L` changes their number"
            ),
            Self::QueueBusy(queue) => write!(
                f,
                "another AF_XDP socket is bound to queue {queue}; `ss --xdp` shows whose it is"
            ),
            Self::MissingCapability(source) => write!(
                f,
                "AF_XDP sockets need the capabilities CAP_NET_RAW and CAP_NET_ADMIN ({source}); start \
                 as root or give them by the systemd unit's AmbientCapabilities"
            ),
            Self::NoAfXdp(source) => write!(
                f,
                "this kernel has no AF_XDP sockets ({source}); it must be built with \
                 CONFIG_XDP_SOCKETS, as Debian's kernels are"
            ),
            Self::MemoryLock { needed_bytes, limit_bytes } => {
                write!(f, "the frames need {needed_bytes} bytes of locked memory, the limit is ")?;
                match limit_bytes {
                    Some(limit) => write!(f, "{limit}")?,
                    None => write!(f, "the machine's")?,
                }
                write!(f, "; raise it (LimitMEMLOCK=infinity, ulimit -l) or give CAP_IPC_LOCK")
            }
            Self::MtuTooLarge { mtu_bytes, mtu_bytes_max } => write!(
                f,
                "the MTU of {mtu_bytes} needs packets of several buffers, which come with kernel \
                 {MULTI_BUFFER}; here it may be {mtu_bytes_max} at most (`ip link set .. mtu`)"
            ),
            Self::Config(what) => write!(f, "queue configuration: {what}"),
            Self::Memory(source) => write!(f, "no memory for the frames: {source}"),
            Self::Bind(source) => {
                write!(f, "the driver takes no AF_XDP socket in any mode: {source}")
            }
            Self::Kernel { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::MissingCapability(source)
            | Self::NoAfXdp(source)
            | Self::Memory(source)
            | Self::Bind(source)
            | Self::Kernel { source, .. } => Some(source),
            Self::NoInterface(_)
            | Self::QueueOutOfRange { .. }
            | Self::QueueBusy(_)
            | Self::MemoryLock { .. }
            | Self::MtuTooLarge { .. }
            | Self::Config(_) => None,
        }
    }
}

/// Why the XDP program could not be attached.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachError {
    /// There is no interface of this name in the caller's network namespace.
    NoInterface(String),
    /// The caller may not load or attach BPF programs.
    MissingCapability(io::Error),
    /// Another XDP program is attached to the interface.
    Occupied(String),
    /// The kernel only offers an attachment that would survive a crash.
    NoBpfLink,
    /// Neither native nor SKB mode could be had, or not the one asked for.
    Refused(io::Error),
    /// The filter could not be set.
    Filter(FilterError),
    /// The kernel refused to load the program.
    Load(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface(name) => no_interface(f, name),
            Self::MissingCapability(source) => write!(
                f,
                "the XDP program needs the capabilities CAP_BPF and CAP_NET_ADMIN ({source}); start as \
                 root or give them by the systemd unit's AmbientCapabilities"
            ),
            Self::Occupied(name) => write!(
                f,
                "another XDP program is attached to {name}; `ip -d link show {name}` tells its id, \
                 `ip link set dev {name} xdp off` removes one that was left behind"
            ),
            Self::NoBpfLink => write!(
                f,
                "the kernel offers no BPF link for XDP (it comes with 5.9), and an attachment by \
                 netlink would outlive a crash"
            ),
            Self::Refused(source) => write!(
                f,
                "the driver refuses the XDP program: {source}; a large MTU may be why, or receive \
                 offloads (`ethtool -K NAME lro off`), or a kernel without CONFIG_BPF_SYSCALL: \
                 `weir doctor` tells what this machine has"
            ),
            Self::Filter(source) => write!(f, "{source}"),
            Self::Load(source) => {
                write!(f, "loading the XDP program: {source}")?;
                let mut cause = source.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}

impl Error for AttachError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::MissingCapability(source) | Self::Refused(source) => Some(source),
            Self::Filter(source) => Some(source),
            Self::Load(source) => Some(&**source),
            Self::NoInterface(_) | Self::Occupied(_) | Self::NoBpfLink => None,
        }
    }
}

impl From<FilterError> for AttachError {
    fn from(error: FilterError) -> Self {
        Self::Filter(error)
    }
}

/// Why a map of the running program could not be changed or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilterError {
    /// More destinations or owned addresses than the program's maps hold.
    Full,
    /// The queue's number is beyond the queues the interface had when the program was attached.
    QueueOutOfRange(u32),
    /// The kernel refused.
    Map(aya::maps::MapError),
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "too many addresses for the XDP program's filter"),
            Self::QueueOutOfRange(queue) => {
                write!(f, "the XDP program has no place for a socket of queue {queue}")
            }
            Self::Map(source) => write!(f, "a map of the XDP program: {source}"),
        }
    }
}

impl Error for FilterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Map(source) => Some(source),
            Self::Full | Self::QueueOutOfRange(_) => None,
        }
    }
}

impl From<aya::maps::MapError> for FilterError {
    fn from(error: aya::maps::MapError) -> Self {
        match &error {
            aya::maps::MapError::SyscallError(call)
                if call.io_error.raw_os_error() == Some(libc::E2BIG) =>
            {
                Self::Full
            }
            aya::maps::MapError::OutOfBounds { index, .. } => Self::QueueOutOfRange(*index),
            _ => Self::Map(error),
        }
    }
}

fn no_interface(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    write!(
        f,
        "there is no interface `{name}` here; `ip link` lists those of this network namespace"
    )
}
