//! The rings shared with the kernel: fill and TX, which weir produces, and RX and completion,
//! which it consumes.
//!
//! Each side owns one index and only reads the other. An entry is written before the producer
//! index is released and read after it was acquired; the consumer index gives the slot back the
//! same way. [`RingMemory`] keeps this protocol apart from where the words lie, so that the very
//! code that runs on the kernel's rings is checked with loom.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rustix::net::sockopt;
use rustix::net::xdp::{
    XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING,
    XdpRingOffset,
};

use crate::mmap::Mmap;
use crate::sys;

#[cfg(test)]
mod tests;

/// Addresses of free chunks, for the kernel to receive into.
pub(crate) type FillRing = Producer<Mapped<u64>>;
/// Received frames.
pub(crate) type RxRing = Consumer<Mapped<libc::xdp_desc>>;
/// Frames to send.
pub(crate) type TxRing = Producer<Mapped<libc::xdp_desc>>;
/// Addresses of frames that were sent.
pub(crate) type CompletionRing = Consumer<Mapped<u64>>;

/// The four rings of a socket.
#[derive(Debug)]
pub(crate) struct Rings {
    pub(crate) fill: FillRing,
    pub(crate) rx: RxRing,
    pub(crate) tx: TxRing,
    pub(crate) completion: CompletionRing,
}

/// Slots of the rings, as the socket was told: powers of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingLengths {
    /// Of RX and TX.
    pub(crate) packets: u32,
    /// Of fill and completion.
    pub(crate) chunks: u32,
}

impl Rings {
    /// Maps the rings of a new socket. Called once for each.
    pub(crate) fn map(socket: BorrowedFd<'_>, lengths: RingLengths) -> io::Result<Self> {
        let offsets = sockopt::xdp_mmap_offsets(socket)?;
        let place = |page_offset, words, slots| RingPlace { page_offset, words, slots };
        let fill = place(XDP_UMEM_PGOFF_FILL_RING, offsets.fr, lengths.chunks);
        let completion = place(XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr, lengths.chunks);
        let rx = place(XDP_PGOFF_RX_RING, offsets.rx, lengths.packets);
        let tx = place(XDP_PGOFF_TX_RING, offsets.tx, lengths.packets);
        // SAFETY: the entry types are the kernel's for these rings (if_xdp.h), and `Socket::open`
        // calls this once for its new socket, so each side exists once.
        unsafe {
            Ok(Self {
                fill: Producer::new(Mapped::map(socket, &fill)?),
                rx: Consumer::new(Mapped::map(socket, &rx)?),
                tx: Producer::new(Mapped::map(socket, &tx)?),
                completion: Consumer::new(Mapped::map(socket, &completion)?),
            })
        }
    }
}

/// Which of the two indices of a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Index {
    /// Entries ever written.
    Producer,
    /// Entries ever taken.
    Consumer,
}

/// The words of one ring: two indices, flags and the entries.
pub(crate) trait RingMemory {
    /// What a slot holds.
    type Entry: Copy;

    /// Number of slots: a power of two.
    fn slots(&self) -> u32;
    /// Reads an index.
    fn load(&self, index: Index, order: Ordering) -> u32;
    /// Writes an index.
    fn store(&self, index: Index, value: u32, order: Ordering);
    /// Reads the flags, which the kernel writes at any time.
    fn flags(&self) -> u32;
    /// Reads the entry at `position`, modulo the number of slots.
    ///
    /// # Safety
    /// The caller's side owns the slot: it lies between consumer and producer index.
    unsafe fn read(&self, position: u32) -> Self::Entry;
    /// Writes the entry at `position`, modulo the number of slots.
    ///
    /// # Safety
    /// The caller's side owns the slot: it does not lie between consumer and producer index.
    unsafe fn write(&self, position: u32, entry: Self::Entry);
}

/// The ring is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The side of a ring that writes entries. There is one for a ring: it is neither `Clone` nor `Copy`.
#[derive(Debug)]
pub(crate) struct Producer<M> {
    memory: M,
    /// Entries written, published or not.
    written: u32,
    /// Entries published.
    published: u32,
    /// Consumer index as last read.
    taken: u32,
}

impl<M: RingMemory> Producer<M> {
    /// Takes the producing side of a ring.
    ///
    /// # Safety
    /// No other producer of this memory exists.
    pub(crate) unsafe fn new(memory: M) -> Self {
        let written = memory.load(Index::Producer, Ordering::Relaxed);
        let taken = memory.load(Index::Consumer, Ordering::Acquire);
        Self { memory, written, published: written, taken }
    }

    /// Slots that can be written now; reads the consumer's index if `wanted` may not be there.
    pub(crate) fn room(&mut self, wanted: u32) -> u32 {
        let slots = self.memory.slots();
        let known = slots.saturating_sub(self.written.wrapping_sub(self.taken));
        if known >= wanted {
            return known;
        }
        self.taken = self.memory.load(Index::Consumer, Ordering::Acquire);
        slots.saturating_sub(self.written.wrapping_sub(self.taken))
    }

    /// Writes one entry; the other side sees it after [`Self::publish`].
    ///
    /// # Errors
    /// [`Full`] if every slot waits for the consumer.
    pub(crate) fn push(&mut self, entry: M::Entry) -> Result<(), Full> {
        if self.room(1) == 0 {
            return Err(Full);
        }
        // SAFETY: `room` says that the consumer has given this slot back (acquired), and it is not
        // published before the entry is whole; there is no other producer.
        unsafe { self.memory.write(self.written, entry) };
        self.written = self.written.wrapping_add(1);
        Ok(())
    }

    /// Shows the entries written to the other side.
    pub(crate) fn publish(&mut self) {
        if self.published != self.written {
            self.memory.store(Index::Producer, self.written, Ordering::Release);
            self.published = self.written;
        }
    }

    /// Entries published that the other side has not taken.
    pub(crate) fn waiting(&self) -> u32 {
        self.published.wrapping_sub(self.memory.load(Index::Consumer, Ordering::Acquire))
    }

    /// Whether the kernel asks to be woken for what was published.
    pub(crate) fn needs_wakeup(&self) -> bool {
        // The flag must not be read before the index was written, or both sides may sleep.
        fence(Ordering::SeqCst);
        self.memory.flags() & sys::XDP_RING_NEED_WAKEUP != 0
    }
}

/// The side of a ring that takes entries. There is one for a ring: it is neither `Clone` nor `Copy`.
#[derive(Debug)]
pub(crate) struct Consumer<M> {
    memory: M,
    /// Entries taken, given back or not.
    taken: u32,
    /// Entries given back.
    released: u32,
    /// Producer index as last read.
    written: u32,
}

impl<M: RingMemory> Consumer<M> {
    /// Takes the consuming side of a ring.
    ///
    /// # Safety
    /// No other consumer of this memory exists.
    pub(crate) unsafe fn new(memory: M) -> Self {
        let taken = memory.load(Index::Consumer, Ordering::Relaxed);
        let written = memory.load(Index::Producer, Ordering::Acquire);
        Self { memory, taken, released: taken, written }
    }

    /// Takes the next entry.
    pub(crate) fn pop(&mut self) -> Option<M::Entry> {
        if self.taken == self.written {
            self.written = self.memory.load(Index::Producer, Ordering::Acquire);
            if self.taken == self.written {
                return None;
            }
        }
        // SAFETY: the producer has published this slot (acquired) and does not write it again
        // before `release`; there is no other consumer.
        let entry = unsafe { self.memory.read(self.taken) };
        self.taken = self.taken.wrapping_add(1);
        Some(entry)
    }

    /// Gives the slots of the entries taken back to the producer.
    pub(crate) fn release(&mut self) {
        if self.released != self.taken {
            self.memory.store(Index::Consumer, self.taken, Ordering::Release);
            self.released = self.taken;
        }
    }

    /// Entries that wait to be taken.
    pub(crate) fn available(&self) -> u32 {
        self.memory.load(Index::Producer, Ordering::Acquire).wrapping_sub(self.taken)
    }
}

/// A ring of the kernel's in a mapping of its own.
#[derive(Debug)]
pub(crate) struct Mapped<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    slots: u32,
    /// What keeps the pointers alive.
    _mapping: Mmap,
    _entries: PhantomData<T>,
}

/// Which ring of a socket, and how long it is.
#[derive(Clone, Copy, Debug)]
struct RingPlace {
    /// Offset for `mmap`: one of the PGOFF constants.
    page_offset: u64,
    /// Where its words lie in the mapping.
    words: XdpRingOffset,
    slots: u32,
}

impl<T: Copy> Mapped<T> {
    /// Maps a ring. `T` is the type of its entries: an address or a descriptor.
    ///
    /// # Errors
    /// Those of `mmap`; `InvalidData` if the kernel's offsets make no sense.
    ///
    /// # Safety
    /// `T` is what the kernel keeps in this ring.
    unsafe fn map(socket: BorrowedFd<'_>, place: &RingPlace) -> io::Result<Self> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let offset = |word: u64| usize::try_from(word).map_err(|_| bad());
        let words = &place.words;
        let entries = offset(words.desc)?;
        let slots = usize::try_from(place.slots).map_err(|_| bad())?;
        let len = slots.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(entries));
        let mapping = Mmap::ring(socket, len.ok_or_else(bad)?, place.page_offset)?;
        let word = |at: u64| -> io::Result<NonNull<AtomicU32>> {
            let at = offset(at)?;
            if at % align_of::<AtomicU32>() != 0 || at + size_of::<AtomicU32>() > mapping.len() {
                return Err(bad());
            }
            // SAFETY: `at` is inside the mapping, as was just checked.
            Ok(unsafe { mapping.start().add(at) }.cast())
        };
        if entries % align_of::<T>() != 0 || !place.slots.is_power_of_two() {
            return Err(bad());
        }
        Ok(Self {
            producer: word(words.producer)?,
            consumer: word(words.consumer)?,
            flags: word(words.flags.ok_or_else(bad)?)?,
            // SAFETY: the mapping reaches from `entries` on for all slots: `len` above.
            entries: unsafe { mapping.start().add(entries) }.cast(),
            slots: place.slots,
            _mapping: mapping,
            _entries: PhantomData,
        })
    }

    fn word(&self, index: Index) -> &AtomicU32 {
        let word = match index {
            Index::Producer => self.producer,
            Index::Consumer => self.consumer,
        };
        // SAFETY: it points into the mapping that `self` owns, aligned, and both sides use it
        // atomically only.
        unsafe { word.as_ref() }
    }

    fn slot(&self, position: u32) -> NonNull<T> {
        let slot = position & (self.slots - 1);
        // SAFETY: the slot is below `slots`, for which the mapping has room.
        unsafe { self.entries.add(slot as usize) }
    }
}

impl<T: Copy> RingMemory for Mapped<T> {
    type Entry = T;

    fn slots(&self) -> u32 {
        self.slots
    }

    fn load(&self, index: Index, order: Ordering) -> u32 {
        self.word(index).load(order)
    }

    fn store(&self, index: Index, value: u32, order: Ordering) {
        self.word(index).store(value, order);
    }

    fn flags(&self) -> u32 {
        // SAFETY: as for `word`.
        unsafe { self.flags.as_ref() }.load(Ordering::Relaxed)
    }

    unsafe fn read(&self, position: u32) -> T {
        // SAFETY: aligned and inside the mapping; the caller's side owns the slot. Every bit
        // pattern is a value of the integers that entries are made of.
        unsafe { self.slot(position).read() }
    }

    unsafe fn write(&self, position: u32, entry: T) {
        // SAFETY: aligned and inside the mapping; the caller's side owns the slot.
        unsafe { self.slot(position).write(entry) };
    }
}
