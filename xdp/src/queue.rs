//! The safe face of one receive queue: a worker's socket, rings and frames.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use rustix::io::Errno;

use crate::config::{ETHERNET_BYTES_MAX, Fit, Mode, QueueConfig, SuperFrames};
use crate::counters::{DropReason, QueueCounters};
use crate::error::OpenError;
use crate::link::LinkFacts;
use crate::program::AttachMode;
use crate::ring::Rings;
use crate::socket::{Binding, Buffers, Socket, SocketConfig};
use crate::stats::{self, SocketStats};
use crate::superframe::{Head, Refusal, SuperFrame, SuperSocket};
use crate::sys;
use crate::umem::{Frame, FrameCounts, JumboCounts, MemoryUse, Owner, Pool, PoolConfig};

/// The shortest frame that a driver takes: a bare Ethernet header.
const FRAME_BYTES_MIN: usize = 14;

/// One receive queue of an interface, and the transmit queue of the same number.
///
/// It stays with its thread, and so do its frames.
#[derive(Debug)]
pub struct Queue {
    rings: Rings,
    socket: Socket,
    /// `None` where super-frames don't pay, or can't be had.
    super_socket: Option<SuperSocket>,
    pool: Rc<Pool>,
    config: QueueConfig,
    facts: LinkFacts,
    queue_id: u32,
    buffers: Buffers,
    attached: Cell<AttachMode>,
    gathering: Gathering,
    counters: QueueCounters,
}

/// A packet of several chunks that has not arrived whole.
#[derive(Debug)]
enum Gathering {
    Idle,
    Into { frame: Frame, len: usize },
    Dropping(DropReason),
}

impl Queue {
    /// Opens a socket on queue `queue_id` of `interface`: zero-copy where the driver can, else copy.
    ///
    /// Frames arrive once [`crate::Program::register`] knows the queue.
    ///
    /// # Errors
    /// [`OpenError`] says what is missing and how to get it.
    pub fn open(interface: &str, queue_id: u32, config: &QueueConfig) -> Result<Self, OpenError> {
        let facts = LinkFacts::of(interface).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OpenError::NoInterface(interface.to_owned()),
            _ => OpenError::Kernel { doing: "asking about the interface", source },
        })?;
        if queue_id >= facts.rx_queues {
            return Err(OpenError::QueueOutOfRange { queue: queue_id, queues: facts.rx_queues });
        }
        config.check()?;
        let fit = Fit::of(config.chunk_size, facts.mtu_bytes)?;
        let pool = Pool::new(&PoolConfig {
            chunks: config.frames,
            chunk_bytes: fit.chunk_bytes,
            jumbo_bytes: (facts.mtu_bytes + ETHERNET_BYTES_MAX) as usize,
            jumbos_max: config.jumbos_max,
        })
        .map_err(OpenError::Memory)?;
        let best = if config.mode == Mode::ZeroCopy { Binding::ZeroCopy } else { Binding::Copy };
        let (socket, rings) = Socket::open(
            &pool,
            &SocketConfig {
                interface: facts.index,
                queue: queue_id,
                ring_len: config.ring_len,
                umem_ring_len: config.frames.next_power_of_two(),
                buffers: fit.buffers,
                best,
            },
        )?;
        let mut queue = Self {
            rings,
            super_socket: open_super_socket(config, &facts, socket.binding()),
            socket,
            pool,
            config: *config,
            facts,
            queue_id,
            buffers: fit.buffers,
            attached: Cell::new(AttachMode::Native),
            gathering: Gathering::Idle,
            counters: QueueCounters::default(),
        };
        queue.refill();
        queue.log_mode();
        Ok(queue)
    }

    /// Hands up to `max` received frames to `out` and gives the kernel new chunks to receive into.
    /// Returns how many.
    pub fn receive(&mut self, max: usize, out: &mut impl FnMut(Frame)) -> usize {
        let mut received = 0;
        while received < max {
            let Some(descriptor) = self.rings.rx.pop() else { break };
            let Some(frame) = self.take_received(&descriptor) else { continue };
            self.counters.rx_packets += 1;
            self.counters.rx_bytes += frame.len() as u64;
            received += 1;
            out(frame);
        }
        self.rings.rx.release();
        self.refill();
        received
    }

    /// Received frames that wait in the RX ring: descriptors, of which a large frame has several.
    #[must_use]
    pub fn receivable(&self) -> u32 {
        self.rings.rx.available()
    }

    /// A free chunk to write a frame into; `None` if there is none. Its length is all of the chunk:
    /// set it to that of the frame.
    #[must_use]
    pub fn alloc(&mut self) -> Option<Frame> {
        if self.pool.count(Owner::Free) == 0 {
            self.reap();
        }
        self.pool.alloc()
    }

    /// A frame with room for `len` bytes: a chunk, or on a link with a large MTU a larger buffer.
    /// `None` if there is none, or if `len` is beyond the MTU.
    #[must_use]
    pub fn alloc_for(&mut self, len: usize) -> Option<Frame> {
        if len <= self.pool.chunk_bytes() as usize {
            return self.alloc();
        }
        if len > self.pool.jumbo_bytes() { None } else { self.pool.alloc_jumbo() }
    }

    /// Puts a frame on the TX ring; [`Self::flush`] has it sent.
    ///
    /// A frame that can never be sent (see [`DropReason`]) is dropped and counted.
    ///
    /// # Errors
    /// The frame, if the ring is full or the pool has no chunks to cut it into: flush, and try again.
    pub fn transmit(&mut self, frame: Frame) -> Result<(), Frame> {
        let len = frame.len();
        if len < FRAME_BYTES_MIN {
            self.counters.drops.count(DropReason::Runt);
            return Ok(());
        }
        if self.rings.tx.room(1) == 0 {
            self.counters.tx_ring_full += 1;
            return Err(frame);
        }
        match frame.into_tx() {
            Ok(addr) => {
                let len = u32::try_from(len).expect("a chunk is at most 4096 bytes");
                let pushed = self.rings.tx.push(libc::xdp_desc { addr, len, options: 0 });
                pushed.expect("the ring has room: checked above");
            }
            Err(jumbo) => self.scatter(jumbo)?,
        }
        self.counters.tx_packets += 1;
        self.counters.tx_bytes += len as u64;
        Ok(())
    }

    /// Whether [`Self::transmit_super`] may send: the ring copies, and the link may take super-frames.
    #[must_use]
    pub const fn has_super_frames(&self) -> bool {
        self.super_socket.is_some()
    }

    /// Sends a super-frame at once, behind what is on the TX ring, which it has sent first.
    ///
    /// # Errors
    /// [`Refusal`] says whether to try again or to cut it.
    pub fn transmit_super(&mut self, frame: &SuperFrame<'_>) -> Result<(), Refusal> {
        let Some(socket) = &mut self.super_socket else { return Err(Refusal::Cut) };
        let head = socket.prepare(frame);
        let sent = head.and_then(|head| self.send_super(head, frame));
        match sent {
            Ok(bytes) => {
                self.counters.tx_super_frames += 1;
                self.counters.tx_super_bytes += bytes as u64;
            }
            Err(Refusal::Cut) => self.counters.tx_super_refused += 1,
            Err(Refusal::Busy) => {}
        }
        sent.map(drop)
    }

    /// Has the kernel send what was put on the TX ring, takes back what was sent, and gives it new
    /// chunks to receive into. Called at the end of each turn, also when nothing was sent: a worker
    /// that sleeps over an empty fill ring is not woken by what arrives.
    ///
    /// Frames may stay in the ring, if the driver's queue is full: [`Self::unsent`] tells. Then it is
    /// for the caller to flush again; readiness of [`Self::fd`] for writing only says that the
    /// ring is half empty.
    ///
    /// # Errors
    /// What the kernel says when the interface is down or gone.
    pub fn flush(&mut self) -> io::Result<()> {
        self.rings.tx.publish();
        let result = self.kick();
        self.reap();
        self.refill();
        result
    }

    /// Descriptors on the TX ring that the kernel has not taken.
    #[must_use]
    pub fn unsent(&self) -> u32 {
        self.rings.tx.waiting()
    }

    /// Whether a flush would have to call the kernel for frames still on the TX ring.
    #[must_use]
    pub fn needs_wakeup(&self) -> bool {
        self.unsent() > 0 && self.rings.tx.needs_wakeup()
    }

    /// The socket, to wait for received frames. Whatever waits on it has to let go of it before the
    /// queue can be opened again.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The number of this queue.
    #[must_use]
    pub const fn queue_id(&self) -> u32 {
        self.queue_id
    }

    /// The interface, as it was when the queue was opened.
    #[must_use]
    pub const fn link(&self) -> &LinkFacts {
        &self.facts
    }

    /// How frames travel. [`Mode::Skb`] is known from [`crate::Program::register`] on.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match (self.attached.get(), self.socket.binding()) {
            (AttachMode::Skb, _) => Mode::Skb,
            (AttachMode::Native, Binding::ZeroCopy) => Mode::ZeroCopy,
            (AttachMode::Native, Binding::Copy) => Mode::Copy,
        }
    }

    /// Why the driver refused zero-copy, if it was asked.
    #[must_use]
    pub const fn zero_copy_refused(&self) -> Option<&io::Error> {
        self.socket.zero_copy_refused()
    }

    /// The largest frame that can be received or sent, in bytes.
    #[must_use]
    pub fn frame_bytes_max(&self) -> usize {
        self.pool.jumbo_bytes()
    }

    /// Where the chunks are.
    #[must_use]
    pub fn frames(&self) -> FrameCounts {
        let rx = self.rings.rx.available();
        let completion = self.rings.completion.available();
        FrameCounts {
            total: self.pool.total(),
            free: self.pool.count(Owner::Free),
            fill: self.pool.count(Owner::Fill).saturating_sub(rx),
            rx,
            tx: self.pool.count(Owner::Tx).saturating_sub(completion),
            completion,
            held: self.pool.count(Owner::Held),
        }
    }

    /// The buffers for frames that are larger than a chunk.
    #[must_use]
    pub fn jumbos(&self) -> JumboCounts {
        self.pool.jumbos()
    }

    /// The memory of the frames.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        self.pool.memory_use()
    }

    /// What this queue has counted.
    #[must_use]
    pub const fn counters(&self) -> &QueueCounters {
        &self.counters
    }

    /// What the kernel has counted for its socket.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn stats(&self) -> io::Result<SocketStats> {
        stats::read(self.socket.as_fd())
    }

    /// Closes the socket and takes back what the kernel had: the counts after that. Frames still
    /// held stay good, and go back to the pool when they are dropped.
    #[must_use]
    pub fn close(mut self) -> FrameCounts {
        self.reap();
        let Self { rings, socket, pool, gathering, .. } = self;
        drop(gathering);
        drop(socket);
        drop(rings);
        pool.reclaim();
        FrameCounts {
            total: pool.total(),
            free: pool.count(Owner::Free),
            held: pool.count(Owner::Held),
            ..FrameCounts::default()
        }
    }

    pub(crate) fn set_attached(&self, mode: AttachMode) {
        self.attached.set(mode);
    }

    fn take_received(&mut self, descriptor: &libc::xdp_desc) -> Option<Frame> {
        let part = self.pool.received(descriptor);
        let last = descriptor.options & sys::XDP_PKT_CONTD == 0;
        if last && matches!(self.gathering, Gathering::Idle) {
            return Some(part);
        }
        self.gathering = match std::mem::replace(&mut self.gathering, Gathering::Idle) {
            Gathering::Idle => match self.pool.alloc_jumbo() {
                Some(frame) => append(frame, 0, &part),
                None => Gathering::Dropping(DropReason::JumboLimit),
            },
            Gathering::Into { frame, len } => append(frame, len, &part),
            dropping @ Gathering::Dropping(_) => dropping,
        };
        if !last {
            return None;
        }
        match std::mem::replace(&mut self.gathering, Gathering::Idle) {
            Gathering::Into { mut frame, len } => {
                frame.set_len(len);
                self.counters.rx_gathered += 1;
                Some(frame)
            }
            Gathering::Dropping(reason) => {
                self.counters.drops.count(reason);
                None
            }
            Gathering::Idle => None,
        }
    }

    /// Cuts a large frame into chunks, all or none.
    fn scatter(&mut self, jumbo: Frame) -> Result<(), Frame> {
        let parts = jumbo.len().div_ceil(self.pool.chunk_bytes() as usize);
        let limit = if self.buffers == Buffers::Multiple { sys::PACKET_DESCRIPTORS_MAX } else { 1 };
        if parts > limit {
            self.counters.drops.count(DropReason::TooLong);
            return Ok(());
        }
        let needed = u32::try_from(parts).expect("at most 18: checked above");
        if self.pool.count(Owner::Free) < needed {
            self.reap();
        }
        if self.rings.tx.room(needed) < needed || self.pool.count(Owner::Free) < needed {
            self.counters.tx_ring_full += 1;
            return Err(jumbo);
        }
        let mut rest = &jumbo[..];
        while !rest.is_empty() {
            let mut chunk = self.pool.alloc().expect("enough are free: checked above");
            let (part, after) = rest.split_at(rest.len().min(chunk.len()));
            chunk[..part.len()].copy_from_slice(part);
            let len = u32::try_from(part.len()).expect("a chunk is at most 4096 bytes");
            let addr = chunk.into_tx().expect("it came from `alloc`, which gives chunks");
            let options = if after.is_empty() { 0 } else { sys::XDP_PKT_CONTD };
            let pushed = self.rings.tx.push(libc::xdp_desc { addr, len, options });
            pushed.expect("the ring has room: checked above");
            rest = after;
        }
        self.counters.tx_scattered += 1;
        Ok(())
    }

    /// Sends what is on the ring, and then the super-frame.
    fn send_super(&mut self, head: Head, frame: &SuperFrame<'_>) -> Result<usize, Refusal> {
        self.rings.tx.publish();
        // What is wrong with the link, the flush at the end of the turn says as well.
        if self.kick().is_err() || self.unsent() > 0 {
            return Err(Refusal::Busy);
        }
        self.super_socket.as_mut().ok_or(Refusal::Cut)?.send(head, frame)
    }

    fn refill(&mut self) {
        let with_kernel = self.pool.count(Owner::Fill).saturating_sub(self.rings.rx.available());
        let wanted = self.config.fill_max.saturating_sub(with_kernel);
        let spare = self.pool.count(Owner::Free).saturating_sub(self.config.tx_reserve);
        if spare < wanted {
            self.counters.fill_starved += 1;
        }
        for _ in 0..wanted.min(spare) {
            let address = self.pool.take_for_fill().expect("enough are free: checked above");
            let pushed = self.rings.fill.push(address);
            pushed.expect("the fill ring has a slot for every chunk");
        }
        self.rings.fill.publish();
        if self.rings.fill.needs_wakeup() {
            self.counters.rx_kicks += 1;
            // It reports what receiving will report; there is nothing to add here.
            let _: Result<(), Errno> = self.socket.wake_receive();
        }
    }

    fn reap(&mut self) {
        while let Some(address) = self.rings.completion.pop() {
            self.pool.completed(address);
        }
        self.rings.completion.release();
    }

    /// In copy mode a call moves a bounded number of frames: it is repeated while it moves any.
    fn kick(&mut self) -> io::Result<()> {
        let mut before = self.unsent();
        while before > 0 && self.rings.tx.needs_wakeup() {
            self.counters.tx_kicks += 1;
            match self.socket.send() {
                // In copy mode the kernel says BUSY when it has taken a frame and the driver not.
                Err(Errno::BUSY) if self.socket.binding() == Binding::Copy => {
                    self.counters.drops.count(DropReason::DriverFull);
                }
                Ok(()) | Err(Errno::AGAIN | Errno::BUSY | Errno::NOBUFS | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let after = self.unsent();
            if self.socket.binding() == Binding::ZeroCopy || after == before {
                break;
            }
            before = after;
        }
        if before > 0 && self.socket.binding() == Binding::Copy {
            self.counters.tx_kicks_short += 1;
        }
        Ok(())
    }

    fn log_mode(&self) {
        let refused = self.zero_copy_refused().map(ToString::to_string).unwrap_or_default();
        tracing::info!(
            interface = self.facts.name,
            queue = self.queue_id,
            mode = self.mode().name(),
            zero_copy_refused = refused,
            tx_budget = self.socket.tx_budget(),
            pages = ?self.pool.memory_use().pages,
            "AF_XDP queue is open"
        );
    }
}

/// Zero-copy has no use for it: the ring is cheaper there.
fn open_super_socket(
    config: &QueueConfig,
    facts: &LinkFacts,
    binding: Binding,
) -> Option<SuperSocket> {
    if config.super_frames == SuperFrames::Off || binding == Binding::ZeroCopy {
        return None;
    }
    match SuperSocket::open(facts.index) {
        Ok(socket) => Some(socket),
        Err(error) => {
            let interface = &facts.name;
            tracing::info!(interface, %error, "no super-frames: everything goes through the ring");
            None
        }
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd()
    }
}

fn append(mut frame: Frame, len: usize, part: &[u8]) -> Gathering {
    match frame.get_mut(len..len + part.len()) {
        Some(place) => {
            place.copy_from_slice(part);
            Gathering::Into { frame, len: len + part.len() }
        }
        None => Gathering::Dropping(DropReason::JumboTooLong),
    }
}
