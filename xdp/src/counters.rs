//! What a queue counts, and why it drops a frame.

/// Why a frame was dropped by the queue, not by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Received in several buffers: larger than a frame of the MTU may be.
    JumboTooLong,
    /// Received in several buffers while all larger buffers were held.
    JumboLimit,
    /// To be sent: shorter than an Ethernet header.
    Runt,
    /// To be sent: larger than what the socket can send in one packet.
    TooLong,
    /// Sent in copy mode, and dropped by the driver, whose queue was full.
    DriverFull,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::JumboTooLong, Self::JumboLimit, Self::Runt, Self::TooLong, Self::DriverFull];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JumboTooLong => "jumbo_too_long",
            Self::JumboLimit => "jumbo_limit",
            Self::Runt => "runt",
            Self::TooLong => "too_long",
            Self::DriverFull => "driver_full",
        }
    }
}

/// Frames dropped by the queue, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// How many for this reason.
    #[must_use]
    pub const fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    pub(crate) const fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }
}

/// What a queue has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Frames received.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames among them that were gathered from several chunks.
    pub rx_gathered: u64,
    /// Frames put on the TX ring.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames among them that were cut into several chunks.
    pub tx_scattered: u64,
    /// Times that a frame was refused since the TX ring or the pool had no room.
    pub tx_ring_full: u64,
    /// Super-frames sent beside the ring.
    pub tx_super_frames: u64,
    /// Their bytes, headers counted once.
    pub tx_super_bytes: u64,
    /// Super-frames that had to go through the ring, segment by segment.
    pub tx_super_refused: u64,
    /// Times that the fill ring could not be filled up since the pool was empty.
    pub fill_starved: u64,
    /// Calls that had the kernel send.
    pub tx_kicks: u64,
    /// Those after which frames stayed in the TX ring, the driver's queue being full.
    pub tx_kicks_short: u64,
    /// Calls that had the driver look into the fill ring.
    pub rx_kicks: u64,
    /// Frames dropped here.
    pub drops: Drops,
}
