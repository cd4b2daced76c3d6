//! Reads the length-prefixed vectors that TLS messages are made of. RFC 8446 §3.4.

/// The unread rest of a message or vector. Every read is `None` when the rest is too short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    /// A vector whose length is in one byte.
    pub(super) fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u8()?);
        self.take(length)
    }

    /// A vector whose length is in two bytes.
    pub(super) fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }

    /// The value, if nothing is left.
    pub(super) fn end<T>(self, value: T) -> Option<T> {
        self.is_empty().then_some(value)
    }
}

/// Numbers of two bytes, one behind the other. RFC 8446 has many such lists.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct U16List<'a>(&'a [u8]);

impl<'a> U16List<'a> {
    /// A list of at least one number and no odd byte.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let valid = !bytes.is_empty() && bytes.len().is_multiple_of(2);
        valid.then_some(Self(bytes))
    }

    /// The numbers, without GREASE.
    pub(super) fn iter(self) -> impl Iterator<Item = u16> + use<'a> {
        self.with_grease().filter(|value| !is_grease(*value))
    }

    /// The numbers as sent.
    pub(super) fn with_grease(self) -> impl Iterator<Item = u16> + use<'a> {
        let (pairs, _) = self.0.as_chunks();
        pairs.iter().map(|pair| u16::from_be_bytes(*pair))
    }
}

/// One of the sixteen numbers that mean nothing, to keep receivers tolerant. RFC 8701 §2.
pub(super) const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}
