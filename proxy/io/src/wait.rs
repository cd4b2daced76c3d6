//! The loop's one wait, and what can end it: completions, watched descriptors, other threads.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use io_uring::cqueue;
use rustix::event::EventfdFlags;
use rustix::io::Errno;
use stable_deref_trait::StableDeref;

use crate::completion::Completion;
use crate::error::{OperationError, RingError};
use crate::ops::{self, Ended, Operation, SlotId};
use crate::ring::{Ring, Wait};

impl<S: StableDeref<Target = [u8]> + 'static> Ring<S> {
    /// One turn of the loop: submits what was queued, and waits for a completion for at most
    /// `timeout` (zero: not at all; `None`: without limit). It doesn't wait while there are
    /// completions that were not taken, and enters the kernel only if there is something to do.
    ///
    /// # Errors
    ///
    /// The kernel refuses to go on with this ring.
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<(), RingError> {
        self.counters.turns += 1;
        self.adopt_orphans();
        self.submit_queued();
        self.lend_buffers();
        let here = !self.settling.is_empty() || self.kernel.has_completions();
        let wait = match timeout {
            _ if here => Wait::No,
            Some(Duration::ZERO) => Wait::No,
            Some(timeout) => Wait::AtMost(timeout),
            None => Wait::Unlimited,
        };
        self.kernel.enter(wait).map_err(RingError::Enter)
    }

    /// Watches a descriptor for becoming readable, until [`unwatch`](Self::unwatch).
    ///
    /// The ring watches a duplicate of its own, so the caller may close the descriptor; what it
    /// refers to lives until then.
    ///
    /// # Errors
    ///
    /// No slot or no descriptor is free.
    pub fn watch(&mut self, fd: BorrowedFd<'_>, token: u64) -> Result<Watch, RingError> {
        let fd = fd.try_clone_to_owned().map_err(RingError::Descriptor)?;
        let operation = Operation::Watch { fd, token, ended: Ended::No };
        let id = self.slots.insert(operation).map_err(|_| RingError::Full)?;
        self.submit(id);
        Ok(Watch { id })
    }

    /// Ends a watch; [`Completion::Unwatched`] says when that is done.
    pub fn unwatch(&mut self, watch: Watch) {
        if let Some(Operation::Watch { ended, .. }) = self.slots.get_mut(watch.id) {
            *ended = Ended::Cancelled;
            ops::push_cancel(watch.id, &mut self.kernel);
        }
    }

    /// A handle by which other threads end this ring's wait.
    pub fn waker(&self) -> Waker {
        Waker { state: Arc::clone(&self.wake) }
    }

    pub(crate) fn arm_waker(&mut self) -> Result<(), RingError> {
        let operation =
            Operation::Wake { state: Arc::clone(&self.wake), counter: Box::new([0; 8]) };
        let id = self.slots.insert(operation).map_err(|_| RingError::Full)?;
        self.submit(id);
        Ok(())
    }

    pub(crate) fn woken(&mut self, id: SlotId) -> Option<Completion<S>> {
        // Before the caller looks at what the other thread left: whoever comes later writes again.
        self.wake.pending.swap(false, Ordering::AcqRel);
        self.submit(id);
        Some(Completion::Woken)
    }

    pub(crate) fn watched(
        &mut self,
        id: SlotId,
        result: Result<usize, Errno>,
        flags: u32,
    ) -> Option<Completion<S>> {
        let Some(Operation::Watch { token, ended, .. }) = self.slots.get_mut(id) else {
            unreachable!("looked up by the caller");
        };
        let (token, ended) = (*token, *ended);
        if cqueue::more(flags) {
            return Some(Completion::Ready { token });
        }
        if ended == Ended::No && result.is_ok() {
            self.counters.watches_rearmed += 1;
            self.submit(id);
            return Some(Completion::Ready { token });
        }
        drop(self.slots.remove(id));
        let errno = result.err().unwrap_or(Errno::CANCELED);
        Some(Completion::Unwatched { token, reason: OperationError::from_errno(errno) })
    }
}

/// A descriptor under watch.
#[derive(Debug)]
#[must_use = "a watch goes on until it is given to unwatch"]
pub struct Watch {
    id: SlotId,
}

/// Ends the wait of a ring's thread, from any thread. Wakes that come before the ring has seen
/// the first count as one.
#[derive(Clone, Debug)]
pub struct Waker {
    state: Arc<WakeState>,
}

impl Waker {
    /// Makes the ring's wait end, now or the next time, with [`Completion::Woken`].
    pub fn wake(&self) {
        if self.state.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        // Fails only when the counter is near 2^64, which it never is: each wake is read.
        let _full: rustix::io::Result<usize> =
            rustix::io::write(&self.state.counter, &1_u64.to_ne_bytes());
    }
}

/// What a ring and its wakers share.
#[derive(Debug)]
pub(crate) struct WakeState {
    counter: OwnedFd,
    /// A wake was written and not yet seen.
    pending: AtomicBool,
}

impl WakeState {
    pub(crate) fn new() -> Result<Self, RingError> {
        let counter = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)
            .map_err(|errno| RingError::Descriptor(errno.into()))?;
        Ok(Self { counter, pending: AtomicBool::new(false) })
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.counter.as_raw_fd()
    }
}
