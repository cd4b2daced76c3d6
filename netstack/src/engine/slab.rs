//! Numbered places for values, in chunks that come and go with them.
//!
//! A value takes the lowest free place, so that a few values that are left from many lie in few
//! chunks; a chunk without values is given back, but for one. Finding a place, putting and taking are
//! bitmap operations; nothing is ever moved.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Bit `i` of word `w` is set when chunk `64 w + i` has a free place.
    roomy: Vec<u64>,
    /// No word of `roomy` before this one has a bit.
    roomy_from: usize,
    /// The memory of a chunk that was emptied, for the next that is needed.
    spare: Option<Places<T>>,
    /// Values there are.
    len: u32,
    /// Values there may be.
    max: u32,
}

/// The memory of a chunk: none, or [`Slab::CHUNK_LEN`] places.
type Places<T> = Box<[Option<T>]>;

/// Some places.
#[derive(Debug)]
struct Chunk<T> {
    /// Bit `i` is set when place `i` has a value.
    used: u64,
    /// Its memory, while there is any value.
    places: Places<T>,
}

impl<T> Slab<T> {
    /// Places in one chunk: 16 kB of large values, and never more than a bitmap has bits.
    const CHUNK_LEN: usize = if size_of::<T>() > 256 { 16 } else { 64 };
    /// The bitmap of a chunk that is full.
    const FULL: u64 = u64::MAX >> (64 - Self::CHUNK_LEN);

    /// A slab for at most `max` values; memory comes as they do.
    pub(crate) const fn new(max: u32) -> Self {
        // The last number is no place: it ends lists.
        let max = if max == u32::MAX { max - 1 } else { max };
        Self { chunks: Vec::new(), roomy: Vec::new(), roomy_from: 0, spare: None, len: 0, max }
    }

    /// Whether an insertion would be refused.
    pub(crate) const fn is_full(&self) -> bool {
        self.len >= self.max
    }

    /// Puts in a value that knows its own number; `None` when there are as many as may be, and
    /// `make` is not called then.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(u32) -> T) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        let at = self.roomy_chunk();
        let spare = &mut self.spare;
        let chunk = self.chunks.get_mut(at)?;
        if chunk.places.is_empty() {
            let fresh = || (0..Self::CHUNK_LEN).map(|_| None).collect();
            chunk.places = spare.take().unwrap_or_else(fresh);
        }
        let place = chunk.used.trailing_ones();
        let number = u32::try_from(at * Self::CHUNK_LEN).ok()? + place;
        *chunk.places.get_mut(place as usize)? = Some(make(number));
        chunk.used |= 1 << place;
        if chunk.used == Self::FULL {
            self.set_roomy(at, Roomy::No);
        }
        self.len += 1;
        Some(number)
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let (at, place) = Self::split(number);
        let chunk = self.chunks.get_mut(at)?;
        let value = chunk.places.get_mut(place)?.take()?;
        chunk.used &= !(1 << place);
        if chunk.used == 0 {
            let places = core::mem::take(&mut chunk.places);
            self.spare.get_or_insert(places);
        }
        self.set_roomy(at, Roomy::Yes);
        self.len -= 1;
        if self.len == 0 {
            self.forget_chunks();
        }
        Some(value)
    }

    /// The value of that number.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (at, place) = Self::split(number);
        self.chunks.get(at)?.places.get(place)?.as_ref()
    }

    /// The value of that number.
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (at, place) = Self::split(number);
        self.chunks.get_mut(at)?.places.get_mut(place)?.as_mut()
    }

    /// Every value with its number, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..).step_by(Self::CHUNK_LEN).zip(&self.chunks).flat_map(|(base, chunk)| {
            let numbered = (base..).zip(&chunk.places);
            numbered.filter_map(|(number, place)| Some((number, place.as_ref()?)))
        })
    }

    /// Values there are.
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Bytes of memory that the slab has allocated, used or not.
    pub(crate) fn bytes(&self) -> usize {
        let places: usize = self.chunks.iter().map(|chunk| chunk.places.len()).sum();
        let spare = self.spare.as_ref().map_or(0, |places| places.len());
        (places + spare) * size_of::<Option<T>>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.roomy.capacity() * size_of::<u64>()
    }

    /// The chunk and the place in it of a number.
    const fn split(number: u32) -> (usize, usize) {
        (number as usize / Self::CHUNK_LEN, number as usize % Self::CHUNK_LEN)
    }

    /// The first chunk that has a free place; a new one if none has.
    fn roomy_chunk(&mut self) -> usize {
        while let Some(&word) = self.roomy.get(self.roomy_from) {
            if word != 0 {
                return self.roomy_from * 64 + word.trailing_zeros() as usize;
            }
            self.roomy_from += 1;
        }
        let at = self.chunks.len();
        self.chunks.push(Chunk { used: 0, places: Box::default() });
        self.set_roomy(at, Roomy::Yes);
        at
    }

    /// Notes whether a chunk has a free place.
    fn set_roomy(&mut self, at: usize, roomy: Roomy) {
        let (word, bit) = (at / 64, 1 << (at % 64));
        if word >= self.roomy.len() {
            self.roomy.resize(word + 1, 0);
        }
        let Some(bits) = self.roomy.get_mut(word) else { return };
        match roomy {
            Roomy::Yes => {
                *bits |= bit;
                self.roomy_from = self.roomy_from.min(word);
            }
            Roomy::No => *bits &= !bit,
        }
    }

    /// There is no value: the list of chunks is given back as well, if it is long.
    fn forget_chunks(&mut self) {
        if self.chunks.len() > CHUNKS_KEPT {
            self.chunks = Vec::new();
            self.roomy = Vec::new();
            self.roomy_from = 0;
        }
    }
}

/// Whether a chunk has a free place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roomy {
    Yes,
    No,
}

/// Chunks whose list an empty slab keeps.
const CHUNKS_KEPT: usize = 64;
