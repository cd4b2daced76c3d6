//! Values that many share: each is kept once, and known by a number of 16 bits.

use alloc::vec::Vec;

/// A few different values, with how often each is used.
#[derive(Debug)]
pub(super) struct Interned<T> {
    values: Vec<(T, u32)>,
    /// Where the last one asked for is: most often the next as well.
    last: u16,
}

/// Different values at most. They are searched one by one.
const VALUES_MAX: usize = 1024;

impl<T: Copy + PartialEq> Interned<T> {
    /// None.
    pub(super) const fn new() -> Self {
        Self { values: Vec::new(), last: 0 }
    }

    /// The number of a value, which is used once more; `None` when there are too many others.
    pub(super) fn take(&mut self, value: T) -> Option<u16> {
        let is_it = |&(known, uses): &(T, u32)| known == value && uses > 0;
        let at = if self.values.get(usize::from(self.last)).is_some_and(is_it) {
            usize::from(self.last)
        } else if let Some(at) = self.values.iter().position(is_it) {
            at
        } else if let Some(at) = self.values.iter().position(|&(_, uses)| uses == 0) {
            at
        } else if self.values.len() < VALUES_MAX {
            self.values.push((value, 0));
            self.values.len() - 1
        } else {
            return None;
        };
        let number = u16::try_from(at).ok()?;
        let (known, uses) = self.values.get_mut(at)?;
        *known = value;
        *uses = uses.checked_add(1)?;
        self.last = number;
        Some(number)
    }

    /// The value of a number that is used.
    pub(super) fn get(&self, number: u16) -> Option<T> {
        self.values.get(usize::from(number)).map(|&(value, _)| value)
    }

    /// A number is used once less.
    pub(super) fn give_back(&mut self, number: u16) {
        if let Some((_, uses)) = self.values.get_mut(usize::from(number)) {
            *uses = uses.saturating_sub(1);
        }
    }
}
