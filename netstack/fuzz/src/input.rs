//! The fuzzer's bytes as decisions. Where they end, every decision is 0.

/// A reader of decisions.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of `data`.
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether there is nothing left to decide by.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number of 16 bits.
    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number of 32 bits.
    pub(crate) fn long(&mut self) -> u32 {
        u32::from(self.word()) << 16 | u32::from(self.word())
    }

    /// At most `len` bytes as they are.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A step in sequence space: small ones are the likely ones, and every one is possible.
    pub(crate) fn step(&mut self) -> u32 {
        let kind = self.byte();
        let amount = u32::from(kind >> 4) + 1;
        match kind & 15 {
            0..=7 => 0,
            8 => amount,
            9 => amount.wrapping_neg(),
            10 => amount * 1448,
            11 => (amount * 1448).wrapping_neg(),
            12 => amount << 16,
            13 => (amount << 16).wrapping_neg(),
            14 => 1 << 31,
            _ => self.long(),
        }
    }
}
