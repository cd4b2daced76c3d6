//! When to acknowledge. RFC 9293 §3.8.6.3, RFC 5681 §4.2.

use super::seq::SeqNum;

/// When the next acknowledgment is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckState {
    owed: Owed,
    /// Bytes in order since the last one.
    bytes: u32,
    /// How many more segments are acknowledged at once.
    quick: u8,
    /// Ranges ahead of a gap that were touched since the last one.
    touched: u8,
    /// Where the range starts that was touched last.
    newest: Option<SeqNum>,
}

/// Whether an acknowledgment is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// The peer knows everything.
    Nothing,
    /// It may wait for the timer or for data to carry it.
    Delayed,
    /// It goes out in this turn.
    Now,
}

impl AckState {
    /// Nothing is owed yet.
    pub(crate) const fn new() -> Self {
        Self { owed: Owed::Nothing, bytes: 0, quick: QUICK_ACKS, touched: 0, newest: None }
    }

    /// Whether an acknowledgment is owed.
    pub(crate) const fn owed(self) -> Owed {
        self.owed
    }

    /// `bytes` arrived in order: every second full segment is acknowledged at once, and so are
    /// the first few, because a small congestion window waits for every ACK.
    pub(crate) fn on_in_order(&mut self, bytes: u32, mss: u16) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.quick > 0 {
            self.quick -= 1;
            self.owed = Owed::Now;
        } else if self.bytes >= 2 * u32::from(mss) {
            self.owed = Owed::Now;
        } else if self.owed == Owed::Nothing {
            self.owed = Owed::Delayed;
        }
    }

    /// Something arrived ahead of a gap, in the range that starts at `left`: how many ranges were
    /// touched since the last acknowledgment.
    pub(crate) fn on_touched(&mut self, left: SeqNum) -> u8 {
        if self.newest.replace(left) != Some(left) {
            self.touched = self.touched.saturating_add(1);
        }
        self.touched
    }

    /// Acknowledge in this turn.
    pub(crate) const fn at_once(&mut self) {
        self.owed = Owed::Now;
    }

    /// An acknowledgment went out.
    pub(crate) const fn sent(&mut self) {
        self.owed = Owed::Nothing;
        self.bytes = 0;
        self.touched = 0;
        self.newest = None;
    }
}

/// Segments that are acknowledged at once at the start of a connection.
const QUICK_ACKS: u8 = 16;
