//! Connection memory: a slab with stable places and generation-checked names.
//!
//! Slots are allocated in chunks that never move, so a growing table copies no TCB and touches
//! only what is used. A name of a slot that was freed since is refused, not misunderstood.

use core::num::NonZeroU32;

use super::slab::Slab;

/// The name of a connection: 8 bytes, never equal to that of another connection until 2^32 of them
/// have come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The slot.
    index: u32,
    /// Which of the table's tenants this is.
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
    slab: Slab<Tenant<T>>,
    /// Which tenant of the table the next one is.
    generation: NonZeroU32,
}

/// A value and its place in history.
#[derive(Debug)]
#[repr(C)]
struct Tenant<T> {
    generation: NonZeroU32,
    value: T,
}

impl<T> Slots<T> {
    /// A table for at most `max` values; memory comes and goes with them.
    pub(crate) const fn new(max: u32) -> Self {
        Self { slab: Slab::new(max), generation: NonZeroU32::MIN }
    }

    /// Whether an insertion would be refused.
    pub(crate) const fn is_full(&self) -> bool {
        self.slab.is_full()
    }

    /// Makes a value that knows its own name.
    ///
    /// `None` when the table is full; `make` is not called then.
    pub(crate) fn insert_with(
        &mut self,
        make: impl FnOnce(ConnectionId) -> T,
    ) -> Option<ConnectionId> {
        let generation = self.generation;
        let index = self.slab.insert_with(|index| Tenant {
            generation,
            value: make(ConnectionId { index, generation }),
        })?;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        Some(ConnectionId { index, generation })
    }

    /// Takes the value out; its name is dead from here on.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        self.get(id)?;
        self.slab.remove(id.index).map(|tenant| tenant.value)
    }

    /// The value of that name, if it is still there.
    pub(crate) fn get(&self, id: ConnectionId) -> Option<&T> {
        let tenant = self.slab.get(id.index)?;
        (tenant.generation == id.generation).then_some(&tenant.value)
    }

    /// The value of that name, if it is still there.
    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        let tenant = self.slab.get_mut(id.index)?;
        (tenant.generation == id.generation).then_some(&mut tenant.value)
    }

    /// The value in that slot and its name: how the flow table's entries are looked at.
    pub(crate) fn get_at(&self, index: u32) -> Option<(ConnectionId, &T)> {
        let tenant = self.slab.get(index)?;
        Some((ConnectionId { index, generation: tenant.generation }, &tenant.value))
    }

    /// The value in that slot and its name, to be changed.
    #[inline]
    pub(crate) fn get_at_mut(&mut self, index: u32) -> Option<(ConnectionId, &mut T)> {
        let tenant = self.slab.get_mut(index)?;
        Some((ConnectionId { index, generation: tenant.generation }, &mut tenant.value))
    }

    /// Every value with its name, in order of the slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.slab.iter().map(|(index, tenant)| {
            (ConnectionId { index, generation: tenant.generation }, &tenant.value)
        })
    }

    /// Values in the table.
    pub(crate) const fn len(&self) -> usize {
        self.slab.len()
    }

    /// Bytes of memory that the table has allocated, used or not.
    pub(crate) fn bytes(&self) -> usize {
        self.slab.bytes()
    }
}
