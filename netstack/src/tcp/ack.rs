//! When to acknowledge. RFC 9293 §3.8.6.3, RFC 5681 §4.2.

use super::seq::SeqNum;
use crate::wire::tcp_options::SackBlock;

/// When the next acknowledgment is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckState {
    owed: Owed,
    /// Bytes in order since the last one.
    bytes: u32,
    /// How many more segments are acknowledged at once.
    quick: u8,
}

/// What the next acknowledgment is to say besides RCV.NXT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Ranges ahead of a gap that were touched since the last one.
    touched: u8,
    /// Where the range starts that was touched last.
    newest: Option<SeqNum>,
    /// What arrived a second time since the last one.
    duplicate: Option<SackBlock>,
}

/// What the acknowledgment that is owed can say of one more duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    /// It is part of what is reported already.
    Joined,
    /// It is the first.
    First,
    /// Another one waits to be reported, and an acknowledgment has room for one.
    NoRoom,
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
        Self { owed: Owed::Nothing, bytes: 0, quick: QUICK_ACKS }
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

    /// Acknowledge in this turn.
    pub(crate) const fn at_once(&mut self) {
        self.owed = Owed::Now;
    }

    /// An acknowledgment went out.
    pub(crate) const fn sent(&mut self) {
        self.owed = Owed::Nothing;
        self.bytes = 0;
    }
}

impl Report {
    /// Nothing.
    pub(crate) const NONE: Self = Self { touched: 0, newest: None, duplicate: None };

    /// Something arrived ahead of a gap, in the range that starts at `left`: how many ranges were
    /// touched since the last acknowledgment.
    pub(crate) fn on_touched(&mut self, left: SeqNum) -> u8 {
        if self.newest.replace(left) != Some(left) {
            self.touched = self.touched.saturating_add(1);
        }
        self.touched
    }

    /// `block` arrived a second time. RFC 2883 §4.
    pub(crate) fn on_duplicate(&mut self, block: SackBlock) -> Reported {
        let Some(known) = &mut self.duplicate else {
            self.duplicate = Some(block);
            return Reported::First;
        };
        if block.left.after(known.right) || block.right.before(known.left) {
            return Reported::NoRoom;
        }
        known.left = known.left.earliest(block.left);
        known.right = known.right.latest(block.right);
        Reported::Joined
    }

    /// What arrived a second time since the last acknowledgment.
    pub(crate) const fn duplicate(&self) -> Option<SackBlock> {
        self.duplicate
    }
}

/// Segments that are acknowledged at once at the start of a connection.
const QUICK_ACKS: u8 = 16;
