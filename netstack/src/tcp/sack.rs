//! The scoreboard: what became of each byte in flight. RFC 6675 §3, RFC 8985 §5.
//!
//! Ranges instead of segments: a train is one range until acknowledgments split it, so a window
//! of thousands of segments is a handful of ranges.

use alloc::collections::VecDeque;

use super::send_buffer::SeqRange;
use super::seq::SeqNum;
use crate::time::{Instant, Span};
use crate::wire::tcp_options::SackBlock;

/// What is known of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Sent and not heard of.
    InFlight,
    /// The peer holds it.
    Sacked,
    /// Given up as lost; to be sent again.
    Lost,
}

/// Whether a range was sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Once: an answer to it is a round-trip sample. (Karn.)
    Once,
    /// More than once.
    Again,
    /// Once, as one segment longer than the path is known to take: its loss is no sign of
    /// congestion. RFC 4821 §7.5.
    PathProbe,
}

/// A range of one history. Sequence numbers, the FIN's included.
#[derive(Clone, Copy, Debug)]
struct Entry {
    range: SeqRange,
    sent_at: Instant,
    mark: Mark,
    sent: Sent,
}

/// The segment that was delivered and sent last: RACK's reference. RFC 8985 §6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// When it was sent.
    pub(crate) sent_at: Instant,
    /// Behind its last byte.
    pub(crate) end: SeqNum,
    /// Whether it was a retransmission.
    pub(crate) sent: Sent,
}

impl Delivery {
    /// Whether this was sent after a segment sent at `sent_at` that ends at `end`.
    fn is_after(self, sent_at: Instant, end: SeqNum) -> bool {
        self.sent_at > sent_at || (self.sent_at == sent_at && self.end.after(end))
    }

    /// The one of the two that was sent later.
    pub(crate) fn latest(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.is_after(self.sent_at, self.end) => other,
            Some(_) | None => self,
        }
    }
}

/// Whether an acknowledgment showed that the network reorders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reordered {
    /// It did not.
    #[default]
    No,
    /// It did.
    Yes,
}

/// What one acknowledgment told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learned {
    /// Bytes of which it is news that they arrived.
    pub(crate) delivered_bytes: u32,
    /// Of these, bytes reported by SACK.
    pub(crate) sacked_bytes: u32,
    /// The delivered segment that was sent last.
    pub(crate) delivery: Option<Delivery>,
    /// The one of them that was sent last and was surely what arrived. RFC 8985 §6.2, step 2.
    pub(crate) evidence: Option<Delivery>,
    /// What was sent again after this may have been answered by the original.
    pub(crate) doubtful_after: Option<Instant>,
    /// When the newest of the delivered segments that were sent once was sent.
    pub(crate) sample: Option<Instant>,
    /// A range below one that was reported before, sent once, has arrived after it.
    pub(crate) reordered: Reordered,
    /// Where the first of the delivered ranges that were sent once starts.
    pub(crate) original: Option<SeqNum>,
}

/// When a range in flight counts as lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossDeadline {
    /// The time.
    pub(crate) now: Instant,
    /// How long after its sending: round-trip time and reordering window.
    pub(crate) patience: Span,
}

/// What loss detection found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Detected {
    /// Bytes given up now.
    pub(crate) lost_bytes: u32,
    /// When to look again.
    pub(crate) next: Option<Instant>,
    /// Separate ranges given up now, and when the last of them was sent.
    pub(crate) lost: Option<(u32, Instant)>,
}

/// Ranges that were given up together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostRanges {
    /// Their bytes.
    pub(crate) bytes: u32,
    /// How many there are.
    pub(crate) ranges: u32,
    /// When the last of them was sent; `None` without SACK, where that is not known.
    pub(crate) sent_at: Option<Instant>,
}

impl Detected {
    /// What was given up, if anything was.
    pub(crate) fn lost_ranges(&self) -> Option<LostRanges> {
        let Self { lost_bytes: bytes, lost, .. } = *self;
        let ranges = lost.map_or(1, |(ranges, _)| ranges);
        (bytes > 0).then_some(LostRanges { bytes, ranges, sent_at: lost.map(|(_, at)| at) })
    }
}

/// Everything between SND.UNA and SND.NXT.
#[derive(Debug)]
pub(crate) struct Scoreboard {
    /// In order, without gaps.
    entries: VecDeque<Entry>,
    in_flight_bytes: u32,
    sacked_bytes: u32,
    lost_bytes: u32,
    /// Ranges that the peer holds: counted, because a hostile one may make them very many.
    sacked_ranges: u32,
    /// Behind the highest byte that was known to have arrived before this acknowledgment.
    fack: SeqNum,
    /// The same with this acknowledgment.
    new_fack: SeqNum,
}

impl Scoreboard {
    /// An empty one.
    pub(crate) const fn new(start: SeqNum) -> Self {
        Self {
            entries: VecDeque::new(),
            in_flight_bytes: 0,
            sacked_bytes: 0,
            lost_bytes: 0,
            sacked_ranges: 0,
            fack: start,
            new_fack: start,
        }
    }

    /// Behind the highest byte that is known to have arrived.
    pub(crate) const fn highest_held(&self) -> SeqNum {
        self.new_fack
    }

    /// Bytes that are believed to be in the network: RFC 6675's pipe.
    pub(crate) const fn in_flight_bytes(&self) -> u32 {
        self.in_flight_bytes
    }

    /// Bytes that the peer holds above SND.UNA.
    pub(crate) const fn sacked_bytes(&self) -> u32 {
        self.sacked_bytes
    }

    /// Bytes to be sent again.
    pub(crate) const fn lost_bytes(&self) -> u32 {
        self.lost_bytes
    }

    /// Whether nothing is unacknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// `range` was sent for the first time; it starts where the scoreboard ends.
    pub(crate) fn sent(&mut self, range: SeqRange, now: Instant) {
        self.begin(range.start);
        self.in_flight_bytes += range.len();
        let entry = Entry { range, sent_at: now, mark: Mark::InFlight, sent: Sent::Once };
        match self.entries.back_mut() {
            Some(last) if last.is_like(&entry) => last.range.end = range.end,
            Some(_) | None => self.entries.push_back(entry),
        }
    }

    /// What is sent starts at `seq`: if nothing is unacknowledged, all before it has arrived.
    fn begin(&mut self, seq: SeqNum) {
        if self.entries.is_empty() {
            (self.fack, self.new_fack) = (seq, seq);
        }
    }

    /// `range` was sent for the first time, as a probe of the path.
    pub(crate) fn sent_path_probe(&mut self, range: SeqRange, now: Instant) {
        self.begin(range.start);
        self.in_flight_bytes += range.len();
        let (mark, sent) = (Mark::InFlight, Sent::PathProbe);
        self.entries.push_back(Entry { range, sent_at: now, mark, sent });
    }

    /// A lost `range` was sent again, or a range in flight as a probe: how many bytes of it had been
    /// sent only once.
    pub(crate) fn sent_again(&mut self, range: SeqRange, now: Instant) -> u32 {
        let mut repeated = 0;
        self.update(range, |entry| {
            if entry.mark != Mark::Sacked {
                repeated += if entry.sent == Sent::Again { 0 } else { entry.range.len() };
                entry.mark = Mark::InFlight;
                entry.sent_at = now;
                entry.sent = Sent::Again;
            }
        });
        repeated
    }

    /// Everything before `ack` is acknowledged.
    pub(crate) fn acknowledge(&mut self, ack: SeqNum, learned: &mut Learned) {
        while let Some(entry) = self.entries.front_mut() {
            if ack.before_or_eq(entry.range.start) {
                break;
            }
            let mut gone = *entry;
            if ack.before(entry.range.end) {
                gone.range.end = ack;
                entry.range.start = ack;
            } else {
                self.sacked_ranges -= u32::from(gone.mark == Mark::Sacked);
                self.entries.pop_front();
            }
            if gone.mark != Mark::Sacked {
                learned.note(&gone, self.fack);
            }
            self.subtract(gone.mark, gone.range.len());
        }
        self.new_fack = self.new_fack.latest(ack);
        if self.entries.is_empty() {
            self.entries.shrink_to(ENTRIES_KEPT);
        }
    }

    /// The peer holds `block`. A block that isn't all above SND.UNA and below SND.NXT, or that
    /// comes when the peer holds `ranges_max` ranges already, is left out. What was sent in many
    /// pieces is no reason to.
    pub(crate) fn sack(&mut self, block: SackBlock, ranges_max: u16, learned: &mut Learned) {
        if self.sacked_ranges >= u32::from(ranges_max) {
            return;
        }
        let range = SeqRange { start: block.left, end: block.right };
        let fack = self.fack;
        let found = self.update(range, |entry| {
            if entry.mark != Mark::Sacked {
                learned.note(entry, fack);
                learned.sacked_bytes += entry.range.len();
                entry.mark = Mark::Sacked;
            }
        });
        if found.is_some() {
            self.new_fack = self.new_fack.latest(range.end);
        }
    }

    /// Ranges with that mark.
    fn count(&self, mark: Mark) -> usize {
        self.entries.iter().filter(|entry| entry.mark == mark).count()
    }

    /// All of an acknowledgment was taken: what arrives below it from now on was reordered. Its
    /// own blocks may come in any order.
    #[inline]
    pub(crate) fn end_of_ack(&mut self) {
        debug_assert_eq!(self.sacked_ranges as usize, self.count(Mark::Sacked), "counted right");
        self.fack = self.new_fack;
    }

    /// Gives up what was sent so long before `delivery` that it must be lost, and says when the
    /// next range will be, if its answer does not come. RFC 8985 §6.2, step 5.
    pub(crate) fn detect_loss(&mut self, delivery: Delivery, deadline: LossDeadline) -> Detected {
        let mut detected = Detected::default();
        let mut probe_bytes = 0;
        let LossDeadline { now, patience } = deadline;
        for entry in &mut self.entries {
            let candidate =
                entry.mark == Mark::InFlight && delivery.is_after(entry.sent_at, entry.range.end);
            if !candidate {
                continue;
            }
            let due = entry.sent_at + patience;
            if due <= now {
                entry.mark = Mark::Lost;
                match entry.sent {
                    Sent::Once | Sent::Again => {
                        detected.lost_bytes += entry.range.len();
                        let (ranges, sent_at) = detected.lost.unwrap_or((0, entry.sent_at));
                        detected.lost = Some((ranges + 1, sent_at.max(entry.sent_at)));
                    }
                    Sent::PathProbe => probe_bytes += entry.range.len(),
                }
            } else {
                detected.next = Some(detected.next.map_or(due, |next: Instant| next.min(due)));
            }
        }
        let lost_bytes = detected.lost_bytes + probe_bytes;
        self.in_flight_bytes -= lost_bytes;
        self.lost_bytes += lost_bytes;
        detected
    }

    /// Gives up everything that is in flight. RFC 6298 §5.
    pub(crate) fn lose_all(&mut self) {
        self.lose_where(|_| true);
    }

    /// Gives up what is in flight for so long. RFC 8985 §6.3.
    pub(crate) fn lose_late(&mut self, deadline: LossDeadline) {
        let LossDeadline { now, patience } = deadline;
        self.lose_where(|entry| entry.sent_at + patience <= now);
    }

    fn lose_where(&mut self, is_lost: impl Fn(&Entry) -> bool) {
        let mut lost_bytes = 0;
        for entry in &mut self.entries {
            if entry.mark == Mark::InFlight && is_lost(entry) {
                entry.mark = Mark::Lost;
                lost_bytes += entry.range.len();
            }
        }
        self.in_flight_bytes -= lost_bytes;
        self.lost_bytes += lost_bytes;
    }

    /// Gives up the first `len` bytes if they are in flight, and says how many were.
    pub(crate) fn lose_first(&mut self, len: u32) -> u32 {
        let Some(first) = self.entries.front() else { return 0 };
        let start = first.range.start;
        let end = (start + len).earliest(first.range.end);
        self.lose(SeqRange { start, end })
    }

    /// Gives up what of `range` is in flight, and says how many bytes that were.
    pub(crate) fn lose(&mut self, range: SeqRange) -> u32 {
        let before = self.lost_bytes;
        self.update(range, |entry| {
            if entry.mark == Mark::InFlight {
                entry.mark = Mark::Lost;
            }
        });
        self.lost_bytes - before
    }

    /// The mark of the byte at `seq`; `None` if it isn't on the board.
    pub(crate) fn mark_of(&self, seq: SeqNum) -> Option<Mark> {
        let index = self.entries.partition_point(|entry| entry.range.end.before_or_eq(seq));
        let entry = self.entries.get(index)?;
        entry.range.start.before_or_eq(seq).then_some(entry.mark)
    }

    /// What was given up counts as in flight again: nothing was lost.
    pub(crate) fn find_again(&mut self) {
        for entry in &mut self.entries {
            if entry.mark == Mark::Lost {
                entry.mark = Mark::InFlight;
            }
        }
        self.in_flight_bytes += self.lost_bytes;
        self.lost_bytes = 0;
    }

    /// The peer has thrown away what it held: its reports count for nothing. RFC 2018 §8.
    pub(crate) fn renege(&mut self) {
        for entry in &mut self.entries {
            if entry.mark == Mark::Sacked {
                entry.mark = Mark::Lost;
            }
        }
        self.lost_bytes += self.sacked_bytes;
        self.sacked_bytes = 0;
        self.sacked_ranges = 0;
    }

    /// The first range to be sent again.
    pub(crate) fn next_lost(&self) -> Option<SeqRange> {
        if self.lost_bytes == 0 {
            return None;
        }
        self.entries.iter().find(|entry| entry.mark == Mark::Lost).map(|entry| entry.range)
    }

    /// The mark of the first range.
    pub(crate) fn first_mark(&self) -> Option<Mark> {
        self.entries.front().map(|entry| entry.mark)
    }

    /// When the first range was sent last.
    pub(crate) fn first_sent_at(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.sent_at)
    }

    /// Whether the first range was sent more than once.
    pub(crate) fn first_was_sent_again(&self) -> bool {
        self.entries.front().is_some_and(|entry| entry.sent == Sent::Again)
    }

    /// The last `len` bytes that the peer is not known to hold: what a loss probe sends again.
    pub(crate) fn tail(&self, len: u32) -> Option<SeqRange> {
        let last = self.entries.iter().rev().find(|entry| entry.mark != Mark::Sacked)?;
        let len = last.range.len().min(len);
        Some(SeqRange { start: last.range.end - len, end: last.range.end })
    }

    /// Changes every entry of `range`, split off where needed; `None` if it isn't on the board.
    fn update(&mut self, range: SeqRange, mut change: impl FnMut(&mut Entry)) -> Option<()> {
        if range.len() == 0 {
            return None;
        }
        let first = self.split(range.start)?;
        self.split(range.end)?;
        let mut index = first;
        while let Some(entry) = self.entries.get_mut(index)
            && entry.range.end.before_or_eq(range.end)
        {
            let old = entry.mark;
            change(entry);
            let (new, len) = (entry.mark, entry.range.len());
            self.sacked_ranges += u32::from(new == Mark::Sacked);
            self.sacked_ranges -= u32::from(old == Mark::Sacked);
            self.subtract(old, len);
            *self.sum_of(new) += len;
            index += 1;
        }
        self.merge(first.saturating_sub(1), index);
        Some(())
    }

    /// Makes `seq` a border, and gives the index of the entry that starts there: behind the last
    /// one when `seq` is the end. `None` if it isn't on the board.
    fn split(&mut self, seq: SeqNum) -> Option<usize> {
        let index = self.entries.partition_point(|entry| entry.range.end.before_or_eq(seq));
        let Some(entry) = self.entries.get_mut(index) else {
            return self.entries.back().filter(|last| last.range.end == seq).map(|_| index);
        };
        if seq.before(entry.range.start) {
            return None;
        }
        if seq == entry.range.start {
            return Some(index);
        }
        self.sacked_ranges += u32::from(entry.mark == Mark::Sacked);
        let mut behind = *entry;
        entry.range.end = seq;
        behind.range.start = seq;
        self.entries.insert(index + 1, behind);
        Some(index + 1)
    }

    /// Joins neighbours of one history from `first` up to `last`.
    fn merge(&mut self, first: usize, last: usize) {
        let mut index = last.min(self.entries.len().saturating_sub(1));
        while index > first {
            let joined = match (self.entries.get(index - 1), self.entries.get(index)) {
                (Some(before), Some(entry)) if before.is_like(entry) => Some(entry.range.end),
                _ => None,
            };
            if let Some(end) = joined
                && let Some(gone) = self.entries.remove(index)
            {
                self.sacked_ranges -= u32::from(gone.mark == Mark::Sacked);
                if let Some(before) = self.entries.get_mut(index - 1) {
                    before.range.end = end;
                }
            }
            index -= 1;
        }
    }

    fn subtract(&mut self, mark: Mark, len: u32) {
        let sum = self.sum_of(mark);
        debug_assert!(*sum >= len, "the scoreboard's sums follow its entries");
        *sum = sum.saturating_sub(len);
    }

    const fn sum_of(&mut self, mark: Mark) -> &mut u32 {
        match mark {
            Mark::InFlight => &mut self.in_flight_bytes,
            Mark::Sacked => &mut self.sacked_bytes,
            Mark::Lost => &mut self.lost_bytes,
        }
    }
}

impl Entry {
    /// Whether the two may be one. What the peer holds has no history worth keeping.
    fn is_like(&self, other: &Self) -> bool {
        self.mark == other.mark
            && (self.mark == Mark::Sacked
                || (self.sent_at == other.sent_at && self.sent == other.sent))
    }
}

impl Learned {
    /// `entry` has arrived, which was not known. `fack`: behind the highest byte known before.
    fn note(&mut self, entry: &Entry, fack: SeqNum) {
        let Entry { range, sent_at, sent, mark: _ } = *entry;
        self.delivered_bytes += range.len();
        let delivery = Delivery { sent_at, end: range.end, sent };
        self.delivery = Some(delivery.latest(self.delivery));
        let doubtful = self.doubtful_after.is_some_and(|after| sent_at > after);
        if sent != Sent::Again || !doubtful {
            self.evidence = Some(delivery.latest(self.evidence));
        }
        if sent != Sent::Again {
            self.original =
                Some(self.original.map_or(range.start, |start| start.earliest(range.start)));
            self.sample = Some(self.sample.map_or(sent_at, |sample| sample.max(sent_at)));
            if range.end.before(fack) {
                self.reordered = Reordered::Yes;
            }
        }
    }
}

/// Places for ranges that an empty scoreboard keeps.
const ENTRIES_KEPT: usize = 8;
