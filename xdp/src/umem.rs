//! The frames: chunks of one pinned mapping, each with exactly one owner.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::process;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::slice;

use stable_deref_trait::StableDeref;

use crate::mmap::{HUGE_PAGE_BYTES, Mmap};

/// Size of the chunks that frames lie in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChunkSize {
    /// 2 KiB if a frame of the interface's MTU fits, else 4 KiB.
    #[default]
    Fit,
    /// 2048 bytes.
    Kib2,
    /// 4096 bytes.
    Kib4,
}

/// The pages that back the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Reserved huge pages (`vm.nr_hugepages`).
    Huge,
    /// Normal pages, joined by the kernel where it does so.
    Normal,
}

/// What the frames of a queue take: all of it is resident, since the kernel pins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes of the chunks.
    pub frames_bytes: usize,
    /// What they lie in.
    pub pages: Pages,
    /// Bytes of the buffers for frames that are larger than a chunk.
    pub jumbos_bytes: usize,
    /// Bytes that keep account of the chunks.
    pub bookkeeping_bytes: usize,
}

/// Where the chunks are. The parts always sum to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// All chunks.
    pub total: u32,
    /// In the pool.
    pub free: u32,
    /// With the kernel, to receive into.
    pub fill: u32,
    /// Received, in the RX ring.
    pub rx: u32,
    /// In the TX ring or on the way out.
    pub tx: u32,
    /// Sent, in the completion ring.
    pub completion: u32,
    /// Held as a [`Frame`].
    pub held: u32,
}

/// Buffers for frames larger than a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JumboCounts {
    /// How many there may be.
    pub limit: u32,
    /// How many were made so far.
    pub allocated: u32,
    /// How many are held as a [`Frame`].
    pub held: u32,
}

/// One Ethernet frame, owned. Dropping it gives its memory back to the queue it came from.
///
/// It stays with its thread: neither `Send` nor `Sync`.
pub struct Frame {
    pool: Rc<Pool>,
    data: NonNull<u8>,
    len: u32,
    /// Bytes from `data` to the end of the memory.
    room: u32,
    storage: Storage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    /// A chunk by its number.
    Chunk(u32),
    /// A buffer of the heap, `data` and `room` being all of it.
    Jumbo,
    /// None any more: it was handed to the kernel.
    Moved,
}

impl Frame {
    /// Sets the length. Bytes that come into view have what was there before.
    ///
    /// # Panics
    /// If `len` is more than [`Self::capacity`].
    pub fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity(), "length beyond the frame's capacity");
        self.len = narrow(len);
    }

    /// Bytes that fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.room as usize
    }

    /// Whether it lies in a buffer of its own because it is larger than a chunk.
    #[must_use]
    pub fn is_jumbo(&self) -> bool {
        self.storage == Storage::Jumbo
    }

    /// Hands the chunk to the kernel for sending: its address in the UMEM, or the frame back if
    /// it is a jumbo.
    pub(crate) fn into_tx(mut self) -> Result<u64, Self> {
        let Storage::Chunk(chunk) = self.storage else { return Err(self) };
        self.pool.transfer(chunk, Owner::Held, Owner::Tx);
        self.storage = Storage::Moved;
        let start = self.pool.memory.start().addr().get();
        Ok((self.data.addr().get() - start) as u64)
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `data` has room for `len` initialised bytes; `pool` keeps the memory alive and
        // this frame alone has it: its owner is `Held`, or the buffer was leaked into it.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.len as usize) }
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only slice.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.len as usize) }
    }
}

// SAFETY: `data` points to a mapping or a heap buffer that does not move when the frame does.
unsafe impl StableDeref for Frame {}

impl Drop for Frame {
    fn drop(&mut self) {
        match self.storage {
            Storage::Chunk(chunk) => self.pool.give_back(chunk, Owner::Held),
            Storage::Jumbo => {
                let buffer = ptr::slice_from_raw_parts_mut(self.data.as_ptr(), self.capacity());
                // SAFETY: `Pool::alloc_jumbo` leaked this box into the frame, with this length.
                self.pool.jumbos.give_back(unsafe { Box::from_raw(buffer) });
            }
            Storage::Moved => {}
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("len", &self.len).field("storage", &self.storage).finish()
    }
}

/// Who has a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The pool.
    Free,
    /// The kernel, from the fill ring to the RX ring.
    Fill,
    /// The kernel, from the TX ring to the completion ring.
    Tx,
    /// A [`Frame`].
    Held,
}

/// Sizes of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolConfig {
    /// Number of chunks.
    pub(crate) chunks: u32,
    /// 2048 or 4096.
    pub(crate) chunk_bytes: u32,
    /// Bytes of a buffer for a frame that is larger than a chunk.
    pub(crate) jumbo_bytes: usize,
    /// How many of them there may be.
    pub(crate) jumbos_max: u32,
}

/// The chunks of one UMEM, and who has which.
#[derive(Debug)]
pub(crate) struct Pool {
    memory: Mmap,
    pages: Pages,
    chunk_bytes: u32,
    owners: Box<[Cell<Owner>]>,
    counts: [Cell<u32>; 4],
    free: RefCell<Vec<u32>>,
    jumbos: Jumbos,
}

impl Pool {
    /// Maps the memory, in huge pages where they can be had.
    pub(crate) fn new(config: &PoolConfig) -> io::Result<Rc<Self>> {
        let bytes = config.chunks as usize * config.chunk_bytes as usize;
        let huge_bytes = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        let (memory, pages) = match Mmap::huge_pages(huge_bytes) {
            Ok(memory) => (memory, Pages::Huge),
            Err(_) => (Mmap::normal_pages(bytes)?, Pages::Normal),
        };
        Ok(Rc::new(Self {
            memory,
            pages,
            chunk_bytes: config.chunk_bytes,
            owners: vec![Cell::new(Owner::Free); config.chunks as usize].into_boxed_slice(),
            counts: [Cell::new(config.chunks), Cell::new(0), Cell::new(0), Cell::new(0)],
            free: RefCell::new((0..config.chunks).rev().collect()),
            jumbos: Jumbos::new(config),
        }))
    }

    /// A free chunk as an empty-handed frame: its length is the whole chunk.
    pub(crate) fn alloc(self: &Rc<Self>) -> Option<Frame> {
        let chunk = self.take(Owner::Held)?;
        Some(self.frame(chunk, Span { offset: 0, len: self.chunk_bytes }))
    }

    /// A buffer for a frame that is larger than a chunk.
    pub(crate) fn alloc_jumbo(self: &Rc<Self>) -> Option<Frame> {
        let buffer = self.jumbos.take()?;
        let room = narrow(buffer.len());
        let data = NonNull::from(Box::leak(buffer)).cast();
        Some(Frame { pool: Rc::clone(self), data, len: room, room, storage: Storage::Jumbo })
    }

    /// A free chunk for the kernel to receive into: its address in the UMEM.
    pub(crate) fn take_for_fill(&self) -> Option<u64> {
        let chunk = self.take(Owner::Fill)?;
        Some(u64::from(chunk) * u64::from(self.chunk_bytes))
    }

    /// The frame of a descriptor that the kernel has filled.
    pub(crate) fn received(self: &Rc<Self>, descriptor: &libc::xdp_desc) -> Frame {
        let (chunk, offset) = self.locate(descriptor.addr);
        if u64::from(offset) + u64::from(descriptor.len) > u64::from(self.chunk_bytes) {
            ownership_lost("a received frame reaches beyond its chunk");
        }
        self.transfer(chunk, Owner::Fill, Owner::Held);
        self.frame(chunk, Span { offset, len: descriptor.len })
    }

    /// The chunk at an address comes back from the completion ring.
    pub(crate) fn completed(&self, address: u64) {
        let (chunk, _) = self.locate(address);
        self.give_back(chunk, Owner::Tx);
    }

    /// Takes back every chunk that the kernel had. Its socket must be closed.
    pub(crate) fn reclaim(&self) {
        for (chunk, owner) in (0..).zip(&*self.owners) {
            match owner.get() {
                Owner::Fill | Owner::Tx => self.give_back(chunk, owner.get()),
                Owner::Free | Owner::Held => {}
            }
        }
    }

    /// Chunks that `owner` has.
    pub(crate) fn count(&self, owner: Owner) -> u32 {
        self.counts[owner as usize].get()
    }

    /// All chunks.
    pub(crate) fn total(&self) -> u32 {
        narrow(self.owners.len())
    }

    /// Bytes of a chunk.
    pub(crate) const fn chunk_bytes(&self) -> u32 {
        self.chunk_bytes
    }

    /// The first byte of the chunks, for the kernel to pin.
    pub(crate) fn address(&self) -> u64 {
        self.memory.start().addr().get() as u64
    }

    /// Bytes of all chunks.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.total()) * u64::from(self.chunk_bytes)
    }

    /// The larger buffers.
    pub(crate) const fn jumbos(&self) -> JumboCounts {
        self.jumbos.counts.get()
    }

    /// Bytes of a larger buffer.
    pub(crate) const fn jumbo_bytes(&self) -> usize {
        self.jumbos.bytes
    }

    /// What all this takes.
    pub(crate) fn memory_use(&self) -> MemoryUse {
        MemoryUse {
            frames_bytes: self.memory.len(),
            pages: self.pages,
            jumbos_bytes: self.jumbos.counts.get().allocated as usize * self.jumbos.bytes,
            bookkeeping_bytes: self.owners.len() * (size_of::<Owner>() + size_of::<u32>()),
        }
    }

    fn frame(self: &Rc<Self>, chunk: u32, span: Span) -> Frame {
        let start = chunk as usize * self.chunk_bytes as usize + span.offset as usize;
        // SAFETY: the chunk exists (it has an owner) and the offset is inside it.
        let data = unsafe { self.memory.start().add(start) };
        let room = self.chunk_bytes - span.offset;
        let storage = Storage::Chunk(chunk);
        Frame { pool: Rc::clone(self), data, len: span.len, room, storage }
    }

    fn locate(&self, address: u64) -> (u32, u32) {
        let chunk = address / u64::from(self.chunk_bytes);
        let offset = address % u64::from(self.chunk_bytes);
        match (u32::try_from(chunk), u32::try_from(offset)) {
            (Ok(chunk), Ok(offset)) if chunk < self.total() => (chunk, offset),
            _ => ownership_lost("the kernel gave back an address outside the UMEM"),
        }
    }

    fn take(&self, owner: Owner) -> Option<u32> {
        let chunk = self.free.borrow_mut().pop()?;
        self.transfer(chunk, Owner::Free, owner);
        Some(chunk)
    }

    fn give_back(&self, chunk: u32, owner: Owner) {
        self.transfer(chunk, owner, Owner::Free);
        // Its capacity is all chunks: this never allocates.
        self.free.borrow_mut().push(chunk);
    }

    fn transfer(&self, chunk: u32, from: Owner, to: Owner) {
        match self.owners.get(chunk as usize) {
            Some(owner) if owner.get() == from => owner.set(to),
            _ => ownership_lost("a chunk was given up by someone who does not own it"),
        }
        let (from, to) = (&self.counts[from as usize], &self.counts[to as usize]);
        from.set(from.get() - 1);
        to.set(to.get() + 1);
    }
}

/// Bytes of a chunk.
#[derive(Clone, Copy)]
struct Span {
    offset: u32,
    len: u32,
}

/// Buffers for frames larger than a chunk: made when first needed, kept, bounded.
#[derive(Debug)]
struct Jumbos {
    bytes: usize,
    counts: Cell<JumboCounts>,
    spare: RefCell<Vec<Box<[u8]>>>,
}

impl Jumbos {
    fn new(config: &PoolConfig) -> Self {
        let limit = config.jumbos_max;
        Self {
            bytes: config.jumbo_bytes,
            counts: Cell::new(JumboCounts { limit, ..JumboCounts::default() }),
            spare: RefCell::new(Vec::with_capacity(limit as usize)),
        }
    }

    fn take(&self) -> Option<Box<[u8]>> {
        let mut counts = self.counts.get();
        let buffer = match self.spare.borrow_mut().pop() {
            Some(buffer) => buffer,
            None if counts.allocated < counts.limit => {
                counts.allocated += 1;
                vec![0; self.bytes].into_boxed_slice()
            }
            None => return None,
        };
        counts.held += 1;
        self.counts.set(counts);
        Some(buffer)
    }

    fn give_back(&self, buffer: Box<[u8]>) {
        let mut counts = self.counts.get();
        counts.held -= 1;
        self.counts.set(counts);
        self.spare.borrow_mut().push(buffer);
    }
}

/// Chunks and their lengths are counted in 32 bits by the kernel's interface.
fn narrow(len: usize) -> u32 {
    u32::try_from(len).expect("a UMEM has fewer than 2^32 chunks, a frame fewer bytes")
}

/// Ends the process: somebody may write to memory that is not theirs any more.
fn ownership_lost(what: &str) -> ! {
    eprintln!("weir: {what}: the packet memory can't be trusted any more, stopping");
    process::abort()
}
