//! Payload that arrived out of order, until the gap before it closes. RFC 9293 §3.10.7.4,
//! seventh; RFC 2018.
//!
//! The assembler holds whole pieces of whatever carries payload and never copies. Where a new
//! piece overlaps others, the new one is trimmed to what was missing, or it replaces those that
//! it covers whole: no piece is ever split, and what was delivered is behind RCV.NXT and can't
//! change. It is bounded twice, in separate ranges (what a scoreboard costs) and in the true
//! size of the buffers held (a 1-byte segment holds a whole frame).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::seq::SeqNum;
use crate::wire::tcp_options::{SACK_BLOCKS_MAX, SackBlock, SackBlocks};

/// What an assembler may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AssemblerLimits {
    /// Separate ranges.
    pub(crate) ranges_max: usize,
    /// Bytes of the buffers behind the pieces, as [`Arrival::cost_bytes`] counts them.
    pub(crate) cost_bytes_max: usize,
}

/// Payload that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<T> {
    /// The sequence number of its first octet.
    pub(crate) seq: SeqNum,
    /// Octets, at least 1.
    pub(crate) len: u32,
    /// Bytes of the buffer that holds it.
    pub(crate) cost_bytes: usize,
    /// What carries it.
    pub(crate) value: T,
}

/// Payload that can be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<T> {
    /// What carries it.
    pub(crate) value: T,
    /// Octets at the start of what arrived that were delivered from elsewhere.
    pub(crate) skip: u32,
    /// Octets to deliver after those.
    pub(crate) len: u32,
}

/// Why a piece was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Rejection {
    /// All of it is here already.
    Duplicate,
    /// It would be one range too many.
    RangesFull,
    /// Its buffer would be one too many.
    BytesFull,
}

/// A piece that was not kept, given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Rejected<T> {
    /// Why.
    pub(crate) reason: Rejection,
    /// What carries it.
    pub(crate) value: T,
}

/// Pieces ahead of RCV.NXT.
#[derive(Debug)]
pub(crate) struct Assembler<T> {
    /// The pieces, by sequence number, without overlaps.
    pieces: VecDeque<Held<T>>,
    /// The same as maximal ranges, by sequence number, with a gap between any two.
    ranges: Vec<Received>,
    /// Counts the arrivals: the ranges' age.
    arrivals: u64,
    /// The sum of the pieces' costs.
    cost_bytes: usize,
    /// What may be held.
    limits: AssemblerLimits,
}

/// A piece in its place.
#[derive(Debug)]
struct Held<T> {
    /// The sequence number of its first octet that counts.
    seq: SeqNum,
    /// Octets that count.
    len: u32,
    /// Octets before those that do not.
    skip: u32,
    /// Bytes of its buffer.
    cost_bytes: usize,
    /// What carries it.
    value: T,
}

/// A range that was received.
#[derive(Clone, Copy, Debug)]
struct Received {
    /// Its first octet.
    left: SeqNum,
    /// The octet behind its last.
    right: SeqNum,
    /// The number of the arrival that touched it last.
    touched: u64,
}

/// A table that grew beyond this many entries is given back when it is empty.
const KEPT_CAPACITY_MAX: usize = 16;

impl<T> Assembler<T> {
    /// An assembler that holds nothing; it allocates at the first arrival.
    pub(crate) const fn new(limits: AssemblerLimits) -> Self {
        Self { pieces: VecDeque::new(), ranges: Vec::new(), arrivals: 0, cost_bytes: 0, limits }
    }

    /// Takes payload in that lies wholly ahead of RCV.NXT and within the window.
    ///
    /// # Errors
    /// It was not kept, and nothing changed but the age of the range that has it already.
    pub(crate) fn insert(&mut self, arrival: Arrival<T>) -> Result<(), Rejected<T>> {
        let Arrival { seq, len, cost_bytes, value } = arrival;
        let end = seq + len;
        self.arrivals += 1;
        // The first piece that ends behind the start of this one: it may overlap.
        let first = self.pieces.partition_point(|piece| piece.end().before_or_eq(seq));
        let left = self.pieces.get(first).filter(|piece| piece.seq.before_or_eq(seq));
        let new_seq = left.map_or(seq, Held::end);
        if len == 0 || new_seq.after_or_eq(end) {
            self.touch(seq);
            return Err(Rejected { reason: Rejection::Duplicate, value });
        }
        let first = if left.is_some() { first + 1 } else { first };
        // Pieces that lie whole within this one are replaced; one that sticks out trims it.
        let within = |piece: &Held<T>| piece.end().before_or_eq(end);
        let replaced = self.pieces.iter().skip(first).take_while(|piece| within(piece)).count();
        let right = self.pieces.get(first + replaced).filter(|piece| piece.seq.before(end));
        let new_end = right.map_or(end, |piece| piece.seq);
        if new_seq.after_or_eq(new_end) {
            self.touch(seq);
            return Err(Rejected { reason: Rejection::Duplicate, value });
        }
        let span = Span { seq: new_seq, end: new_end };
        if self.is_covered(span) {
            self.touch(seq);
            return Err(Rejected { reason: Rejection::Duplicate, value });
        }
        if let Some(reason) = self.limit_hit(span, first..first + replaced, cost_bytes) {
            return Err(Rejected { reason, value });
        }
        self.cost_bytes += cost_bytes;
        for held in self.pieces.drain(first..first + replaced) {
            self.cost_bytes -= held.cost_bytes;
        }
        let skip = seq.distance_to(new_seq);
        let len = new_seq.distance_to(new_end);
        self.pieces.insert(first, Held { seq: new_seq, len, skip, cost_bytes, value });
        self.add_range(span);
        Ok(())
    }

    /// Takes out the piece that continues at `rcv_nxt`, if there is one. Call it until it gives
    /// `None`, moving RCV.NXT on by each piece's length. Pieces that lie behind `rcv_nxt` are
    /// dropped.
    pub(crate) fn pop(&mut self, rcv_nxt: SeqNum) -> Option<Piece<T>> {
        while let Some(held) = self.pieces.front() {
            if held.seq.after(rcv_nxt) {
                break;
            }
            let held = self.pieces.pop_front()?;
            self.cost_bytes -= held.cost_bytes;
            let behind = held.seq.distance_to(rcv_nxt);
            let delivered_to = rcv_nxt.latest(held.end());
            self.forget_before(delivered_to);
            if behind < held.len {
                let (skip, len) = (held.skip + behind, held.len - behind);
                return Some(Piece { value: held.value, skip, len });
            }
        }
        None
    }

    /// The ranges to report, at most `room`: the one that grew last first, then the others by
    /// how recently they did. RFC 2018 §4.
    pub(crate) fn sack_blocks(&self, room: usize) -> SackBlocks {
        let mut newest: [Option<&Received>; SACK_BLOCKS_MAX] = [None; SACK_BLOCKS_MAX];
        for range in &self.ranges {
            // One step of an insertion sort: each place keeps the newer of two.
            let mut range = Some(range);
            for place in &mut newest {
                if range.map(|range| range.touched) > place.map(|range| range.touched) {
                    core::mem::swap(place, &mut range);
                }
            }
        }
        let mut blocks = SackBlocks::EMPTY;
        for range in newest.iter().flatten().take(room) {
            blocks.push(SackBlock { left: range.left, right: range.right });
        }
        blocks
    }

    /// The range that holds `seq`.
    pub(crate) fn holder(&self, seq: SeqNum) -> Option<SackBlock> {
        let first = self.ranges.partition_point(|range| range.right.before_or_eq(seq));
        let range = self.ranges.get(first).filter(|range| range.left.before_or_eq(seq))?;
        Some(SackBlock { left: range.left, right: range.right })
    }

    /// The first part of `block` that is held. RFC 2883 §4.2.3.
    pub(crate) fn overlap(&self, block: SackBlock) -> Option<SackBlock> {
        let first = self.ranges.partition_point(|range| range.right.before_or_eq(block.left));
        let range = self.ranges.get(first).filter(|range| range.left.before(block.right))?;
        let left = range.left.latest(block.left);
        Some(SackBlock { left, right: range.right.earliest(block.right) })
    }

    /// The sequence number behind everything that is held.
    #[cfg(test)]
    pub(crate) fn end(&self) -> Option<SeqNum> {
        self.ranges.last().map(|range| range.right)
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Pieces held.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Separate ranges held.
    #[cfg(test)]
    pub(crate) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// Bytes of the buffers behind the pieces.
    pub(crate) const fn cost_bytes(&self) -> usize {
        self.cost_bytes
    }

    /// The limit that keeping `span` in place of the pieces `replaced` would break.
    fn limit_hit(
        &self,
        span: Span,
        replaced: core::ops::Range<usize>,
        cost_bytes: usize,
    ) -> Option<Rejection> {
        let given_back: usize = self.pieces.range(replaced).map(|held| held.cost_bytes).sum();
        if self.cost_bytes - given_back + cost_bytes > self.limits.cost_bytes_max {
            return Some(Rejection::BytesFull);
        }
        let touching = self.touching(span);
        let is_new = touching.is_empty();
        (is_new && self.ranges.len() >= self.limits.ranges_max).then_some(Rejection::RangesFull)
    }

    /// The ranges that overlap `span` or end where it starts or start where it ends.
    fn touching(&self, span: Span) -> core::ops::Range<usize> {
        let first = self.ranges.partition_point(|range| range.right.before(span.seq));
        let last = self.ranges.partition_point(|range| range.left.before_or_eq(span.end));
        first..last.max(first)
    }

    /// Whether one range holds all of `span` already.
    fn is_covered(&self, span: Span) -> bool {
        let first = self.ranges.partition_point(|range| range.right.before(span.end));
        self.ranges.get(first).is_some_and(|range| range.left.before_or_eq(span.seq))
    }

    /// Adds `span` to the ranges, joining those it touches.
    fn add_range(&mut self, span: Span) {
        let touching = self.touching(span);
        let mut joined = Received { left: span.seq, right: span.end, touched: self.arrivals };
        if let Some(range) = self.ranges.get(touching.start).filter(|_| !touching.is_empty()) {
            joined.left = joined.left.earliest(range.left);
        }
        if let Some(range) = self.ranges.get(..touching.end).and_then(<[_]>::last)
            && !touching.is_empty()
        {
            joined.right = joined.right.latest(range.right);
        }
        self.ranges.splice(touching, [joined]);
    }

    /// Makes the range that holds `seq` the newest: a duplicate is reported like an arrival.
    fn touch(&mut self, seq: SeqNum) {
        let arrivals = self.arrivals;
        let at = self.ranges.partition_point(|range| range.right.before_or_eq(seq));
        if let Some(range) = self.ranges.get_mut(at).filter(|range| range.left.before_or_eq(seq)) {
            range.touched = arrivals;
        }
    }

    /// Forgets the ranges up to `seq`, which was delivered.
    fn forget_before(&mut self, seq: SeqNum) {
        let gone = self.ranges.partition_point(|range| range.right.before_or_eq(seq));
        self.ranges.drain(..gone);
        if let Some(range) = self.ranges.first_mut() {
            range.left = range.left.latest(seq);
        }
        if self.pieces.is_empty() && self.pieces.capacity() > KEPT_CAPACITY_MAX {
            self.pieces = VecDeque::new();
            self.ranges = Vec::new();
        }
    }
}

impl<T> Held<T> {
    /// The sequence number behind it.
    fn end(&self) -> SeqNum {
        self.seq + self.len
    }
}

/// From a sequence number to one behind it.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The first octet.
    seq: SeqNum,
    /// The octet behind the last.
    end: SeqNum,
}
