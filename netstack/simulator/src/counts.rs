//! What became of the frames that were put on a cable.

/// How many frames of a cable met what. A copy counts as reordered, corrupted or arrived by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Put on the cable by the sender, lost ones included.
    pub taken: u64,
    /// Lost by chance, or because the link was cut.
    pub lost: u64,
    /// Longer than the strait takes.
    pub too_long: u64,
    /// ICMP errors that the way does not let pass.
    pub filtered: u64,
    /// Dropped by a full queue.
    pub overflowed: u64,
    /// Marked as having met congestion.
    pub marked: u64,
    /// Payload bytes of the segments among them.
    pub marked_bytes: u64,
    /// Taken out of their order.
    pub reordered: u64,
    /// Copies that nobody sent.
    pub duplicated: u64,
    /// Changed by a bit.
    pub corrupted: u64,
    /// Handed out at the other end.
    pub arrived: u64,
    /// Of these, those that the device there did not take.
    pub refused: u64,
}
