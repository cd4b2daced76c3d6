//! Which entries of a class are free, which of them were idle for long, and which have memory.

/// Free entries that keep their memory however idle they are: a small burst costs no page fault.
pub(crate) const KEPT: usize = 64;

/// The free entries of a class.
///
/// The entry that was freed last is taken first, so that what lies at the bottom has waited longest:
/// what was never taken in a whole period lies below the lowest that the list has been at in it.
#[derive(Debug)]
pub(crate) struct FreeList {
    total: usize,
    /// Freed entries, the latest on top.
    recycled: Vec<u16>,
    /// Entries from here on were never handed out.
    fresh: usize,
    /// Entries at the bottom of `recycled` that have given their memory back.
    cold: usize,
    /// The fewest that `recycled` has had since the period began.
    low: usize,
    /// Entries that were taken since they last gave their memory back: they may have pages, or be
    /// about to get some from the kernel.
    warm: Bits,
    /// Entries that were used since then.
    used: Bits,
    /// Set bits in `used`.
    touched: usize,
}

impl FreeList {
    /// All of `total` entries are free, and none has memory.
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            recycled: Vec::with_capacity(total),
            fresh: 0,
            cold: 0,
            low: 0,
            warm: Bits::new(total),
            used: Bits::new(total),
            touched: 0,
        }
    }

    /// How many are free.
    pub(crate) fn len(&self) -> usize {
        self.recycled.len() + (self.total - self.fresh)
    }

    /// How many entries have memory because they were used.
    pub(crate) const fn touched(&self) -> usize {
        self.touched
    }

    /// The most recently freed entry first: what is warm and touched is used again.
    pub(crate) fn take(&mut self) -> Option<u16> {
        let index = match self.recycled.pop() {
            Some(index) => {
                self.low = self.low.min(self.recycled.len());
                self.cold = self.cold.min(self.recycled.len());
                index
            }
            None if self.fresh == self.total => return None,
            None => {
                let index = u16::try_from(self.fresh).expect("a class has at most 65,536 entries");
                self.fresh += 1;
                index
            }
        };
        self.warm.set(index);
        Some(index)
    }

    /// Takes an entry back.
    pub(crate) fn put(&mut self, index: u16) {
        self.recycled.push(index);
    }

    /// An entry that was taken is used: its memory is there from now on.
    pub(crate) fn touch(&mut self, index: u16) {
        self.touched += usize::from(self.used.set(index));
    }

    /// How many entries could give back their memory if they stayed idle.
    pub(crate) fn spare(&self) -> usize {
        self.recycled.len().saturating_sub(KEPT).saturating_sub(self.cold)
    }

    /// From here on it is noted which entries are idle.
    pub(crate) fn begin_period(&mut self) {
        self.low = self.recycled.len();
    }

    /// How many entries have been idle since the period began and still have their memory; those
    /// that are always kept aside.
    pub(crate) fn idle(&self) -> usize {
        self.low.saturating_sub(KEPT).saturating_sub(self.cold)
    }

    /// The next of them. It is taken for one without memory.
    pub(crate) fn next_idle(&mut self) -> Option<u16> {
        if self.idle() == 0 {
            return None;
        }
        let index = *self.recycled.get(self.cold)?;
        self.cold += 1;
        self.warm.clear(index);
        self.touched -= usize::from(self.used.clear(index));
        Some(index)
    }

    /// Whether nobody uses any of the entries from `first` to `last`, nor has since they gave their
    /// memory back.
    pub(crate) fn are_cold(&self, first: usize, last: usize) -> bool {
        (first..=last).all(|index| !self.warm.has(index))
    }
}

/// A bit for each entry.
#[derive(Debug)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(total: usize) -> Self {
        Self(vec![0; total.div_ceil(64)])
    }

    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Whether it was clear before.
    fn set(&mut self, index: u16) -> bool {
        let (word, bit) = (&mut self.0[usize::from(index) / 64], 1 << (index % 64));
        let was_clear = *word & bit == 0;
        *word |= bit;
        was_clear
    }

    /// Whether it was set before.
    fn clear(&mut self, index: u16) -> bool {
        let (word, bit) = (&mut self.0[usize::from(index) / 64], 1 << (index % 64));
        let was_set = *word & bit != 0;
        *word &= !bit;
        was_set
    }
}
