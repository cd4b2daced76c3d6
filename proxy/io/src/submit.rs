//! Beginning operations.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use stable_deref_trait::StableDeref;

use crate::address::Address;
use crate::buffers::Class;
use crate::error::{ArmError, ConnectError, Full};
use crate::ops::{self, Ended, Operation, Receive, Send, SlotId};
use crate::ring::{NoDelay, Ring};
use crate::settle::{Outcome, Settling};
use crate::socket::{Progress, ShutdownState, Socket, SocketState};

impl<S: StableDeref<Target = [u8]> + 'static> Ring<S> {
    /// Begins to connect. The socket may be closed or dropped at once; send and receive only when
    /// the connect has completed.
    ///
    /// # Errors
    ///
    /// No slot is free, the path is no address, or no socket can be made.
    pub fn connect(&mut self, address: &Address, token: u64) -> Result<Socket, ConnectError> {
        if !self.slots.has_room() {
            return Err(ConnectError::Full);
        }
        let kernel_address = Box::new(address.to_kernel()?);
        let socket = self.adopt(address.open()?);
        if matches!(address, Address::Inet(_)) {
            self.set_no_delay(&socket)?;
        }
        let state = Rc::clone(socket.state());
        let operation = Operation::Connect { socket: state, token, address: kernel_address };
        let id = self.slots.insert(operation).map_err(|_| ConnectError::Full)?;
        socket.state().connect.set(Some(id));
        self.submit(id);
        Ok(socket)
    }

    /// Makes a socket of a connected descriptor.
    pub fn adopt(&self, fd: OwnedFd) -> Socket {
        Socket::new(fd, &self.orphans)
    }

    /// Queues a range of `data` behind what the socket has queued already.
    ///
    /// A socket's sends leave in order; all that are queued during one turn of the loop leave
    /// together. `data` is kept until its completion gives it back.
    ///
    /// # Errors
    ///
    /// No slot is free: `data` comes back at once.
    ///
    /// # Panics
    ///
    /// When the range is not within `data`.
    pub fn send(
        &mut self,
        socket: &Socket,
        data: S,
        range: Range<usize>,
        token: u64,
    ) -> Result<(), Full<S>> {
        assert!(
            range.start <= range.end && range.end <= data.len(),
            "the range to send lies within the data"
        );
        let state = socket.state();
        let total = range.len();
        let send = Send { socket: Rc::clone(state), token, data, range, total, next: None };
        let id = match self.slots.insert(Operation::Send(send)) {
            Ok(id) => id,
            Err(Operation::Send(send)) => return Err(Full(send.data)),
            Err(_) => unreachable!("what comes back is what went in"),
        };
        let mut sends = state.sends.get();
        match sends.tail {
            Some(tail) => self.slots.send_mut(tail).next = Some(id),
            None => sends.head = Some(id),
        }
        sends.tail = Some(id);
        state.sends.set(sends);
        if state.progress.get() == Progress::Idle {
            self.queue(state);
        }
        Ok(())
    }

    /// Arms one receive: what comes next, up to a buffer of the class.
    ///
    /// # Errors
    ///
    /// No slot is free, or the socket has a receive armed.
    pub fn recv(&mut self, socket: &Socket, class: Class, token: u64) -> Result<(), ArmError> {
        let state = socket.state();
        if state.receive.get().is_some() {
            return Err(ArmError::Armed);
        }
        let socket = Rc::clone(state);
        let receive = Receive { socket, token, class, ended: Ended::No };
        let id = self.slots.insert(Operation::Receive(receive)).map_err(|_| ArmError::Full)?;
        state.receive.set(Some(id));
        self.armed[class.index()] += 1;
        self.submit(id);
        Ok(())
    }

    /// Sends a FIN behind all that is queued. Receiving goes on.
    ///
    /// # Errors
    ///
    /// No slot is free, or the socket has a shutdown in flight.
    pub fn shutdown_write(&mut self, socket: &Socket, token: u64) -> Result<(), ArmError> {
        let state = socket.state();
        if state.shutdown.get() != ShutdownState::None {
            return Err(ArmError::Armed);
        }
        let operation = Operation::ShutDown { socket: Rc::clone(state), token };
        let id = self.slots.insert(operation).map_err(|_| ArmError::Full)?;
        state.shutdown.set(ShutdownState::Waiting(id));
        self.go_on_with_shutdown(state);
        Ok(())
    }

    /// Cancels all that the socket has in flight. Each operation still has its completion: what it
    /// did until then, or [`OperationError::Cancelled`](crate::OperationError::Cancelled). Sends
    /// that are queued before the cancelled one has completed end with it.
    pub fn cancel(&mut self, socket: &Socket) {
        self.cancel_all_of(socket.state());
    }

    /// Cancels what the socket has in flight and closes it when that has ended.
    pub fn close(&mut self, socket: Socket) {
        let state = Rc::clone(socket.state());
        self.cancel_all_of(&state);
        drop(socket);
        self.release(state);
    }

    /// Cancels the operations of sockets that were dropped.
    pub(crate) fn adopt_orphans(&mut self) {
        while let Some(state) = self.orphans.pop() {
            self.cancel_all_of(&state);
            self.release(state);
        }
    }

    /// Submits the first sends of every socket that queued some.
    pub(crate) fn submit_queued(&mut self) {
        while let Some(state) = self.queued.pop_front() {
            if state.progress.get() != Progress::Queued {
                continue;
            }
            let head = state.sends.get().head.expect("a queued socket has sends");
            state.progress.set(Progress::Sending);
            if self.slots.send_mut(head).next.is_some() {
                self.counters.sends_gathered += 1;
            }
            self.submit(head);
        }
    }

    /// Lends the kernel a buffer for each armed receive, as far as there are.
    pub(crate) fn lend_buffers(&self) {
        for (ring, armed) in self.provided.iter().zip(self.armed) {
            let _lent: usize = ring.fill(armed);
        }
    }

    pub(crate) fn queue(&mut self, state: &Rc<SocketState>) {
        state.progress.set(Progress::Queued);
        self.queued.push_back(Rc::clone(state));
    }

    pub(crate) fn submit(&mut self, id: SlotId) {
        self.submitted += 1;
        self.slots.submit(id, &mut self.kernel);
    }

    /// Gives up a share of a socket; the last one closes it.
    pub(crate) fn release(&mut self, state: Rc<SocketState>) {
        if let Some(state) = Rc::into_inner(state) {
            ops::push_close(state.into_fd(), &mut self.kernel);
        }
    }

    /// Submits a waiting shutdown if nothing is left to be sent before it.
    pub(crate) fn go_on_with_shutdown(&mut self, state: &SocketState) {
        let ShutdownState::Waiting(id) = state.shutdown.get() else { return };
        if state.sends.get().head.is_none() {
            state.shutdown.set(ShutdownState::Submitted);
            self.submit(id);
        }
    }

    fn cancel_all_of(&mut self, state: &Rc<SocketState>) {
        if let ShutdownState::Waiting(id) = state.shutdown.get() {
            state.shutdown.set(ShutdownState::Cancelled(id));
        }
        if let Some(id) = state.connect.get() {
            ops::push_cancel(id, &mut self.kernel);
        }
        if let Some(id) = state.receive.get() {
            if let Some(Operation::Receive(receive)) = self.slots.get_mut(id) {
                receive.ended = Ended::Cancelled;
            }
            ops::push_cancel(id, &mut self.kernel);
        }
        match state.progress.get() {
            Progress::Sending => {
                let head = state.sends.get().head.expect("a sending socket has sends");
                state.progress.set(Progress::Cancelling);
                ops::push_cancel(head, &mut self.kernel);
            }
            Progress::Queued => {
                state.progress.set(Progress::Settling);
                let outcome = Outcome::Failed(Errno::CANCELED);
                self.settling.push_back(Settling { socket: Rc::clone(state), outcome });
            }
            Progress::Settling => self.fail_settling(state),
            Progress::Idle | Progress::Cancelling => {}
        }
    }

    /// What is still to be completed of a send ends here: nothing of it is submitted again.
    fn fail_settling(&mut self, state: &Rc<SocketState>) {
        let of_socket = |settling: &&mut Settling| Rc::ptr_eq(&settling.socket, state);
        if let Some(settling) = self.settling.iter_mut().find(of_socket)
            && let Outcome::Sent(bytes) = settling.outcome
        {
            settling.outcome = Outcome::SentLast(bytes);
        }
    }

    fn set_no_delay(&mut self, socket: &Socket) -> Result<(), ConnectError> {
        match self.no_delay {
            NoDelay::ByRing => {
                ops::push_no_delay(socket.state(), &mut self.kernel);
                Ok(())
            }
            NoDelay::BySystemCall => rustix::net::sockopt::set_tcp_nodelay(socket, true)
                .map_err(|errno| ConnectError::Socket(errno.into())),
        }
    }
}
