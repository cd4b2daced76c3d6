//! What all calls share: the host, its descriptors, the calls that wait.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use netstack::{Instant, Span};
use rustix::event::{EventfdFlags, eventfd};

use super::memory::fail;
use crate::errno::Errno;
use crate::host::{Answer, Attempt, Blocking, Call, Host, SocketId};

/// What `userdata` points to.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something has changed: those that wait look again.
    pub(super) changed: Condvar,
}

/// What lies behind the mutex.
pub(super) struct State {
    pub(super) host: Host,
    descriptors: BTreeMap<RawFd, SocketId>,
    /// Calls that wait, by their tickets.
    waiting: BTreeMap<u64, Waiting>,
    next_ticket: u64,
    /// How long nothing has left.
    pub(super) silence: Span,
}

/// A call that waits on a thread of its own.
enum Waiting {
    NotYet(Call),
    Done(Result<Answer, Errno>),
}

/// Whether a call that waited got its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    Somebody,
    Nobody,
}

impl Shared {
    pub(super) fn new(host: Host) -> Self {
        let state = State {
            host,
            descriptors: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
            silence: Span::ZERO,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked has ended the process: this is C's caller.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call, and waits for its end unless `blocking` or the socket says otherwise. Who
    /// lets time pass tries it again meanwhile, so that it ends at its very time.
    pub(super) fn call(&self, mut call: Call, blocking: Blocking) -> Result<Answer, Errno> {
        let mut state = self.lock();
        let of_socket = state.host.blocking(call.socket())?;
        let attempt = state.host.attempt(&mut call);
        self.changed.notify_all();
        let result = match attempt {
            Attempt::Ready(result) => return result,
            Attempt::Wait(result) => result,
        };
        if blocking == Blocking::Fails || of_socket == Blocking::Fails {
            return result;
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.insert(ticket, Waiting::NotYet(call));
        loop {
            state = self.wait(state);
            if let Some(Waiting::Done(_)) = state.waiting.get(&ticket)
                && let Some(Waiting::Done(result)) = state.waiting.remove(&ticket)
            {
                self.changed.notify_all();
                return result;
            }
        }
    }

    /// Lets time pass up to `end`, or until a call that waited is done: its thread is to note
    /// when that was before time goes on.
    pub(super) fn sleep_until(&self, end: Instant) {
        let mut state = self.lock();
        let mut woken = state.retry();
        while woken == Woken::Nobody && state.host.step(end) {
            woken = state.retry();
        }
        if woken == Woken::Nobody {
            state.host.advance(end);
            woken = state.retry();
        }
        self.hand_over(state, woken);
    }

    /// Waits until those whose calls are done have taken their results.
    pub(super) fn hand_over(&self, mut state: MutexGuard<'_, State>, woken: Woken) {
        self.changed.notify_all();
        if woken == Woken::Nobody {
            return;
        }
        while state.waiting.values().any(|waiting| matches!(waiting, Waiting::Done(_))) {
            state = self.wait(state);
        }
        drop(state);
        // They still have to get from here to packetdrill's own lock: real time, not virtual.
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl State {
    /// Tries the calls that wait.
    pub(super) fn retry(&mut self) -> Woken {
        let mut woken = Woken::Nobody;
        for waiting in self.waiting.values_mut() {
            if let Waiting::NotYet(call) = waiting
                && let Attempt::Ready(result) = self.host.attempt(call)
            {
                *waiting = Waiting::Done(result);
                woken = Woken::Somebody;
            }
        }
        woken
    }

    /// The socket of a descriptor.
    pub(super) fn socket(&self, fd: c_int) -> Result<SocketId, Errno> {
        self.descriptors.get(&fd).copied().ok_or(Errno::EBADF)
    }

    /// A real descriptor for a socket. It belongs to who asked for it: packetdrill closes by
    /// itself what a script leaves open.
    pub(super) fn name(&mut self, socket: SocketId) -> Result<c_int, Errno> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC).map_err(|_| Errno::EMFILE)?.into_raw_fd();
        self.descriptors.insert(fd, socket);
        Ok(fd)
    }

    /// Forgets a descriptor; its socket is the caller's to close.
    pub(super) fn forget(&mut self, fd: c_int) -> Result<SocketId, Errno> {
        self.descriptors.remove(&fd).ok_or(Errno::EBADF)
    }
}

/// What `userdata` points to.
///
/// # Safety
/// `userdata` is the table's, and `free` has not been called.
pub(super) unsafe fn shared<'a>(userdata: *mut c_void) -> &'a Shared {
    // SAFETY: init made it from a box that only `free` takes back; all threads share it.
    unsafe { &*userdata.cast::<Shared>() }
}

/// Does something with the state, and gives 0, or -1 and `errno`.
///
/// # Safety
/// As [`shared`].
pub(super) unsafe fn with(
    userdata: *mut c_void,
    step: impl FnOnce(&mut State) -> Result<c_int, Errno>,
) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let mut state = shared.lock();
    let result = step(&mut state);
    let woken = state.retry();
    shared.hand_over(state, woken);
    result.unwrap_or_else(fail)
}

/// The end: nothing is called any more.
///
/// # Safety
/// `userdata` is the table's, and no other call is under way.
pub(super) unsafe extern "C" fn free(userdata: *mut c_void) {
    // SAFETY: init made it from a box, and packetdrill frees it once.
    drop(unsafe { Box::from_raw(userdata.cast::<Shared>()) });
}
