//! A connection to a backend, and what of it is in flight.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::{Rc, Weak};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;

use crate::ops::{Batch, SlotId};

/// A socket whose operations go through a ring.
///
/// Dropping it ends what it has in flight (each operation still has its completion, cancelled)
/// and closes it, as [`Ring::close`](crate::Ring::close) does.
pub struct Socket {
    state: Rc<SocketState>,
    orphans: Weak<Orphans>,
}

impl Socket {
    pub(crate) fn new(fd: OwnedFd, orphans: &Rc<Orphans>) -> Self {
        Self { state: Rc::new(SocketState::new(fd)), orphans: Rc::downgrade(orphans) }
    }

    /// Makes the close of a TCP socket a reset, so that its peer does not take what it has for the
    /// whole. RFC 9293 §3.10.5. A unix socket has no such thing, and nothing happens.
    pub fn reset_on_close(&self) {
        // A socket that refuses is gone already: then there is nobody to be told.
        let _: Result<(), Errno> = set_socket_linger(&self.state.fd, Some(Duration::ZERO));
    }

    pub(crate) const fn state(&self) -> &Rc<SocketState> {
        &self.state
    }
}

impl AsFd for Socket {
    /// For questions to the kernel (`getsockname`, `TCP_INFO`), not for reading or writing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.state.fd.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Operations in flight hold the state, too; without any, the descriptor closes here.
        if Rc::strong_count(&self.state) > 1
            && let Some(orphans) = self.orphans.upgrade()
        {
            orphans.list.borrow_mut().push(Rc::clone(&self.state));
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("fd", &self.state.raw_fd()).finish_non_exhaustive()
    }
}

/// Sockets that were dropped with operations in flight; the ring cancels those at its next turn.
/// At most as many as there are operation slots.
#[derive(Default)]
pub(crate) struct Orphans {
    list: RefCell<Vec<Rc<SocketState>>>,
}

impl Orphans {
    pub(crate) fn pop(&self) -> Option<Rc<SocketState>> {
        self.list.borrow_mut().pop()
    }
}

/// What the operations of a socket share. The last of them and the [`Socket`] close it.
pub(crate) struct SocketState {
    fd: OwnedFd,
    pub(crate) connect: Cell<Option<SlotId>>,
    pub(crate) receive: Cell<Option<SlotId>>,
    pub(crate) shutdown: Cell<ShutdownState>,
    pub(crate) sends: Cell<Sends>,
    pub(crate) progress: Cell<Progress>,
    /// What a gathering send points to while the kernel has it.
    pub(crate) batch: RefCell<Option<Box<Batch>>>,
}

/// The list of a socket's sends.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sends {
    pub(crate) head: Option<SlotId>,
    pub(crate) tail: Option<SlotId>,
}

/// Where the head of the list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is none.
    Idle,
    /// The next turn submits it.
    Queued,
    /// The kernel has it.
    Sending,
    /// The kernel has it and was told to end it; what is queued behind it ends, too.
    Cancelling,
    /// It was sent, or failed; completions are being made from it.
    Settling,
}

/// A shutdown waits for the sends before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownState {
    /// None was asked for.
    None,
    /// For the sends before it.
    Waiting(SlotId),
    /// For the end of these sends, and then it ends without having begun.
    Cancelled(SlotId),
    /// The kernel has it.
    Submitted,
}

impl SocketState {
    fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            connect: Cell::new(None),
            receive: Cell::new(None),
            shutdown: Cell::new(ShutdownState::None),
            sends: Cell::new(Sends::default()),
            progress: Cell::new(Progress::Idle),
            batch: RefCell::new(None),
        }
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }
}
