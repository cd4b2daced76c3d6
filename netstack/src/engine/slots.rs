//! Connection memory: a slab with stable places and generation-checked names.
//!
//! Slots are allocated in chunks that never move, so a growing table copies no TCB and touches
//! only what is used. A name of a slot that was freed since is refused, not misunderstood.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// Slots in one chunk.
const CHUNK_LEN: usize = 64;
/// Ends the list of free slots.
const NONE: u32 = u32::MAX;

/// The name of a connection: 8 bytes, never equal to that of another connection in the same slot
/// until 2^32 of them have come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The slot.
    index: u32,
    /// Which of the slot's tenants this is.
    generation: NonZeroU32,
}

const _: () = assert!(size_of::<Option<ConnectionId>>() == 8);

impl ConnectionId {
    /// The slot's number, for side tables: reused after the connection is gone, below the limit
    /// that the table was made with.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Slot and generation as one number, for owners that pass an id through a foreign interface.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << u32::BITS | self.index as u64
    }

    /// The id with these [bits](Self::to_bits); `None` if no id has them.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        let [i0, i1, i2, i3, g0, g1, g2, g3] = bits.to_le_bytes();
        let generation = NonZeroU32::new(u32::from_le_bytes([g0, g1, g2, g3]))?;
        Some(Self { index: u32::from_le_bytes([i0, i1, i2, i3]), generation })
    }

    /// The slot's number as the flow table keeps it.
    pub(crate) const fn slot(self) -> u32 {
        self.index
    }
}

/// A table of `T` by [`ConnectionId`].
#[derive(Debug)]
pub(crate) struct Slots<T> {
    /// The memory, grown a chunk at a time.
    chunks: Vec<Box<[Slot<T>]>>,
    /// The slot that the next insertion takes.
    free_head: u32,
    /// Slots in use.
    len: u32,
    /// Slots there may be.
    max: u32,
}

/// One place of the table.
#[derive(Debug)]
struct Slot<T> {
    /// Which tenant this is, or will be.
    generation: NonZeroU32,
    /// The tenant, or the next free slot.
    content: Content<T>,
}

/// What is in a slot.
#[derive(Debug)]
enum Content<T> {
    /// Nothing; the next free slot.
    Free(u32),
    /// A value.
    Used(T),
}

impl<T> Slots<T> {
    /// A table for at most `max` values; memory comes as they do.
    pub(crate) fn new(max: u32) -> Self {
        let chunks = Vec::with_capacity((max as usize).div_ceil(CHUNK_LEN));
        Self { chunks, free_head: NONE, len: 0, max: max.min(NONE - 1) }
    }

    /// Whether an insertion would be refused.
    pub(crate) const fn is_full(&self) -> bool {
        self.len >= self.max
    }

    /// Makes a value that knows its own name.
    ///
    /// `None` when the table is full; `make` is not called then.
    pub(crate) fn insert_with(
        &mut self,
        make: impl FnOnce(ConnectionId) -> T,
    ) -> Option<ConnectionId> {
        if self.is_full() {
            return None;
        }
        if self.free_head == NONE {
            self.grow();
        }
        let index = self.free_head;
        let slot = self.slot_mut(index)?;
        let Content::Free(next) = slot.content else { return None };
        let id = ConnectionId { index, generation: slot.generation };
        slot.content = Content::Used(make(id));
        self.free_head = next;
        self.len += 1;
        Some(id)
    }

    /// Takes the value out; its name is dead from here on.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        let free_head = self.free_head;
        let slot = self.slot_mut(id.index).filter(|slot| slot.generation == id.generation)?;
        if matches!(slot.content, Content::Free(_)) {
            return None;
        }
        let content = core::mem::replace(&mut slot.content, Content::Free(free_head));
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free_head = id.index;
        self.len -= 1;
        match content {
            Content::Used(value) => Some(value),
            Content::Free(_) => None,
        }
    }

    /// The value of that name, if it is still there.
    pub(crate) fn get(&self, id: ConnectionId) -> Option<&T> {
        let slot = self.slot(id.index).filter(|slot| slot.generation == id.generation)?;
        slot.used()
    }

    /// The value of that name, if it is still there.
    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        let slot = self.slot_mut(id.index).filter(|slot| slot.generation == id.generation)?;
        match &mut slot.content {
            Content::Used(value) => Some(value),
            Content::Free(_) => None,
        }
    }

    /// The value in that slot and its name: how the flow table's entries are looked at.
    pub(crate) fn get_at(&self, index: u32) -> Option<(ConnectionId, &T)> {
        let slot = self.slot(index)?;
        let id = ConnectionId { index, generation: slot.generation };
        slot.used().map(|value| (id, value))
    }

    /// Every value with its name, in order of the slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.chunks.iter().flatten().zip(0..).filter_map(|(slot, index)| {
            let id = ConnectionId { index, generation: slot.generation };
            slot.used().map(|value| (id, value))
        })
    }

    /// Values in the table.
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Bytes of memory that the table has allocated, used or not.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK_LEN * size_of::<Slot<T>>()
            + self.chunks.capacity() * size_of::<Box<[Slot<T>]>>()
    }

    /// Adds a chunk of free slots, lowest first. Only when there is no free slot.
    fn grow(&mut self) {
        let Ok(base) = u32::try_from(self.chunks.len() * CHUNK_LEN) else { return };
        let chunk = (base + 1..)
            .take(CHUNK_LEN)
            .map(|next| Slot { generation: NonZeroU32::MIN, content: Content::Free(next) });
        let mut chunk: Box<[Slot<T>]> = chunk.collect();
        if let Some(last) = chunk.last_mut() {
            last.content = Content::Free(NONE);
        }
        self.chunks.push(chunk);
        self.free_head = base;
    }

    /// The slot of that number.
    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let index = index as usize;
        self.chunks.get(index / CHUNK_LEN)?.get(index % CHUNK_LEN)
    }

    /// The slot of that number.
    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK_LEN)?.get_mut(index % CHUNK_LEN)
    }
}

impl<T> Slot<T> {
    /// The tenant, if there is one.
    const fn used(&self) -> Option<&T> {
        match &self.content {
            Content::Used(value) => Some(value),
            Content::Free(_) => None,
        }
    }
}
