//! Super-frames: a train of TCP segments that leaves as one packet, by an AF_PACKET socket beside the
//! TX ring, and is cut by the NIC or the receiving side of a virtual link (GSO).
//!
//! Where the kernel copies anyway, its cost is by the packet: 43 segments in one cost about an eighth
//! of what they cost on the ring one by one.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, sendmsg, socket_with,
    sockopt,
};

use crate::sys;
use crate::syscall;

/// Slices of payload in a super-frame.
const SUPER_SLICES_MAX: usize = 62;
/// Bytes of a super-frame, its Ethernet header included, that every driver takes
/// (GSO_LEGACY_MAX_SIZE).
const SUPER_BYTES_MAX: usize = 65_535;

/// What may be under way before sending blocks: some sixty of the largest.
const SEND_BUFFER_BYTES: usize = 8 << 20;

/// TCP segments that differ by position alone, one or more: headers for all, and the payload.
#[derive(Clone, Copy, Debug)]
pub struct SuperFrame<'a> {
    /// Ethernet, IP and TCP headers, with lengths of the whole, and as TCP checksum the sum of the
    /// pseudo-header.
    pub headers: &'a [u8],
    /// Bytes of the Ethernet header and its VLAN tag.
    pub l2_len: usize,
    /// Bytes of the IP header.
    pub l3_len: usize,
    /// Bytes of payload in each segment but the last.
    pub mss: usize,
    /// The payload of all segments, in order.
    pub payload: &'a [&'a [u8]],
}

/// Why a super-frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room now: what is on the TX ring goes first, and the driver's queue is full.
    Busy,
    /// Not in one piece: the segments have to go through the ring.
    Cut,
}

/// What the kernel is told of a super-frame, as it is sent in front of it.
pub(crate) type Head = [u8; sys::VIRTIO_NET_HDR_BYTES];

/// The socket that super-frames are sent by.
#[derive(Debug)]
pub(crate) struct SuperSocket {
    fd: OwnedFd,
    patience: Patience,
}

impl SuperSocket {
    /// Opens a socket for the interface of this index. It receives nothing.
    ///
    /// # Errors
    /// What the kernel says, without CAP_NET_RAW for example.
    pub(crate) fn open(interface: u32) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Of no protocol: nothing is received.
        let fd = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        syscall::set_packet_option(fd.as_fd(), libc::PACKET_VNET_HDR)?;
        // Not through the queueing discipline, as the ring's frames: those would be overtaken.
        syscall::set_packet_option(fd.as_fd(), libc::PACKET_QDISC_BYPASS)?;
        syscall::bind_packet(fd.as_fd(), interface)?;
        // Refused without CAP_NET_ADMIN, and then the default stays.
        let _: Result<(), Errno> =
            sockopt::set_socket_send_buffer_size_force(fd.as_fd(), SEND_BUFFER_BYTES);
        Ok(Self { fd, patience: Patience::default() })
    }

    /// What the kernel has to be told of a super-frame, if it can be one and is worth a try; asked once
    /// for each.
    pub(crate) fn prepare(&mut self, frame: &SuperFrame<'_>) -> Result<Head, Refusal> {
        if !self.patience.is_over() {
            return Err(Refusal::Cut);
        }
        VirtioHeader::of(frame).map(VirtioHeader::to_bytes).ok_or(Refusal::Cut)
    }

    /// Sends a super-frame, whole or not at all, and says how many bytes. What is on the TX ring must
    /// have left.
    pub(crate) fn send(&mut self, head: Head, frame: &SuperFrame<'_>) -> Result<usize, Refusal> {
        let mut slices = [IoSlice::new(&[]); SUPER_SLICES_MAX + 2];
        let count = frame.payload.len() + 2;
        let used = slices.get_mut(..count).ok_or(Refusal::Cut)?;
        let parts = [&head[..], frame.headers].into_iter().chain(frame.payload.iter().copied());
        for (slice, part) in used.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
        }
        let sent = loop {
            let mut nothing = SendAncillaryBuffer::default();
            match sendmsg(&self.fd, used, &mut nothing, SendFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                result => break result,
            }
        };
        match sent {
            Ok(bytes) => {
                self.patience = Patience::default();
                Ok(bytes - head.len())
            }
            Err(Errno::AGAIN) => Err(Refusal::Busy),
            // ENOBUFS: dropped by the driver, which can't cut it (`ethtool -K .. tso off`) or has no
            // room. Whatever else is wrong with the link, the ring says as well.
            Err(error) => {
                tracing::debug!(%error, "a super-frame is refused");
                self.patience.refused();
                Err(Refusal::Cut)
            }
        }
    }
}

/// How many super-frames are not tried after one was refused: more each time, so that a link that
/// takes none costs next to nothing, and one that takes them again is found out.
#[derive(Clone, Copy, Debug, Default)]
struct Patience {
    left: u32,
    last: u32,
}

impl Patience {
    const FIRST: u32 = 16;
    const MAX: u32 = 1 << 14;

    /// Whether the next may be tried; counts it if not.
    const fn is_over(&mut self) -> bool {
        let over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        over
    }

    fn refused(&mut self) {
        self.last = (self.last * 2).clamp(Self::FIRST, Self::MAX);
        self.left = self.last;
    }
}

/// `struct virtio_net_hdr`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct VirtioHeader {
    gso_type: u8,
    hdr_len: u16,
    gso_size: u16,
    csum_start: u16,
}

impl VirtioHeader {
    /// `None` if this can't be cut.
    fn of(frame: &SuperFrame<'_>) -> Option<Self> {
        let SuperFrame { headers, l2_len, l3_len, mss, payload } = *frame;
        let payload_len: usize = payload.iter().map(|slice| slice.len()).sum();
        let l4_start = l2_len + l3_len;
        if headers.len() + payload_len > SUPER_BYTES_MAX {
            return None;
        }
        let flags = headers.get(l4_start + TCP_FLAGS_AT)?;
        let (gso_type, gso_size) = match headers.get(l2_len)? >> 4 {
            4 | 6 if payload_len <= mss => (sys::VIRTIO_NET_HDR_GSO_NONE, 0),
            // CWR belongs to the first segment alone in classic ECN, and to all of them in accurate
            // ECN: which, the kernel would have to be told.
            _ if flags & TCP_CWR != 0 => return None,
            4 => (sys::VIRTIO_NET_HDR_GSO_TCPV4, u16::try_from(mss).ok()?),
            6 => (sys::VIRTIO_NET_HDR_GSO_TCPV6, u16::try_from(mss).ok()?),
            _ => return None,
        };
        Some(Self {
            gso_type,
            hdr_len: u16::try_from(headers.len()).ok()?,
            gso_size,
            csum_start: u16::try_from(l4_start).ok()?,
        })
    }

    fn to_bytes(self) -> Head {
        let Self { gso_type, hdr_len, gso_size, csum_start } = self;
        let mut bytes = [0; _];
        bytes[0] = sys::VIRTIO_NET_HDR_F_NEEDS_CSUM;
        bytes[1] = gso_type;
        for (place, field) in [(2, hdr_len), (4, gso_size), (6, csum_start), (8, TCP_CHECKSUM_AT)] {
            bytes[place..place + 2].copy_from_slice(&field.to_ne_bytes());
        }
        bytes
    }
}

/// Octet of the TCP header that has CWR.
const TCP_FLAGS_AT: usize = 13;
/// The flag in it.
const TCP_CWR: u8 = 0x80;
/// Where the checksum is in the TCP header.
const TCP_CHECKSUM_AT: u16 = 16;

#[cfg(test)]
mod tests;
