//! Ending operations: from the kernel's completions to the caller's.

use std::rc::Rc;

use io_uring::cqueue;
use rustix::io::Errno;
use stable_deref_trait::StableDeref;

use crate::buffers::RecordBuffer;
use crate::completion::Completion;
use crate::error::OperationError;
use crate::ops::{Ended, NO_SLOT, Operation, Receive, SlotId};
use crate::ring::Ring;
use crate::socket::{Progress, Sends, ShutdownState, SocketState};

/// A socket whose sends are being completed, one at each call.
pub(crate) struct Settling {
    pub(crate) socket: Rc<SocketState>,
    pub(crate) outcome: Outcome,
}

/// What became of the sends that were with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This many bytes were sent, and what is left goes on.
    Sent(usize),
    /// This many bytes were sent, and what is left is cancelled.
    SentLast(usize),
    /// All that is left of the list fails.
    Failed(Errno),
}

impl<S: StableDeref<Target = [u8]> + 'static> Ring<S> {
    /// The next completion that the last turn brought; `None` when another turn is needed.
    pub fn next_completion(&mut self) -> Option<Completion<S>> {
        loop {
            if let Some(completion) = self.settle_next() {
                self.counters.completions += 1;
                return Some(completion);
            }
            let entry = self.kernel.pop()?;
            if let Some(completion) = self.complete(&entry) {
                self.counters.completions += 1;
                return Some(completion);
            }
        }
    }

    /// Takes a completion while the ring is being dropped: only what the kernel gives back counts.
    pub(crate) fn bury(&mut self, entry: &cqueue::Entry) {
        if entry.user_data() == NO_SLOT || cqueue::more(entry.flags()) {
            return;
        }
        self.submitted -= 1;
        let id = SlotId::from_user_data(entry.user_data());
        match self.slots.get_mut(id) {
            Some(Operation::Receive(receive)) => {
                let class = receive.class;
                if let Some(index) = cqueue::buffer_select(entry.flags()) {
                    drop(self.provided[class.index()].received(index, 0));
                }
            }
            Some(Operation::Send(send)) => {
                // The list's other sends were never submitted, or went along with this one.
                let socket = Rc::clone(&send.socket);
                self.slots.recycle_batch(&socket);
            }
            _ => {}
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> Option<Completion<S>> {
        let result = result_of(entry);
        if entry.user_data() == NO_SLOT {
            if result.is_err() {
                self.counters.side_failures += 1;
            }
            return None;
        }
        if !cqueue::more(entry.flags()) {
            self.submitted -= 1;
        }
        let id = SlotId::from_user_data(entry.user_data());
        match self.slots.get_mut(id).expect("an operation ends once") {
            Operation::Connect { .. } => self.connected(id, result),
            Operation::Receive(_) => self.received(id, result, entry.flags()),
            Operation::ShutDown { .. } => self.shut_down(id, result),
            Operation::Watch { .. } => self.watched(id, result, entry.flags()),
            Operation::Wake { .. } => self.woken(id),
            Operation::Send(send) => {
                let socket = Rc::clone(&send.socket);
                self.sent(socket, result);
                None
            }
        }
    }

    fn connected(&mut self, id: SlotId, result: Result<usize, Errno>) -> Option<Completion<S>> {
        let Some(Operation::Connect { socket, token, address: _ }) = self.slots.remove(id) else {
            unreachable!("looked up by the caller");
        };
        socket.connect.set(None);
        self.release(socket);
        let result = result.map(drop).map_err(OperationError::from_errno);
        Some(Completion::Connected { token, result })
    }

    fn received(
        &mut self,
        id: SlotId,
        result: Result<usize, Errno>,
        flags: u32,
    ) -> Option<Completion<S>> {
        let Some(Operation::Receive(receive)) = self.slots.get_mut(id) else {
            unreachable!("looked up by the caller");
        };
        let (class, ended) = (receive.class, receive.ended);
        let buffer = cqueue::buffer_select(flags).map(|index| {
            let payload_len = result.unwrap_or(0);
            self.provided[class.index()].received(index, payload_len)
        });
        // The kernel's ring ran empty within a turn. It is filled first: the entry may be submitted
        // at once, and would come back here for ever.
        let ran_empty = result == Err(Errno::NOBUFS) && ended == Ended::No;
        if ran_empty && self.provided[class.index()].fill(self.armed[class.index()]) > 0 {
            self.counters.receives_rearmed += 1;
            self.submit(id);
            return None;
        }
        let Some(Operation::Receive(Receive { socket, token, .. })) = self.slots.remove(id) else {
            unreachable!("looked up above");
        };
        self.armed[class.index()] -= 1;
        socket.receive.set(None);
        self.release(socket);
        match (result, ended) {
            (Err(Errno::NOBUFS), Ended::No) => {
                self.counters.no_buffers += 1;
                Some(Completion::NoBuffers { token, class })
            }
            (Err(Errno::NOBUFS), Ended::Cancelled) => {
                Some(Completion::Received { token, result: Err(OperationError::Cancelled) })
            }
            (Err(errno), _) => {
                let error = OperationError::from_errno(errno);
                Some(Completion::Received { token, result: Err(error) })
            }
            (Ok(len), _) => {
                let buffer: Option<RecordBuffer> = if len == 0 { None } else { buffer };
                Some(Completion::Received { token, result: Ok(buffer) })
            }
        }
    }

    fn shut_down(&mut self, id: SlotId, result: Result<usize, Errno>) -> Option<Completion<S>> {
        let Some(Operation::ShutDown { socket, token }) = self.slots.remove(id) else {
            unreachable!("looked up by the caller");
        };
        socket.shutdown.set(ShutdownState::None);
        self.release(socket);
        let result = result.map(drop).map_err(OperationError::from_errno);
        Some(Completion::ShutDown { token, result })
    }

    /// The kernel is done with the head of a socket's list, and what left along with it.
    fn sent(&mut self, socket: Rc<SocketState>, result: Result<usize, Errno>) {
        self.slots.recycle_batch(&socket);
        let outcome = match (result, socket.progress.get()) {
            (Ok(bytes), Progress::Cancelling) => Outcome::SentLast(bytes),
            (Ok(bytes), _) => Outcome::Sent(bytes),
            (Err(errno), _) => Outcome::Failed(errno),
        };
        socket.progress.set(Progress::Settling);
        self.settling.push_back(Settling { socket, outcome });
    }

    /// Completes the next send of the socket whose turn it is.
    fn settle_next(&mut self) -> Option<Completion<S>> {
        while let Some(mut settling) = self.settling.pop_front() {
            let state = Rc::clone(&settling.socket);
            if let Some(completion) = self.settle_head(&state, &mut settling.outcome) {
                if state.sends.get().head.is_none() {
                    // What is sent from here on has no part in how these ended.
                    settling.outcome = Outcome::Sent(0);
                }
                self.settling.push_front(settling);
                self.release(state);
                return Some(completion);
            }
            drop(settling);
            if state.sends.get().head.is_some() {
                self.queue(&state);
                continue;
            }
            state.progress.set(Progress::Idle);
            let shut_down = self.end_waiting_shutdown(&state);
            self.release(state);
            if shut_down.is_some() {
                return shut_down;
            }
        }
        None
    }

    /// Submits the shutdown that waited for a socket's last send, or completes it if cancelled.
    fn end_waiting_shutdown(&mut self, state: &SocketState) -> Option<Completion<S>> {
        let ShutdownState::Cancelled(id) = state.shutdown.get() else {
            self.go_on_with_shutdown(state);
            return None;
        };
        self.shut_down(id, Err(Errno::CANCELED))
    }

    /// Completes the head of the list, if the outcome covers it.
    fn settle_head(&mut self, state: &SocketState, outcome: &mut Outcome) -> Option<Completion<S>> {
        let head = state.sends.get().head?;
        let send = self.slots.send_mut(head);
        let left = send.range.len();
        let failure = match outcome {
            Outcome::Sent(bytes) | Outcome::SentLast(bytes) if *bytes >= left => {
                *bytes -= left;
                None
            }
            Outcome::Sent(bytes) => {
                send.range.start += *bytes;
                self.counters.sends_resumed += u64::from(*bytes > 0);
                return None;
            }
            Outcome::SentLast(_) => {
                *outcome = Outcome::Failed(Errno::CANCELED);
                Some(Errno::CANCELED)
            }
            Outcome::Failed(errno) => Some(*errno),
        };
        let Some(Operation::Send(send)) = self.slots.remove(head) else {
            unreachable!("looked up above");
        };
        let tail = if send.next.is_some() { state.sends.get().tail } else { None };
        state.sends.set(Sends { head: send.next, tail });
        let result = match failure {
            None => Ok(send.total),
            Some(errno) => Err(OperationError::from_errno(errno)),
        };
        Some(Completion::Sent { token: send.token, data: send.data, result })
    }
}

fn result_of(entry: &cqueue::Entry) -> Result<usize, Errno> {
    usize::try_from(entry.result()).map_err(|_| Errno::from_raw_os_error(-entry.result()))
}
