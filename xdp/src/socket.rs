//! An AF_XDP socket: opened, given its UMEM and rings, bound to a queue.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use kernel_version::KernelVersion;
use rustix::io::Errno;
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, XdpOptionsFlags, XdpUmemReg, XdpUmemRegFlags,
};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, getrlimit};

use crate::error::OpenError;
use crate::kernel::TX_BUDGET;
use crate::ring::{RingLengths, Rings};
use crate::sys;
use crate::syscall;
use crate::umem::Pool;

/// How often a bind is tried while the kernel lets go of the socket that had the queue before.
const BUSY_TRIES: u32 = 100;
/// Time between these tries.
const BUSY_WAIT: Duration = Duration::from_millis(10);

/// How frames get from the driver into the UMEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// The NIC writes and reads them there.
    ZeroCopy,
    /// The kernel copies them.
    Copy,
}

/// Whether packets of several buffers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffers {
    /// A packet is one frame.
    Single,
    /// XDP_USE_SG.
    Multiple,
}

/// What a socket is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketConfig {
    /// Index of the interface.
    pub(crate) interface: u32,
    /// Its queue.
    pub(crate) queue: u32,
    /// Slots of the RX and the TX ring.
    pub(crate) ring_len: u32,
    /// Slots of the fill and the completion ring: enough for every chunk.
    pub(crate) umem_ring_len: u32,
    /// Single or multiple.
    pub(crate) buffers: Buffers,
    /// The best binding to try.
    pub(crate) best: Binding,
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    binding: Binding,
    /// Why zero-copy was refused, if it was.
    refused: Option<io::Error>,
    /// Descriptors that one call sends in copy mode.
    tx_budget: u32,
}

impl Socket {
    /// Opens and binds. The socket must go before the memory of `pool` does.
    pub(crate) fn open(pool: &Pool, config: &SocketConfig) -> Result<(Self, Rings), OpenError> {
        let fd = rustix::net::socket_with(
            AddressFamily::XDP,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )
        .map_err(no_socket)?;
        register_memory(fd.as_fd(), pool)?;
        set_ring_lengths(fd.as_fd(), config).map_err(kernel("setting the lengths of the rings"))?;
        let lengths = RingLengths { packets: config.ring_len, chunks: config.umem_ring_len };
        let rings = Rings::map(fd.as_fd(), lengths)
            .map_err(|source| OpenError::Kernel { doing: "mapping the rings", source })?;
        let tx_budget = raise_tx_budget(fd.as_fd(), config.ring_len);
        raise_send_buffer(fd.as_fd(), pool);
        let (binding, refused) = bind(fd.as_fd(), config)?;
        Ok((Self { fd, binding, refused, tx_budget }, rings))
    }

    /// Zero-copy or copy.
    pub(crate) const fn binding(&self) -> Binding {
        self.binding
    }

    /// Why zero-copy was refused, if it was tried.
    pub(crate) const fn zero_copy_refused(&self) -> Option<&io::Error> {
        self.refused.as_ref()
    }

    /// Descriptors that one [`Self::send`] moves in copy mode.
    pub(crate) const fn tx_budget(&self) -> u32 {
        self.tx_budget
    }

    /// Has the kernel send from the TX ring.
    ///
    /// # Errors
    /// `WouldBlock` if it stopped before the end of the ring.
    pub(crate) fn send(&self) -> Result<(), Errno> {
        rustix::net::send(&self.fd, &[], SendFlags::DONTWAIT).map(drop)
    }

    /// Has the driver look into the fill ring.
    pub(crate) fn wake_receive(&self) -> Result<(), Errno> {
        rustix::net::recv(&self.fd, &mut [0_u8; 0], RecvFlags::DONTWAIT).map(drop)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn no_socket(error: Errno) -> OpenError {
    match error {
        Errno::PERM | Errno::ACCESS => OpenError::MissingCapability(error.into()),
        Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => OpenError::NoAfXdp(error.into()),
        _ => OpenError::Kernel { doing: "opening an AF_XDP socket", source: error.into() },
    }
}

fn register_memory(socket: BorrowedFd<'_>, pool: &Pool) -> Result<(), OpenError> {
    let region = XdpUmemReg {
        addr: pool.address(),
        len: pool.bytes(),
        chunk_size: pool.chunk_bytes(),
        headroom: 0,
        flags: XdpUmemRegFlags::empty(),
        tx_metadata_len: 0,
    };
    sockopt::set_xdp_umem_reg(socket, region).map_err(|error| match error {
        Errno::NOBUFS => OpenError::MemoryLock {
            needed_bytes: pool.bytes(),
            limit_bytes: getrlimit(Resource::Memlock).current,
        },
        Errno::NOMEM | Errno::FAULT => OpenError::Memory(error.into()),
        Errno::PERM => OpenError::MissingCapability(error.into()),
        _ => OpenError::Kernel { doing: "registering the UMEM", source: error.into() },
    })
}

fn set_ring_lengths(socket: BorrowedFd<'_>, config: &SocketConfig) -> Result<(), Errno> {
    sockopt::set_xdp_umem_fill_ring_size(socket, config.umem_ring_len)?;
    sockopt::set_xdp_umem_completion_ring_size(socket, config.umem_ring_len)?;
    sockopt::set_xdp_rx_ring_size(socket, config.ring_len)?;
    sockopt::set_xdp_tx_ring_size(socket, config.ring_len)
}

/// Returns what one call moves. Without the option, `send` is called more often.
fn raise_tx_budget(socket: BorrowedFd<'_>, ring_len: u32) -> u32 {
    if KernelVersion::effective() < TX_BUDGET {
        return sys::TX_BATCH_SIZE;
    }
    let raised = syscall::set_tx_budget(socket, ring_len);
    if raised.is_ok() { ring_len } else { sys::TX_BATCH_SIZE }
}

/// In copy mode every frame under way is charged to the socket: the default would hold up sending
/// at a few dozen. Refused without CAP_NET_ADMIN, and then the default stays.
fn raise_send_buffer(socket: BorrowedFd<'_>, pool: &Pool) {
    let bytes = usize::try_from(pool.bytes()).unwrap_or(usize::MAX).min(1 << 29);
    let _: Result<(), Errno> = sockopt::set_socket_send_buffer_size_force(socket, bytes);
}

fn bind(
    socket: BorrowedFd<'_>,
    config: &SocketConfig,
) -> Result<(Binding, Option<io::Error>), OpenError> {
    let mut refused = None;
    if config.best == Binding::ZeroCopy {
        match try_bind(socket, config, Binding::ZeroCopy) {
            Ok(()) => return Ok((bound(socket), None)),
            Err(Errno::BUSY) => return Err(OpenError::QueueBusy(config.queue)),
            Err(error) => refused = Some(io::Error::from(error)),
        }
    }
    match try_bind(socket, config, Binding::Copy) {
        Ok(()) => Ok((bound(socket), refused)),
        Err(Errno::BUSY) => Err(OpenError::QueueBusy(config.queue)),
        Err(Errno::PERM) => Err(OpenError::MissingCapability(Errno::PERM.into())),
        Err(error) => Err(OpenError::Bind(error.into())),
    }
}

/// A queue stays busy for a moment after its last socket is closed: the kernel cleans up later.
fn try_bind(socket: BorrowedFd<'_>, config: &SocketConfig, binding: Binding) -> Result<(), Errno> {
    let mut flags = SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
    flags |= match binding {
        Binding::ZeroCopy => SocketAddrXdpFlags::XDP_ZEROCOPY,
        Binding::Copy => SocketAddrXdpFlags::XDP_COPY,
    };
    if config.buffers == Buffers::Multiple {
        flags |= SocketAddrXdpFlags::XDP_USE_SG;
    }
    let address = SocketAddrXdp::new(flags, config.interface, config.queue);
    for _ in 1..BUSY_TRIES {
        match rustix::net::bind(socket, &address) {
            Err(Errno::BUSY) => thread::sleep(BUSY_WAIT),
            result => return result,
        }
    }
    rustix::net::bind(socket, &address)
}

fn bound(socket: BorrowedFd<'_>) -> Binding {
    match sockopt::xdp_options(socket) {
        Ok(options) if options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY) => Binding::ZeroCopy,
        _ => Binding::Copy,
    }
}

fn kernel(doing: &'static str) -> impl Fn(Errno) -> OpenError {
    move |error| OpenError::Kernel { doing, source: error.into() }
}
