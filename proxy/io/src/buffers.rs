//! Record buffers: one mapping a size class, and the rings through which the kernel picks from it.
//!
//! A buffer is free, in the kernel's ring, or held as a [`RecordBuffer`]; the counts of a class add
//! up to its total at any time.

#![expect(
    unsafe_code,
    reason = "maps the buffers and shares them with the kernel; each block says who owns what"
)]

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use stable_deref_trait::StableDeref;

use crate::config::PoolConfig;
use crate::error::PoolError;
use crate::free_list::FreeList;

/// Bytes before the payload: a TLS record's header, TLS 1.2's explicit nonce included.
///
/// The record layer has a constant of the same name and value; the two crates don't know each
/// other, and the proxy, which knows both, asserts that they agree.
pub const HEADER_ROOM: usize = 13;

/// Bytes behind the payload: the AEAD's tag and TLS 1.3's content type.
pub const TAG_ROOM: usize = 17;

/// Distance alignment of the entries of a class: a cache line, so that two buffers share none.
const ENTRY_ALIGN: usize = 64;

/// Most entries of a class: the kernel names them with 16 bits.
const ENTRIES_MAX: usize = 1 << 16;

/// Size class of a record buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// 2048 bytes of payload: first records of a connection, small answers.
    Small,
    /// 4096 bytes of payload.
    Medium,
    /// 16384 bytes of payload: a full record.
    Large,
}

impl Class {
    /// Every class, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Most payload a buffer of this class takes.
    pub const fn payload_bytes(self) -> usize {
        match self {
            Self::Small => 2048,
            Self::Medium => 4096,
            Self::Large => 16_384,
        }
    }

    /// The whole buffer: payload with the room before and behind it.
    pub const fn buffer_bytes(self) -> usize {
        HEADER_ROOM + self.payload_bytes() + TAG_ROOM
    }

    /// Name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// Distance from one buffer to the next.
    const fn stride_bytes(self) -> usize {
        self.buffer_bytes().next_multiple_of(ENTRY_ALIGN)
    }

    /// Position in per-class tables, and the kernel's buffer group number.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Small => 0,
            Self::Medium => 1,
            Self::Large => 2,
        }
    }

    /// The kernel's number of this class's buffer group.
    pub(crate) const fn group(self) -> u16 {
        match self {
            Self::Small => 0,
            Self::Medium => 1,
            Self::Large => 2,
        }
    }
}

/// Where the buffers of one class are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferCounts {
    /// All there are: `free + kernel + held`.
    pub total: usize,
    /// What [`BufferPool::take`] could still give.
    pub free: usize,
    /// Lent to the kernel for receives.
    pub kernel: usize,
    /// Alive as [`RecordBuffer`]s.
    pub held: usize,
}

/// Bytes of a pool, for the memory ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolMemory {
    /// Address space mapped.
    pub reserved_bytes: u64,
    /// What was used: the distinct buffers that were handed out or received into since they last gave
    /// their memory back, times their size. A buffer that waits in the kernel's ring for its first
    /// byte is not touched; one that took a single byte counts in full. Of a page that two buffers
    /// share, the idle one's part stays resident, uncounted, until the other is idle too.
    pub touched_bytes: u64,
}

/// The record buffers of one worker, by size class. Clones are handles to the same buffers.
#[derive(Clone)]
pub struct BufferPool {
    groups: Rc<[Group; 3]>,
}

impl BufferPool {
    /// Reserves the address space of all classes; memory is touched as buffers are used.
    ///
    /// # Errors
    ///
    /// A class that is empty or larger than 65,536 buffers, or no address space.
    pub fn new(config: &PoolConfig) -> Result<Self, PoolError> {
        let groups = [
            Group::new(Class::Small, config.entries.small)?,
            Group::new(Class::Medium, config.entries.medium)?,
            Group::new(Class::Large, config.entries.large)?,
        ];
        Ok(Self { groups: Rc::new(groups) })
    }

    /// Takes a buffer with an empty range at the payload's start; `None` when the class is used up.
    ///
    /// Its bytes are what the last holder left there: only ever expose what was written since.
    pub fn take(&self, class: Class) -> Option<RecordBuffer> {
        let index = self.group(class).take_free()?;
        Some(self.hold(class, index, 0))
    }

    /// How many buffers [`take`](Self::take) could still give.
    pub fn free(&self, class: Class) -> usize {
        self.group(class).free_len()
    }

    /// Where the buffers of a class are.
    pub fn counts(&self, class: Class) -> BufferCounts {
        let group = self.group(class);
        let (free, kernel) = (group.free_len(), group.kernel.get());
        BufferCounts { total: group.total, free, kernel, held: group.total - free - kernel }
    }

    /// Reserved and touched bytes of one class.
    pub fn memory(&self, class: Class) -> PoolMemory {
        let group = self.group(class);
        let stride = class.stride_bytes() as u64;
        PoolMemory {
            reserved_bytes: stride * group.total as u64,
            touched_bytes: stride * group.lists.borrow().touched() as u64,
        }
    }

    /// How many free buffers could give their memory back if they stay idle: a few always keep it.
    pub fn spare(&self) -> usize {
        self.groups.iter().map(|group| group.lists.borrow().spare()).sum()
    }

    /// From here on it is noted which buffers are idle.
    pub fn begin_period(&self) {
        self.groups.iter().for_each(|group| group.lists.borrow_mut().begin_period());
    }

    /// Gives the memory of buffers that were idle since the period began back to the kernel, up to
    /// `most` of each class. Returns how many are left to be given back.
    pub fn give_back_idle(&self, most: usize) -> usize {
        let left = |group: &Group| {
            group.give_back_idle(most);
            group.lists.borrow().idle()
        };
        self.groups.iter().map(left).sum()
    }

    fn group(&self, class: Class) -> &Group {
        &self.groups[class.index()]
    }

    /// Makes the owner of an entry that has just left the free list or the kernel's ring.
    fn hold(&self, class: Class, index: u16, payload_len: usize) -> RecordBuffer {
        let group = self.group(class);
        group.lists.borrow_mut().touch(index);
        RecordBuffer {
            start: HEADER_ROOM,
            end: HEADER_ROOM + payload_len,
            entry: group.entry(index),
            pool: self.clone(),
            class,
            index,
        }
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for class in Class::ALL {
            map.entry(&class.name(), &self.counts(class));
        }
        map.finish()
    }
}

/// One record buffer, owned. Dereferences to its current range; dropping it frees it.
///
/// It keeps its pool alive, so it may outlive the ring that received into it.
pub struct RecordBuffer {
    pool: BufferPool,
    entry: NonNull<u8>,
    start: usize,
    end: usize,
    class: Class,
    index: u16,
}

impl RecordBuffer {
    /// Size class.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The current range, counted from the start of the whole buffer.
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Chooses the bytes this buffer dereferences to.
    ///
    /// # Panics
    ///
    /// When the range is not within the buffer.
    pub fn set_range(&mut self, range: Range<usize>) {
        assert!(
            range.start <= range.end && range.end <= self.class.buffer_bytes(),
            "range lies within the record buffer"
        );
        self.start = range.start;
        self.end = range.end;
    }

    /// The whole buffer: header room, payload, tag room.
    pub const fn raw_mut(&mut self) -> &mut [u8] {
        // SAFETY: the entry is `buffer_bytes` long, mapped and zeroed at first use, and belongs to
        // this value alone until its drop; the pool handle keeps the mapping alive.
        unsafe { std::slice::from_raw_parts_mut(self.entry.as_ptr(), self.class.buffer_bytes()) }
    }
}

impl Deref for RecordBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as in `raw_mut`; `set_range` keeps the range within the entry.
        unsafe {
            std::slice::from_raw_parts(self.entry.as_ptr().add(self.start), self.end - self.start)
        }
    }
}

impl DerefMut for RecordBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        let range = self.range();
        &mut self.raw_mut()[range]
    }
}

// SAFETY: the bytes lie in the pool's mapping, not in this value; moving it doesn't move them.
unsafe impl StableDeref for RecordBuffer {}

impl Drop for RecordBuffer {
    fn drop(&mut self) {
        self.pool.group(self.class).lists.borrow_mut().put(self.index);
    }
}

impl fmt::Debug for RecordBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBuffer")
            .field("class", &self.class)
            .field("index", &self.index)
            .field("range", &self.range())
            .finish_non_exhaustive()
    }
}

/// Owned bytes on their way to a backend.
#[derive(Debug)]
pub enum Outgoing<F> {
    /// Decrypted where the network interface put them.
    Frame(F),
    /// Gathered from several frames.
    Record(RecordBuffer),
    /// Copied out, or made by the proxy itself.
    Copied(Vec<u8>),
}

impl<F: Deref<Target = [u8]>> Deref for Outgoing<F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Frame(frame) => frame,
            Self::Record(record) => record,
            Self::Copied(bytes) => bytes,
        }
    }
}

// SAFETY: each variant's owner is StableDeref itself, and the variant is never changed in place.
unsafe impl<F: StableDeref<Target = [u8]>> StableDeref for Outgoing<F> {}

/// The buffers of one class.
struct Group {
    class: Class,
    total: usize,
    memory: Mapping,
    lists: RefCell<FreeList>,
    /// Entries lent to the kernel.
    kernel: Cell<usize>,
}

impl Group {
    fn new(class: Class, entries: u32) -> Result<Self, PoolError> {
        let total = usize::try_from(entries).unwrap_or(usize::MAX);
        if total == 0 || total > ENTRIES_MAX {
            return Err(PoolError::Entries { class, entries });
        }
        let memory = Mapping::new(total * class.stride_bytes()).map_err(PoolError::Map)?;
        Ok(Self {
            class,
            total,
            memory,
            lists: RefCell::new(FreeList::new(total)),
            kernel: Cell::new(0),
        })
    }

    fn free_len(&self) -> usize {
        self.lists.borrow().len()
    }

    fn take_free(&self) -> Option<u16> {
        self.lists.borrow_mut().take()
    }

    /// Up to `most` idle entries give their memory back.
    fn give_back_idle(&self, most: usize) {
        let mut lists = self.lists.borrow_mut();
        let mut entries: Vec<_> =
            std::iter::from_fn(|| lists.next_idle()).take(most).map(usize::from).collect();
        // SAFETY: the pages hold only entries that are cold, so that they are
        // free: no record buffer refers to them, and the kernel was lent none of them. The list is
        // borrowed meanwhile, so that none is taken.
        let give_back = |pages: &Range<usize>| unsafe { self.memory.give_back(pages) };
        // Pages that follow one another go together.
        entries.sort_unstable();
        let (stride, page) = (self.class.stride_bytes(), self.memory.page_bytes);
        let mut run = 0..0;
        for entry in entries {
            let bytes = entry * stride..(entry + 1) * stride;
            for number in bytes.start / page..bytes.end.div_ceil(page) {
                let last = ((number + 1) * page - 1) / stride;
                let idle = lists.are_cold(number * page / stride, last.min(self.total - 1));
                if number < run.end || !idle {
                    continue;
                }
                if number > run.end {
                    give_back(&run);
                    run.start = number;
                }
                run.end = number + 1;
            }
        }
        give_back(&run);
    }

    fn entry(&self, index: u16) -> NonNull<u8> {
        assert!(usize::from(index) < self.total, "entry belongs to the class");
        // SAFETY: the mapping holds `total` strides and the index was checked just now.
        unsafe { self.memory.start.add(usize::from(index) * self.class.stride_bytes()) }
    }
}

/// The ring through which the kernel picks buffers of one class.
///
/// It holds only as many entries as there are receives that could use one, because the kernel
/// takes them first in, first out: a ring kept full would walk through every page of the class.
pub(crate) struct ProvidedRing {
    pool: BufferPool,
    class: Class,
    memory: Mapping,
    entries: u16,
    /// Next position to fill; the kernel's copy is published by `publish`.
    tail: Cell<u16>,
}

impl ProvidedRing {
    /// `entries`: a power of two, at most 32,768.
    pub(crate) fn new(pool: &BufferPool, class: Class, entries: u16) -> Result<Self, PoolError> {
        if !entries.is_power_of_two() {
            return Err(PoolError::Depth { depth: entries });
        }
        let bytes = usize::from(entries) * size_of::<BufRingEntry>();
        let memory = Mapping::new(bytes).map_err(PoolError::Map)?;
        Ok(Self { pool: pool.clone(), class, memory, entries, tail: Cell::new(0) })
    }

    /// Where the kernel finds the ring.
    pub(crate) fn address(&self) -> u64 {
        self.memory.start.as_ptr() as u64
    }

    /// Bytes of the ring itself.
    pub(crate) const fn ring_bytes(&self) -> usize {
        self.memory.len
    }

    /// Positions of the ring.
    pub(crate) const fn entries(&self) -> u16 {
        self.entries
    }

    /// Lends free buffers to the kernel until it has `wanted`, the ring is full or the class used
    /// up; how many it has then.
    pub(crate) fn fill(&self, wanted: usize) -> usize {
        let group = self.pool.group(self.class);
        let wanted = wanted.min(usize::from(self.entries));
        let mut lent = false;
        while group.kernel.get() < wanted {
            let Some(index) = group.take_free() else { break };
            self.write(self.tail.get(), group.entry(index), index);
            self.tail.set(self.tail.get().wrapping_add(1));
            group.kernel.set(group.kernel.get() + 1);
            lent = true;
        }
        if lent {
            self.publish();
        }
        group.kernel.get()
    }

    /// Takes back the buffer that a completion named, with what was received into it.
    pub(crate) fn received(&self, index: u16, payload_len: usize) -> RecordBuffer {
        let group = self.pool.group(self.class);
        let lent = group.kernel.get();
        assert!(lent > 0, "the kernel returns only what it was lent");
        assert!(payload_len <= self.class.payload_bytes(), "a receive stays within its buffer");
        group.kernel.set(lent - 1);
        self.pool.hold(self.class, index, payload_len)
    }

    /// Takes back all that the kernel has not used. Only once it can use the ring no more.
    pub(crate) fn reclaim(&self) {
        let group = self.pool.group(self.class);
        let mut lists = group.lists.borrow_mut();
        for back in 1..=group.kernel.take() {
            let back = u16::try_from(back).expect("no more were lent than the ring has positions");
            let position = self.tail.get().wrapping_sub(back);
            // SAFETY: the position is masked into the mapping, and the kernel no longer uses it.
            let index = unsafe { (*self.slot(position)).bid() };
            lists.put(index);
        }
    }

    fn slot(&self, position: u16) -> *mut BufRingEntry {
        let offset = usize::from(position & (self.entries - 1));
        // SAFETY: the mapping holds `entries` entries, a power of two, and the offset is masked.
        unsafe { self.memory.start.cast::<BufRingEntry>().add(offset).as_ptr() }
    }

    fn write(&self, position: u16, entry: NonNull<u8>, index: u16) {
        let payload_bytes =
            u32::try_from(self.class.payload_bytes()).expect("a payload fits 32 bits");
        // SAFETY: `entry` is at least `buffer_bytes` long, more than HEADER_ROOM.
        let payload = unsafe { entry.add(HEADER_ROOM) };
        // SAFETY: a position from the tail on is not read by the kernel before `publish`, and
        // there is room: no more entries are lent than the ring has positions. The setters leave
        // alone the tail, which shares the first entry.
        unsafe {
            let slot = self.slot(position);
            (*slot).set_addr(payload.as_ptr() as u64);
            (*slot).set_len(payload_bytes);
            (*slot).set_bid(index);
        }
    }

    fn publish(&self) {
        // SAFETY: the first entry is mapped and zeroed, and holds the ring's tail at a place that
        // is aligned for a u16 and that only this thread writes.
        let tail = unsafe {
            let tail = BufRingEntry::tail(self.slot(0));
            AtomicU16::from_ptr(tail.cast_mut())
        };
        tail.store(self.tail.get(), Ordering::Release);
    }
}

/// Anonymous private memory, zeroed, touched lazily, unmapped on drop.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
    page_bytes: usize,
}

impl Mapping {
    fn new(len: usize) -> rustix::io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice, which nobody refers to yet.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        // Huge pages would touch 2 MiB for the first byte of a buffer, and the ledger's touched
        // bytes would no longer be what is resident. A kernel without them refuses: just as well.
        // SAFETY: the advice concerns the pages mapped above and changes no content.
        let _refused: rustix::io::Result<()> =
            unsafe { rustix::mm::madvise(start, len, Advice::LinuxNoHugepage) };
        let start = NonNull::new(start.cast::<u8>()).expect("a mapping is never at address zero");
        Ok(Self { start, len, page_bytes: rustix::param::page_size() })
    }

    /// Gives pages back to the kernel, by their numbers: they read as zeros from then on.
    ///
    /// # Safety
    ///
    /// Nobody has a reference into them or lent them to the kernel, and nobody counts on what they
    /// hold.
    unsafe fn give_back(&self, pages: &Range<usize>) {
        let (start, end) = (pages.start * self.page_bytes, pages.end * self.page_bytes);
        let len = end.min(self.len).saturating_sub(start);
        if len == 0 {
            return;
        }
        // SAFETY: the pages lie within the mapping, whose start is that of a page, and the caller
        // vouches for what they hold.
        let result = unsafe {
            let start = self.start.as_ptr().add(start).cast();
            rustix::mm::madvise(start, len, Advice::LinuxDontNeed)
        };
        debug_assert!(result.is_ok(), "giving back what was mapped: {result:?}");
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; owners of parts of it hold the pool alive.
        let result = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(result.is_ok(), "unmapping what was mapped");
    }
}
