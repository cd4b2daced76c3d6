//! A record that arrives in pieces.

use std::ops::{DerefMut, Range};

use crate::HEADER_ROOM;
use crate::error::ResourceError;
use crate::record::header::RecordHeader;

/// What there is of the record that the last payload ended in.
pub(crate) enum Assembly<G> {
    /// At most a header, perhaps nothing.
    Header(PartialHeader),
    /// The header and a part of the body.
    Body(PartialBody<G>),
}

impl<G> Assembly<G> {
    /// Between two records.
    pub(crate) const IDLE: Self = Self::Header(PartialHeader::EMPTY);

    /// No byte of a record is held.
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self, Self::Header(PartialHeader { len: 0, .. }))
    }

    /// Bytes that a body lacks; 0 before there is one.
    pub(crate) const fn body_left(&self) -> usize {
        match self {
            Self::Header(_) => 0,
            Self::Body(body) => body.body.end.saturating_sub(body.filled),
        }
    }
}

/// The bytes of a header so far. They need no buffer of the caller.
pub(crate) struct PartialHeader {
    bytes: [u8; RecordHeader::LEN],
    len: usize,
}

impl PartialHeader {
    const EMPTY: Self = Self { bytes: [0; RecordHeader::LEN], len: 0 };

    /// Takes what the header lacks from the front of `data`; returns how much that was, and the
    /// header when it is whole.
    pub(crate) fn fill(&mut self, data: &[u8]) -> (usize, Option<RecordHeader>) {
        let Some(missing) = self.bytes.get_mut(self.len..) else { return (0, None) };
        let mut taken = 0;
        for (to, from) in missing.iter_mut().zip(data) {
            *to = *from;
            taken += 1;
        }
        self.len = self.len.saturating_add(taken);
        let whole = self.len == RecordHeader::LEN;
        (taken, whole.then(|| RecordHeader::from_bytes(self.bytes)))
    }
}

/// A body that grows in a record buffer of the caller.
pub(crate) struct PartialBody<G> {
    header: RecordHeader,
    buffer: G,
    /// Where in `buffer` the body lies, when complete.
    body: Range<usize>,
    filled: usize,
}

impl<G: DerefMut<Target = [u8]>> PartialBody<G> {
    /// An empty body. `explicit_nonce_len` bytes at its front are not plaintext: the body is
    /// placed so that the plaintext lies at [`HEADER_ROOM`] and the buffer could be sealed again.
    pub(crate) fn new(
        header: RecordHeader,
        buffer: G,
        explicit_nonce_len: usize,
    ) -> Result<Self, ResourceError> {
        let start = HEADER_ROOM.saturating_sub(explicit_nonce_len);
        let end = start.saturating_add(header.body_len());
        if end > buffer.len() {
            return Err(ResourceError::RecordBufferTooShort);
        }
        Ok(Self { header, buffer, body: start..end, filled: start })
    }

    /// Takes what the body lacks from the front of `data`; returns how much that was.
    pub(crate) fn fill(&mut self, data: &[u8]) -> usize {
        let Some(missing) = self.buffer.get_mut(self.filled..self.body.end) else { return 0 };
        let length = missing.len().min(data.len());
        let (Some(to), Some(from)) = (missing.get_mut(..length), data.get(..length)) else {
            return 0;
        };
        to.copy_from_slice(from);
        self.filled = self.filled.saturating_add(length);
        length
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.filled >= self.body.end
    }

    /// Header, buffer, and where in the buffer the body lies.
    pub(crate) fn into_parts(self) -> (RecordHeader, G, Range<usize>) {
        (self.header, self.buffer, self.body)
    }
}
