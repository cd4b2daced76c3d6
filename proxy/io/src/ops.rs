//! Operations in flight: the slots that own their memory, and the entries made from them.

#![expect(
    unsafe_code,
    reason = "pushes entries that point to memory; each block says what keeps that memory alive"
)]

use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use io_uring::types::Fd;
use io_uring::{opcode, squeue};
use rustix::net::SocketAddrAny;
use stable_deref_trait::StableDeref;

use crate::buffers::Class;
use crate::ring::KernelRing;
use crate::socket::SocketState;
use crate::wait::WakeState;

/// Most queued sends of a socket that leave in one operation.
const BATCH_MAX: usize = 64;

/// Batches that are kept for the next gathering send; more are freed.
const BATCHES_KEPT: usize = 64;

/// `user_data` of entries that own no memory and whose success is of no interest.
pub(crate) const NO_SLOT: u64 = u64::MAX;

/// Bytes of the waker's event counter.
const COUNTER_BYTES: u32 = 8;

/// Value of a socket option that is switched on.
static OPTION_ON: libc::c_int = 1;

/// Names an operation. A slot that is used again has another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotId {
    index: u32,
    generation: u32,
}

impl SlotId {
    pub(crate) fn user_data(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_user_data(user_data: u64) -> Self {
        let low = user_data & u64::from(u32::MAX);
        Self {
            index: u32::try_from(low).expect("masked to 32 bits"),
            generation: u32::try_from(user_data >> 32).expect("shifted to 32 bits"),
        }
    }
}

/// One operation, with the memory it lends to the kernel.
pub(crate) enum Operation<S> {
    Connect { socket: Rc<SocketState>, token: u64, address: Box<SocketAddrAny> },
    Send(Send<S>),
    Receive(Receive),
    ShutDown { socket: Rc<SocketState>, token: u64 },
    Watch { fd: OwnedFd, token: u64, ended: Ended },
    Wake { state: Arc<WakeState>, counter: Box<[u8; COUNTER_BYTES as usize]> },
}

/// One queued send. A socket's sends form a list, in order; the head is the next to leave.
pub(crate) struct Send<S> {
    pub(crate) socket: Rc<SocketState>,
    pub(crate) token: u64,
    pub(crate) data: S,
    /// What is still to be sent.
    pub(crate) range: Range<usize>,
    /// All that was to be sent.
    pub(crate) total: usize,
    pub(crate) next: Option<SlotId>,
}

/// One armed receive.
pub(crate) struct Receive {
    pub(crate) socket: Rc<SocketState>,
    pub(crate) token: u64,
    pub(crate) class: Class,
    pub(crate) ended: Ended,
}

/// Whether an operation may begin again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It goes on.
    No,
    /// It was cancelled.
    Cancelled,
}

/// Operations by kind. The waker's own is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Connects.
    pub connects: usize,
    /// Sends, queued ones included.
    pub sends: usize,
    /// Armed receives.
    pub receives: usize,
    /// Shutdowns, waiting ones included.
    pub shutdowns: usize,
    /// Watched descriptors.
    pub watches: usize,
}

impl OperationCounts {
    /// All that a connection could have in flight: everything but watches.
    pub const fn of_connections(&self) -> usize {
        let Self { connects, sends, receives, shutdowns, watches: _ } = *self;
        connects + sends + receives + shutdowns
    }

    fn of<S>(&mut self, operation: &Operation<S>) -> Option<&mut usize> {
        match operation {
            Operation::Connect { .. } => Some(&mut self.connects),
            Operation::Send(_) => Some(&mut self.sends),
            Operation::Receive(_) => Some(&mut self.receives),
            Operation::ShutDown { .. } => Some(&mut self.shutdowns),
            Operation::Watch { .. } => Some(&mut self.watches),
            Operation::Wake { .. } => None,
        }
    }
}

/// All operation slots. The vector is reserved once and never grows beyond, so that a slot never
/// moves while the kernel uses what is in it.
pub(crate) struct Slots<S> {
    slots: Vec<Slot<S>>,
    free: Option<u32>,
    counts: OperationCounts,
    /// Batches for gathering sends, to be used again.
    #[expect(clippy::vec_box, reason = "the kernel holds pointers into a batch: it must not move")]
    batches: Vec<Box<Batch>>,
}

struct Slot<S> {
    generation: u32,
    content: Content<S>,
}

enum Content<S> {
    Free { next: Option<u32> },
    Busy(Operation<S>),
}

impl<S> Slots<S> {
    pub(crate) fn new(operations_max: usize) -> Self {
        Self {
            slots: Vec::with_capacity(operations_max),
            free: None,
            counts: OperationCounts::default(),
            batches: Vec::with_capacity(BATCHES_KEPT),
        }
    }

    pub(crate) const fn counts(&self) -> OperationCounts {
        self.counts
    }

    /// Bytes reserved and bytes that were ever used.
    pub(crate) fn memory(&self) -> (usize, usize) {
        let slot = size_of::<Slot<S>>();
        (self.slots.capacity() * slot, self.slots.len() * slot)
    }

    /// Whether an insert would find room.
    pub(crate) fn has_room(&self) -> bool {
        self.free.is_some() || self.slots.len() < self.slots.capacity()
    }

    /// Takes a slot.
    ///
    /// # Errors
    ///
    /// No slot is free: the operation comes back.
    pub(crate) fn insert(&mut self, operation: Operation<S>) -> Result<SlotId, Operation<S>> {
        if !self.has_room() {
            return Err(operation);
        }
        if let Some(count) = self.counts.of(&operation) {
            *count += 1;
        }
        let Some(index) = self.free else {
            let index = u32::try_from(self.slots.len()).expect("the limit fits 32 bits");
            self.slots.push(Slot { generation: 0, content: Content::Busy(operation) });
            return Ok(SlotId { index, generation: 0 });
        };
        let slot = &mut self.slots[index as usize];
        let Content::Free { next } = slot.content else {
            unreachable!("the free list names free slots");
        };
        self.free = next;
        slot.content = Content::Busy(operation);
        Ok(SlotId { index, generation: slot.generation })
    }

    /// The operation in a slot, unless it ended since.
    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut Operation<S>> {
        let slot = self.slots.get_mut(id.index as usize)?;
        match &mut slot.content {
            Content::Busy(operation) if slot.generation == id.generation => Some(operation),
            Content::Busy(_) | Content::Free { .. } => None,
        }
    }

    /// Ends an operation and frees its slot. Only for what the kernel no longer uses.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Operation<S>> {
        self.get_mut(id)?;
        let slot = &mut self.slots[id.index as usize];
        let content = std::mem::replace(&mut slot.content, Content::Free { next: self.free });
        slot.generation = slot.generation.wrapping_add(1);
        self.free = Some(id.index);
        let Content::Busy(operation) = content else {
            unreachable!("looked up just now");
        };
        if let Some(count) = self.counts.of(&operation) {
            *count -= 1;
        }
        Some(operation)
    }

    /// Takes a batch back from a socket whose send has completed.
    pub(crate) fn recycle_batch(&mut self, socket: &SocketState) {
        if let Some(batch) = socket.batch.take()
            && self.batches.len() < BATCHES_KEPT
        {
            self.batches.push(batch);
        }
    }

    /// The send in a slot.
    pub(crate) fn send_mut(&mut self, id: SlotId) -> &mut Send<S> {
        match self.get_mut(id) {
            Some(Operation::Send(send)) => send,
            _ => unreachable!("a socket's list names its sends"),
        }
    }
}

impl<S: StableDeref<Target = [u8]>> Slots<S> {
    /// Hands the operation in a slot to the kernel.
    ///
    /// Whatever it points to lives in the slot, or is owned by what lives there, and stays until
    /// `remove`, which is called only when the operation's last completion was taken.
    pub(crate) fn submit(&mut self, id: SlotId, kernel: &mut KernelRing) {
        let entry = self.entry(id).user_data(id.user_data());
        // SAFETY: see above; the ring's drop waits for every completion before it frees the slots.
        unsafe { kernel.push(entry) };
    }

    fn entry(&mut self, id: SlotId) -> squeue::Entry {
        let operation = self.get_mut(id).expect("a slot is submitted while it is in use");
        match operation {
            Operation::Connect { socket, address, .. } => {
                let fd = Fd(socket.raw_fd());
                opcode::Connect::new(fd, address.as_ptr().cast(), address.addr_len()).build()
            }
            Operation::Receive(receive) => {
                let fd = Fd(receive.socket.raw_fd());
                opcode::Recv::new(fd, std::ptr::null_mut(), 0)
                    .buf_group(receive.class.group())
                    .build()
                    .flags(squeue::Flags::BUFFER_SELECT)
            }
            Operation::ShutDown { socket, .. } => {
                opcode::Shutdown::new(Fd(socket.raw_fd()), libc::SHUT_WR).build()
            }
            Operation::Watch { fd, .. } => {
                let readable = u32::from(libc::POLLIN.unsigned_abs());
                opcode::PollAdd::new(Fd(fd.as_raw_fd()), readable).multi(true).build()
            }
            Operation::Wake { state, counter } => {
                let fd = Fd(state.raw_fd());
                opcode::Read::new(fd, counter.as_mut_ptr(), COUNTER_BYTES).build()
            }
            Operation::Send(send) if send.next.is_none() => {
                let bytes = &send.data[send.range.clone()];
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let fd = Fd(send.socket.raw_fd());
                opcode::Send::new(fd, bytes.as_ptr(), len).flags(libc::MSG_NOSIGNAL).build()
            }
            Operation::Send(send) => {
                let socket = Rc::clone(&send.socket);
                self.batch_entry(id, &socket)
            }
        }
    }

    /// One operation for the first sends of a socket's list.
    fn batch_entry(&mut self, head: SlotId, socket: &SocketState) -> squeue::Entry {
        let mut batch = self.batches.pop().unwrap_or_else(Batch::new);
        batch.len = 0;
        let mut next = Some(head);
        while let Some(id) = next {
            let send = self.send_mut(id);
            if !batch.push(&send.data[send.range.clone()]) {
                break;
            }
            next = send.next;
        }
        let header = batch.header();
        socket.batch.replace(Some(batch));
        let flags = libc::MSG_NOSIGNAL.unsigned_abs();
        opcode::SendMsg::new(Fd(socket.raw_fd()), header).flags(flags).build()
    }
}

/// What a gathering send points to: a message header and the list of slices. It stays with its
/// socket from the submission to the completion.
pub(crate) struct Batch {
    header: libc::msghdr,
    slices: [libc::iovec; BATCH_MAX],
    len: usize,
}

impl Batch {
    fn new() -> Box<Self> {
        // SAFETY: a message header of zeroes is valid: null pointers with lengths of zero.
        let header = unsafe { std::mem::zeroed() };
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Box::new(Self { header, slices: [empty; BATCH_MAX], len: 0 })
    }

    /// Appends a slice; `false` when there is no room.
    fn push(&mut self, bytes: &[u8]) -> bool {
        let Some(slot) = self.slices.get_mut(self.len) else { return false };
        *slot = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        self.len += 1;
        true
    }

    fn header(&mut self) -> *const libc::msghdr {
        self.header.msg_iov = self.slices.as_mut_ptr();
        self.header.msg_iovlen = self.len;
        &raw const self.header
    }
}

/// Asks the kernel to end an operation. The operation still has its own completion.
pub(crate) fn push_cancel(id: SlotId, kernel: &mut KernelRing) {
    let entry = opcode::AsyncCancel::new(id.user_data()).build().user_data(NO_SLOT);
    // SAFETY: the entry points to nothing.
    unsafe { kernel.push(entry) };
}

/// Asks the kernel to end every operation.
pub(crate) fn push_cancel_all(kernel: &mut KernelRing) {
    let all = io_uring::types::CancelBuilder::any();
    let entry = opcode::AsyncCancel2::new(all).build().user_data(NO_SLOT);
    // SAFETY: the entry points to nothing.
    unsafe { kernel.push(entry) };
}

/// Closes a descriptor that nothing else uses.
pub(crate) fn push_close(fd: OwnedFd, kernel: &mut KernelRing) {
    use std::os::fd::IntoRawFd;
    let entry = opcode::Close::new(Fd(fd.into_raw_fd())).build().user_data(NO_SLOT);
    // SAFETY: the entry points to nothing; the descriptor's ownership goes along with it.
    unsafe { kernel.push(entry) };
}

/// Switches Nagle's algorithm off. Has no completion unless it fails.
pub(crate) fn push_no_delay(socket: &SocketState, kernel: &mut KernelRing) {
    let entry =
        no_delay_entry(Fd(socket.raw_fd())).flags(squeue::Flags::SKIP_SUCCESS).user_data(NO_SLOT);
    // SAFETY: the option's value is a static.
    unsafe { kernel.push(entry) };
}

/// As `push_no_delay`, on any descriptor and with a completion: to see whether the kernel can.
pub(crate) fn push_no_delay_trial(fd: &OwnedFd, kernel: &mut KernelRing) {
    let entry = no_delay_entry(Fd(fd.as_raw_fd())).user_data(NO_SLOT);
    // SAFETY: the option's value is a static.
    unsafe { kernel.push(entry) };
}

fn no_delay_entry(fd: Fd) -> squeue::Entry {
    const LEVEL: u32 = libc::IPPROTO_TCP.unsigned_abs();
    const NAME: u32 = libc::TCP_NODELAY.unsigned_abs();
    const LEN: u32 = 4;
    const _: () = assert!(size_of::<libc::c_int>() == LEN as usize);
    opcode::SetSockOpt::new(fd, LEVEL, NAME, (&raw const OPTION_ON).cast(), LEN).build()
}
