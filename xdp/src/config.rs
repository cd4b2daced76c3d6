//! Sizes and modes of a queue, and how they fit an interface.

use kernel_version::KernelVersion;

use crate::error::OpenError;
use crate::kernel::MULTI_BUFFER;
use crate::socket::Buffers;
use crate::sys;
use crate::umem::ChunkSize;

/// Sizes of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Chunks of the UMEM, in all.
    pub frames: u32,
    /// How large each is.
    pub chunk_size: ChunkSize,
    /// Slots of the RX and of the TX ring: a power of two.
    pub ring_len: u32,
    /// Frames the kernel is given to receive into, at most; from 1.
    pub fill_max: u32,
    /// Frames that are kept for sending when receiving has taken all others.
    pub tx_reserve: u32,
    /// Buffers for frames that are larger than a chunk, at most; none is made before it is needed.
    pub jumbos_max: u32,
    /// What to try first.
    pub mode: Mode,
    /// Whether long trains may leave as one packet.
    pub super_frames: SuperFrames,
}

/// Whether long trains may leave as one packet, which the link cuts, beside the TX ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SuperFrames {
    /// Where the kernel copies what the ring sends, and the link takes them.
    #[default]
    Auto,
    /// Everything goes through the ring.
    Off,
}

impl QueueConfig {
    /// Whether the sizes go together.
    ///
    /// # Errors
    /// [`OpenError::Config`] says what does not.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let complaint = if !self.ring_len.is_power_of_two() {
            "the length of the rings is not a power of two"
        } else if self.frames == 0 || self.frames > 1 << 24 {
            "the number of frames is not from 1 to 2^24"
        } else if self.fill_max == 0 {
            "no frames to receive into"
        } else if self.tx_reserve >= self.frames {
            "the frames kept for sending leave none to receive into"
        } else {
            return Ok(());
        };
        Err(OpenError::Config(complaint))
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            frames: 8192,
            chunk_size: ChunkSize::Fit,
            ring_len: 2048,
            fill_max: 2048,
            tx_reserve: 512,
            jumbos_max: 1024,
            mode: Mode::ZeroCopy,
            super_frames: SuperFrames::Auto,
        }
    }
}

/// How frames travel between driver and UMEM, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The NIC reads and writes the UMEM.
    ZeroCopy,
    /// The driver runs the XDP program, the kernel copies.
    Copy,
    /// The kernel runs the XDP program behind the driver, and copies.
    Skb,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::ZeroCopy, Self::Copy, Self::Skb];

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero_copy",
            Self::Copy => "copy",
            Self::Skb => "skb",
        }
    }
}

/// Chunks for an MTU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// 2048 or 4096.
    pub(crate) chunk_bytes: u32,
    /// Multiple where a frame of the MTU needs several chunks.
    pub(crate) buffers: Buffers,
}

impl Fit {
    /// Chooses chunks for an MTU.
    ///
    /// # Errors
    /// [`OpenError::MtuTooLarge`] if several chunks are needed and the kernel can't.
    pub(crate) fn of(size: ChunkSize, mtu_bytes: u32) -> Result<Self, OpenError> {
        let room = |chunk_bytes: u32| chunk_bytes - sys::XDP_PACKET_HEADROOM;
        let needed = mtu_bytes + ETHERNET_BYTES_MAX;
        let chunk_bytes = match size {
            ChunkSize::Kib2 => 2048,
            ChunkSize::Fit if needed <= room(2048) => 2048,
            ChunkSize::Fit | ChunkSize::Kib4 => 4096,
        };
        if needed <= room(chunk_bytes) {
            return Ok(Self { chunk_bytes, buffers: Buffers::Single });
        }
        if KernelVersion::effective() < MULTI_BUFFER {
            let mtu_bytes_max = room(4096) - ETHERNET_BYTES_MAX;
            return Err(OpenError::MtuTooLarge { mtu_bytes, mtu_bytes_max });
        }
        Ok(Self { chunk_bytes, buffers: Buffers::Multiple })
    }
}

/// Ethernet header with one VLAN tag.
pub(crate) const ETHERNET_BYTES_MAX: u32 = 18;
