//! Buffers that the owner queued and the peer has not acknowledged.
//!
//! They are the send queue and the retransmission queue at once: what goes out are slices of
//! them, first or again, and a buffer is dropped when its last byte is acknowledged.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::seq::SeqNum;
use crate::engine::payload::Buffer;

/// The queue of one connection, in sequence space.
#[derive(Debug)]
pub(crate) struct SendBuffer<B> {
    /// In order, without gaps: each starts where the one before it ends. Nothing from the time on that
    /// there was none for a while.
    #[expect(clippy::box_collection, reason = "an idle connection has not even an empty one")]
    pieces: Option<Box<VecDeque<Piece<B>>>>,
    /// The first byte that is not acknowledged.
    start: SeqNum,
    /// Behind the last byte queued.
    end: SeqNum,
}

/// A buffer and its place in the stream.
#[derive(Debug)]
struct Piece<B> {
    /// The sequence number of the buffer's first byte.
    start: SeqNum,
    /// The bytes.
    buffer: B,
}

/// A stretch of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeqRange {
    /// Its first byte.
    pub(crate) start: SeqNum,
    /// Behind its last byte.
    pub(crate) end: SeqNum,
}

impl SeqRange {
    /// How many sequence numbers it has.
    pub(crate) const fn len(self) -> u32 {
        self.start.distance_to(self.end)
    }
}

/// Buffers that were dropped because all of them is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Released {
    /// How many.
    pub(crate) buffers: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
}

impl<B: Buffer> SendBuffer<B> {
    /// An empty queue whose first byte will be `start`.
    pub(crate) const fn new(start: SeqNum) -> Self {
        Self { pieces: None, start, end: start }
    }

    /// Behind the last byte queued.
    pub(crate) const fn end(&self) -> SeqNum {
        self.end
    }

    /// Bytes that are queued and not acknowledged.
    pub(crate) const fn len(&self) -> usize {
        self.start.distance_to(self.end) as usize
    }

    /// Queues `buffer`.
    ///
    /// # Errors
    /// The buffer back, when it is longer than sequence arithmetic can bear.
    pub(crate) fn push(&mut self, buffer: B) -> Result<(), B> {
        let len = match u32::try_from(buffer.len()) {
            Ok(len) if len <= BUFFER_BYTES_MAX => len,
            _ => return Err(buffer),
        };
        self.pieces.get_or_insert_default().push_back(Piece { start: self.end, buffer });
        self.end += len;
        Ok(())
    }

    /// Whether there is memory for a queue, and nothing in it.
    #[inline]
    pub(crate) fn holds_spare(&self) -> bool {
        self.pieces.as_deref().is_some_and(VecDeque::is_empty)
    }

    /// Gives that memory back.
    pub(crate) fn rest(&mut self) {
        if self.holds_spare() {
            self.pieces = None;
        }
    }

    /// Everything before `seq` is acknowledged.
    pub(crate) fn acknowledge(&mut self, seq: SeqNum) -> Released {
        let mut released = Released::default();
        self.start = self.start.latest(seq.earliest(self.end));
        let Some(pieces) = &mut self.pieces else { return released };
        while let Some(piece) = pieces.front() {
            let len = piece.buffer.len();
            // A buffer's length fits: `push` checked it.
            let end = piece.start + u32::try_from(len).unwrap_or(u32::MAX);
            if end.after(self.start) {
                break;
            }
            released.buffers += 1;
            released.bytes += len;
            pieces.pop_front();
        }
        if pieces.is_empty() {
            // An idle connection holds little memory for its queue.
            pieces.shrink_to(PIECES_KEPT);
        }
        released
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) -> Released {
        let mut released = Released::default();
        for piece in self.pieces.take().into_iter().flat_map(|pieces| *pieces) {
            released.buffers += 1;
            released.bytes += piece.buffer.len();
        }
        self.start = self.end;
        released
    }

    /// Collects slices of the bytes in `range` into `out` and gives how many bytes they hold:
    /// fewer than the range when it has more pieces than `out`, or bytes that are not queued.
    pub(crate) fn slices<'a, const N: usize>(
        &'a self,
        range: SeqRange,
        out: &mut Slices<'a, N>,
    ) -> usize {
        let start = range.start.latest(self.start);
        let end = range.end.earliest(self.end);
        let mut rest = start.distance_to(end) as usize;
        let mut total = 0;
        let Some(pieces) = self.pieces.as_deref() else { return 0 };
        let after = pieces.partition_point(|piece| piece.start.before_or_eq(start));
        for piece in pieces.range(after.saturating_sub(1)..) {
            if rest == 0 {
                break;
            }
            let skip = piece.start.distance_to(start) as usize;
            let bytes = piece.buffer.get(skip..).unwrap_or_default();
            let bytes = bytes.get(..rest).unwrap_or(bytes);
            if bytes.is_empty() {
                continue;
            }
            if out.push(bytes).is_none() {
                break;
            }
            rest -= bytes.len();
            total += bytes.len();
        }
        total
    }
}

/// A bounded list of slices, on the stack.
#[derive(Debug)]
pub(crate) struct Slices<'a, const N: usize> {
    slices: [&'a [u8]; N],
    len: usize,
}

impl<'a, const N: usize> Slices<'a, N> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { slices: [&[]; N], len: 0 }
    }

    /// Whether there is no place for another one.
    pub(crate) const fn is_full(&self) -> bool {
        self.len == N
    }

    /// The slices.
    pub(crate) fn as_slice(&self) -> &[&'a [u8]] {
        self.slices.get(..self.len).unwrap_or_default()
    }

    /// Adds one; `None` when the list is full.
    fn push(&mut self, bytes: &'a [u8]) -> Option<()> {
        *self.slices.get_mut(self.len)? = bytes;
        self.len += 1;
        Some(())
    }
}

/// The longest buffer: far below what sequence arithmetic can tell apart.
const BUFFER_BYTES_MAX: u32 = 1 << 24;
/// Slices in one train: 64 kB of records of 1.4 kB and up, with room for small ones.
pub(crate) const SLICES_MAX: usize = 48;
/// Slices of most trains.
pub(crate) const SLICES_USUAL: usize = 4;
/// Places for buffers that an empty queue keeps.
const PIECES_KEPT: usize = 8;
