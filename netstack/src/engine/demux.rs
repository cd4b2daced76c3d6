//! The flow table: from a 4-tuple to a number, in 8 bytes an entry.
//!
//! Open addressing with linear probing and backward-shift deletion, so there are no tombstones
//! and no rebuilds. The table is sized once and never allocates again; it holds a 32-bit tag of
//! the keyed hash and the caller's number, and the caller compares the 4-tuple itself, which it
//! must load anyway. The key is secret, so a peer can't choose 4-tuples that collide.

use alloc::boxed::Box;
use alloc::vec;
use core::hash::Hasher;
use core::net::IpAddr;

use siphasher::sip::SipHasher13;

use crate::tcp::ends::Ends;
use crate::tcp::segment::IpVersion;

/// The keyed hash of a 4-tuple: equal on every engine with the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowHash(pub u64);

/// The key of [`FlowHash`]: SipHash-1-3 over both addresses and both ports, in whole words, because
/// the lengths are known. Nothing cheaper that withstands peers who choose their 4-tuples.
#[derive(Clone, Debug)]
pub(crate) struct FlowHasher {
    /// The hash with its key and nothing else in it.
    keyed: SipState,
}

/// The state of a SipHash.
#[derive(Clone, Copy, Debug)]
struct SipState {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl FlowHasher {
    /// A hasher with that key.
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        let [low @ .., _, _, _, _, _, _, _, _] = key;
        let [_, _, _, _, _, _, _, _, high @ ..] = key;
        Self { keyed: SipState::new(u64::from_le_bytes(low), u64::from_le_bytes(high)) }
    }

    /// The hash of a connection as this host sees it.
    #[inline(always)]
    pub(crate) fn hash(&self, ends: &Ends) -> FlowHash {
        let mut state = self.keyed;
        let (local, remote) = ends.addresses();
        let octets = match ends.ip_version() {
            IpVersion::V4 => {
                let ([.., local], [.., remote]) = (*local, *remote);
                state.add(double(local, remote));
                12
            }
            IpVersion::V6 => {
                for &[first, second, third, last] in [local, remote] {
                    state.add(double(first, second));
                    state.add(double(third, last));
                }
                36
            }
        };
        // The last word ends with the length, so that the families can't be mistaken.
        state.add(u64::from(ends.ports()) | octets << 56);
        FlowHash(state.finish())
    }
}

/// Two words of octets in the machine's byte order as one of which the first octet is the lowest.
#[inline(always)]
const fn double(first: u32, second: u32) -> u64 {
    first.to_le() as u64 | (second.to_le() as u64) << u32::BITS
}

impl SipState {
    /// The state with a key.
    const fn new(low: u64, high: u64) -> Self {
        Self {
            v0: low ^ 0x736f_6d65_7073_6575,
            v1: high ^ 0x646f_7261_6e64_6f6d,
            v2: low ^ 0x6c79_6765_6e65_7261,
            v3: high ^ 0x7465_6462_7974_6573,
        }
    }

    /// Takes one word.
    #[inline]
    const fn add(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }

    /// The hash.
    #[inline]
    const fn finish(mut self) -> u64 {
        self.v2 ^= 0xff;
        self.round();
        self.round();
        self.round();
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    /// One SipRound.
    #[inline(always)]
    const fn round(&mut self) {
        let Self { mut v0, mut v1, mut v2, mut v3 } = *self;
        v0 = v0.wrapping_add(v1);
        v2 = v2.wrapping_add(v3);
        v1 = v1.rotate_left(13) ^ v0;
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.rotate_left(32).wrapping_add(v3);
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.rotate_left(32);
        *self = Self { v0, v1, v2, v3 };
    }
}

/// Feeds an address to a hash: 4 or 16 octets, so that the families can't be mistaken.
pub(crate) fn write_address(hasher: &mut SipHasher13, address: IpAddr) {
    match address {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
}

/// The table is as full as it may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct FlowTableFull;

/// A table of numbers by [`FlowHash`].
#[derive(Debug)]
pub(crate) struct FlowTable {
    /// More than there may be flows, by a third.
    entries: Box<[Entry]>,
    /// Entries in use.
    len: usize,
    /// Entries that may be in use.
    max: usize,
}

/// The number plus 1 in the upper half, the hash's tag in the lower; 0 is a free entry, so that
/// a fresh table is zeroed memory that nobody has touched.
type Entry = u64;

/// A free entry.
const FREE: Entry = 0;

/// A tag times a length of the table fits.
const _: () = assert!(usize::BITS == u64::BITS);

impl FlowTable {
    /// A table for at most `max` flows.
    pub(crate) fn new(max: usize) -> Self {
        // At most three quarters full: a probe then looks at two or three entries on average, and at
        // nine for a flow that is not there: eight share a cache line.
        let len = max.saturating_mul(4) / 3 + 2;
        Self { entries: vec![FREE; len].into_boxed_slice(), len: 0, max }
    }

    /// The number with that hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: FlowHash, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag_of(hash);
        let mut at = self.home(tag);
        loop {
            let entry = self.entry(at);
            let number = number_of(entry)?;
            if entry_tag(entry) == tag && is_it(number) {
                return Some(number);
            }
            at = self.next(at);
        }
    }

    /// The number of the first entry that this hash may be of: most often the right one.
    #[inline]
    pub(crate) fn first(&self, hash: FlowHash) -> Option<u32> {
        let tag = tag_of(hash);
        let home = self.home(tag);
        let entries = [self.entry(home), self.entry(self.next(home)), self.entry(home + 2)];
        entries.into_iter().find(|entry| entry_tag(*entry) == tag).and_then(number_of)
    }

    /// Adds a number under that hash.
    ///
    /// # Errors
    /// As many flows as may be are there. `number` must be below `u32::MAX`.
    pub(crate) fn insert(&mut self, hash: FlowHash, number: u32) -> Result<(), FlowTableFull> {
        if self.len >= self.max || number == u32::MAX {
            return Err(FlowTableFull);
        }
        let tag = tag_of(hash);
        let mut at = self.home(tag);
        while self.entry(at) != FREE {
            at = self.next(at);
        }
        self.set(at, entry_of(tag, number));
        self.len += 1;
        Ok(())
    }

    /// Puts `new` in the place of `old` under that hash: a half-open connection that became one.
    /// `None` when `old` is not there.
    pub(crate) fn replace(&mut self, hash: FlowHash, old: u32, new: u32) -> Option<()> {
        let at = self.position(hash, old)?;
        self.set(at, entry_of(tag_of(hash), new));
        Some(())
    }

    /// Takes a number out. `None` when it was not there.
    pub(crate) fn remove(&mut self, hash: FlowHash, number: u32) -> Option<()> {
        let mut hole = self.position(hash, number)?;
        let mut at = hole;
        // Entries behind the hole move up into it unless that would put them before their home:
        // the distance from their home must not be shorter than that from the hole.
        loop {
            at = self.next(at);
            let entry = self.entry(at);
            if entry == FREE {
                break;
            }
            if self.distance(self.home(entry_tag(entry)), at) >= self.distance(hole, at) {
                self.set(hole, entry);
                hole = at;
            }
        }
        self.set(hole, FREE);
        self.len -= 1;
        Some(())
    }

    /// Flows in the table.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory of the table.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry>()
    }

    /// Where `number` is.
    fn position(&self, hash: FlowHash, number: u32) -> Option<usize> {
        let wanted = entry_of(tag_of(hash), number);
        let mut at = self.home(tag_of(hash));
        loop {
            match self.entry(at) {
                FREE => return None,
                entry if entry == wanted => return Some(at),
                _ => at = self.next(at),
            }
        }
    }

    /// Where a probe for this tag starts: the tag as a fraction of the table.
    const fn home(&self, tag: u32) -> usize {
        (tag as usize * self.entries.len()) >> u32::BITS
    }

    /// How many positions `to` lies behind `from`, around the end.
    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.entries.len() - from }
    }

    /// The position behind `at`, around the end.
    fn next(&self, at: usize) -> usize {
        if at + 1 == self.entries.len() { 0 } else { at + 1 }
    }

    /// The entry at a position.
    fn entry(&self, at: usize) -> Entry {
        self.entries.get(at).copied().unwrap_or(FREE)
    }

    /// Sets the entry at a position.
    fn set(&mut self, at: usize, entry: Entry) {
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
    }
}

/// The part of a hash that an entry keeps.
const fn tag_of(FlowHash(hash): FlowHash) -> u32 {
    (hash >> 32) as u32
}

/// An entry of its parts.
const fn entry_of(tag: u32, number: u32) -> Entry {
    ((number as u64 + 1) << 32) | tag as u64
}

/// An entry's tag.
const fn entry_tag(entry: Entry) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    let tag = entry as u32;
    tag
}

/// An entry's number; `None` of a free one.
const fn number_of(entry: Entry) -> Option<u32> {
    tag_of(FlowHash(entry)).checked_sub(1)
}
