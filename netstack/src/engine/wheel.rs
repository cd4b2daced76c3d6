//! A hierarchical timer wheel: all timers of an engine, or of a proxy's sessions.
//!
//! Time is cut into ticks of 2^14 ns (16.4 us), a tick's number into digits of 6 bits, and each
//! digit has a ring of 64 lists. A timer lies in the ring of the highest digit in which its tick
//! differs from now, so it moves down at most once a ring before it fires. Arming and cancelling
//! are O(1), finding the next timer looks at one bitmap a ring, and timers that wait cost
//! nothing. Nine rings hold every [`Instant`] there is: no overflow list, no special case.

use core::num::NonZeroU32;

use super::slab::Slab;
use crate::time::Instant;

/// Nanoseconds of a tick, as a shift.
const TICK_SHIFT: u32 = 14;
/// Bits of a digit.
const DIGIT_BITS: u32 = 6;
/// Lists of a ring.
const RING_LEN: usize = 1 << DIGIT_BITS;
/// Rings: enough digits for every tick there is.
const RINGS: usize = 9;
/// Ends a list.
const NONE: u32 = u32::MAX;

const _: () = assert!(RINGS * DIGIT_BITS as usize >= (u64::BITS - TICK_SHIFT) as usize);

/// The name of an armed timer; dead once it has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    /// The node.
    index: u32,
    /// Which timer of the wheel this is.
    generation: NonZeroU32,
}

/// Timers that carry a key each.
///
/// A timer never fires early, and at most one tick late.
#[derive(Debug)]
pub struct Wheel<K> {
    /// The timers that are armed.
    nodes: Slab<Node<K>>,
    /// Which timer of the wheel the next one is.
    generation: NonZeroU32,
    /// The tick up to which everything has fired.
    now_tick: u64,
    /// The rings, lowest digit first.
    rings: [Ring; RINGS],
}

/// One digit's lists.
#[derive(Debug)]
struct Ring {
    /// Bit `i` is set when list `i` is not empty.
    occupied: u64,
    /// The first node of each list; the last is the first's `previous`.
    heads: [u32; RING_LEN],
}

/// A timer.
#[derive(Debug)]
struct Node<K> {
    /// The timer's key.
    key: K,
    /// The first tick at which it may fire.
    tick: u64,
    /// The next of its list.
    next: u32,
    /// The one before it in its list, around the start.
    previous: u32,
    /// Which timer of the wheel this is.
    generation: NonZeroU32,
    /// The list it lies in.
    place: Place,
}

/// One list of one ring.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The ring.
    ring: u8,
    /// The list.
    slot: u8,
}

impl<K: Copy> Wheel<K> {
    /// A wheel without timers.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let empty = || Ring { occupied: 0, heads: [NONE; RING_LEN] };
        Self {
            nodes: Slab::new(u32::MAX),
            generation: NonZeroU32::MIN,
            now_tick: now.as_nanos() >> TICK_SHIFT,
            rings: core::array::from_fn(|_| empty()),
        }
    }

    /// Arms a timer. A deadline that has passed fires at the next [`Wheel::pop_expired`].
    pub fn arm(&mut self, key: K, deadline: Instant) -> TimerId {
        let generation = self.generation;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let place = Place { ring: 0, slot: 0 };
        let node = Node { key, tick: 0, next: NONE, previous: NONE, generation, place };
        let index = self.nodes.insert_with(|_| node);
        let index = index.expect("fewer than 2^32 - 1 timers");
        self.link(index, tick_of(deadline));
        TimerId { index, generation }
    }

    /// Moves an armed timer to another deadline. `None` when it has fired or was cancelled.
    pub fn rearm(&mut self, id: TimerId, deadline: Instant) -> Option<()> {
        self.living(id)?;
        self.unlink(id.index);
        self.link(id.index, tick_of(deadline));
        Some(())
    }

    /// Takes an armed timer out and gives its key. `None` when it has fired or was cancelled.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        self.living(id)?;
        self.release(id.index)
    }

    /// A time before which no timer fires, not later than the earliest deadline plus one tick;
    /// `None` without timers. It may come before the earliest deadline when that is far away:
    /// calling [`Wheel::pop_expired`] then brings it closer, at most once a ring.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.first().map(|(_, tick)| Instant::from_nanos(tick.saturating_mul(1 << TICK_SHIFT)))
    }

    /// Takes out a timer whose deadline has passed at `now`, earlier ticks first and within a
    /// tick in the order of arming. Call it until it gives `None`.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let until = now.as_nanos() >> TICK_SHIFT;
        loop {
            let Some((place, tick)) = self.first().filter(|(_, tick)| *tick <= until) else {
                self.now_tick = self.now_tick.max(until);
                return None;
            };
            self.now_tick = self.now_tick.max(tick);
            let index = self.head(place);
            if place.ring == 0 {
                return self.release(index);
            }
            self.cascade(place);
        }
    }

    /// Timers armed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no timer is armed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.len() == 0
    }

    /// Bytes of memory of the wheel, used or not.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.nodes.bytes()
    }

    /// Moves the timers of a list to the rings below; the list's time has come.
    fn cascade(&mut self, place: Place) {
        // Each lands in a lower ring, so this ends: its digits agree with now's down to here.
        while let index = self.head(place)
            && let Some(tick) = self.node(index).map(|node| node.tick)
        {
            self.unlink(index);
            self.link(index, tick);
        }
    }

    /// The earliest list that is not empty, and the first tick it stands for.
    ///
    /// Lower rings come first: a timer in ring 0 differs from now only in its lowest digit, and
    /// so fires before any that differs in a higher one. Within a ring no list lies behind now.
    fn first(&self) -> Option<(Place, u64)> {
        for (ring, lists) in (0u8..).zip(&self.rings) {
            if lists.occupied == 0 {
                continue;
            }
            let slot = lists.occupied.trailing_zeros();
            let shift = u32::from(ring) * DIGIT_BITS;
            let above = self.now_tick.checked_shr(shift + DIGIT_BITS).unwrap_or(0);
            let digits = (above << DIGIT_BITS) | u64::from(slot);
            let place = Place { ring, slot: low_byte(u64::from(slot)) };
            return Some((place, digits << shift));
        }
        None
    }

    /// Puts a node into the list for `tick`, at its end.
    fn link(&mut self, index: u32, tick: u64) {
        let tick = tick.max(self.now_tick);
        let place = place_of(self.now_tick, tick);
        let head = self.head(place);
        let last = self.node(head).map(|first| first.previous);
        if let Some(node) = self.node_mut(index) {
            node.tick = tick;
            node.place = place;
            node.next = NONE;
            node.previous = last.unwrap_or(index);
        }
        match last {
            None => self.set_head(place, index),
            Some(last) => {
                if let Some(node) = self.node_mut(last) {
                    node.next = index;
                }
                if let Some(node) = self.node_mut(head) {
                    node.previous = index;
                }
            }
        }
    }

    /// Takes a node out of its list.
    fn unlink(&mut self, index: u32) {
        let Some(node) = self.node(index) else { return };
        let (place, next, previous) = (node.place, node.next, node.previous);
        let head = self.head(place);
        if head == index {
            self.set_head(place, next);
        } else if let Some(node) = self.node_mut(previous) {
            node.next = next;
        }
        // The one behind it follows the one before it; the last one's place is with the first.
        let holds_previous = if next == NONE { self.head(place) } else { next };
        if let Some(node) = self.node_mut(holds_previous) {
            node.previous = previous;
        }
    }

    /// Takes a node out of its list and frees it.
    fn release(&mut self, index: u32) -> Option<K> {
        self.unlink(index);
        self.nodes.remove(index).map(|node| node.key)
    }

    /// Whether a timer is armed.
    fn living(&self, id: TimerId) -> Option<()> {
        (self.node(id.index)?.generation == id.generation).then_some(())
    }

    /// A node by number.
    fn node(&self, index: u32) -> Option<&Node<K>> {
        self.nodes.get(index)
    }

    /// A node by number.
    fn node_mut(&mut self, index: u32) -> Option<&mut Node<K>> {
        self.nodes.get_mut(index)
    }

    /// The first node of a list.
    fn head(&self, place: Place) -> u32 {
        let ring = self.rings.get(usize::from(place.ring));
        ring.and_then(|ring| ring.heads.get(usize::from(place.slot))).copied().unwrap_or(NONE)
    }

    /// Sets the first node of a list, and its bit.
    fn set_head(&mut self, place: Place, index: u32) {
        let Some(ring) = self.rings.get_mut(usize::from(place.ring)) else { return };
        if let Some(head) = ring.heads.get_mut(usize::from(place.slot)) {
            *head = index;
        }
        let bit = 1 << place.slot;
        ring.occupied = if index == NONE { ring.occupied & !bit } else { ring.occupied | bit };
    }
}

/// The first tick at whose start `deadline` has passed.
const fn tick_of(deadline: Instant) -> u64 {
    deadline.as_nanos().div_ceil(1 << TICK_SHIFT)
}

/// The list for `tick`: in the ring of the highest digit in which it differs from `now`.
fn place_of(now: u64, tick: u64) -> Place {
    let highest_bit = ((now ^ tick) | 1).ilog2();
    let ring = highest_bit / DIGIT_BITS;
    let digit = (tick >> (ring * DIGIT_BITS)) & (RING_LEN as u64 - 1);
    Place { ring: low_byte(u64::from(ring)), slot: low_byte(digit) }
}

/// The lowest octet of a number that has no other.
const fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}
