//! What goes to the link: a header template, slices of payload and the MSS.
//!
//! A train is up to 64 kB of one connection's bytes that go out as segments of one size. The
//! link decides how: cut into frames, as one super-frame that the kernel or the NIC cuts, or as
//! a prefix if it has no room for more.

use core::cell::Cell;
use core::fmt;

use super::seq::SeqNum;
use crate::wire::checksum::Checksum;
use crate::wire::ipv4::Ipv4;
use crate::wire::ipv6::Ipv6;
use crate::wire::tcp::{CHECKSUM_AT, FLAGS_AT, Flags, SEQ_AT};
use crate::wire::{array_at, put, u8_at, u32_at};

/// Where trains go.
pub trait Link {
    /// Takes the train, or a prefix of it: how many of its segments. 0 means that the link is
    /// full; the rest is offered again later.
    fn transmit(&mut self, train: &Train<'_>) -> usize;
}

/// One of the ways that a link has to the wire. What takes one may overtake what took another before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane(pub u8);

/// Segments of one connection that differ only by position, or a single packet.
pub struct Train<'a> {
    /// The headers of the first segment, with its sequence number, without lengths and
    /// checksums; for a packet that is no TCP, the whole packet.
    header: &'a [u8],
    /// How the header divides into layers.
    layers: Layers,
    /// The payload of all segments, in order.
    payload: &'a [&'a [u8]],
    /// Bytes of payload.
    payload_len: usize,
    /// Bytes of payload in each segment but the last.
    mss: usize,
    /// Flags that only the last segment carries.
    last: Flags,
    /// The lane of what this train must not overtake.
    bound_to: Option<Lane>,
    /// The lane it took.
    lane: Cell<Lane>,
}

/// Lengths of the headers, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layers {
    /// Ethernet with its VLAN tag.
    pub(crate) l2_len: usize,
    /// IP.
    pub(crate) l3_len: usize,
    /// TCP with its options; 0 in a packet that is no TCP.
    pub(crate) l4_len: usize,
}

/// The parts of a train of TCP segments.
pub(crate) struct TrainParts<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) layers: Layers,
    pub(crate) payload: &'a [&'a [u8]],
    pub(crate) mss: usize,
    pub(crate) last: Flags,
    pub(crate) bound_to: Option<Lane>,
}

impl<'a> Train<'a> {
    /// A train of TCP segments.
    pub(crate) fn new(parts: TrainParts<'a>) -> Self {
        let TrainParts { header, layers, payload, mss, last, bound_to } = parts;
        let payload_len = payload.iter().map(|slice| slice.len()).sum();
        let lane = Cell::new(bound_to.unwrap_or_default());
        Self { header, layers, payload, payload_len, mss: mss.max(1), last, bound_to, lane }
    }

    /// A packet that is complete as it is.
    pub(crate) fn packet(frame: &'a [u8], l2_len: usize) -> Self {
        let layers = Layers { l2_len, l3_len: frame.len().saturating_sub(l2_len), l4_len: 0 };
        Self {
            header: frame,
            layers,
            payload: &[],
            payload_len: 0,
            mss: 1,
            last: Flags::NONE,
            bound_to: None,
            lane: Cell::default(),
        }
    }

    /// The lane that this train has to take to stay behind what is still under way of its connection;
    /// `None` if nothing is. A link with one lane, or whose lanes keep their order to each other, need
    /// not ask.
    #[must_use]
    pub const fn bound_to(&self) -> Option<Lane> {
        self.bound_to
    }

    /// Told by the link: the lane that the train, or the part of it that was taken, left by. Else it is
    /// that of [`Self::bound_to`], or the first.
    pub fn took(&self, lane: Lane) {
        self.lane.set(lane);
    }

    /// The lane it took.
    pub(crate) const fn lane(&self) -> Lane {
        self.lane.get()
    }

    /// Whether these are TCP segments; else it is one packet of another protocol, complete.
    #[must_use]
    pub const fn is_tcp(&self) -> bool {
        self.layers.l4_len != 0
    }

    /// How many segments; at least one.
    #[must_use]
    pub const fn segments(&self) -> usize {
        if self.payload_len == 0 { 1 } else { self.payload_len.div_ceil(self.mss) }
    }

    /// Bytes of the whole frame of segment `index`; 0 if there is none.
    #[must_use]
    pub fn segment_len(&self, index: usize) -> usize {
        if index < self.segments() { self.header.len() + self.payload_of(index).1 } else { 0 }
    }

    /// Bytes of payload of all segments.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload_len
    }

    /// Bytes of payload in each segment but the last.
    #[must_use]
    pub const fn mss(&self) -> usize {
        self.mss
    }

    /// Bytes of the Ethernet header and its VLAN tag.
    #[must_use]
    pub const fn l2_len(&self) -> usize {
        self.layers.l2_len
    }

    /// Bytes of the IP header.
    #[must_use]
    pub const fn l3_len(&self) -> usize {
        self.layers.l3_len
    }

    /// Bytes of the TCP header with its options; 0 if this is no TCP.
    #[must_use]
    pub const fn l4_len(&self) -> usize {
        self.layers.l4_len
    }

    /// Bytes of all headers.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header.len()
    }

    /// The payload of all segments, in order.
    #[must_use]
    pub const fn payload(&self) -> &'a [&'a [u8]] {
        self.payload
    }

    /// Writes the frame of segment `index` to the start of `out`, complete with lengths and
    /// checksums, and gives its length; `None` if there is no such segment or `out` is too small.
    #[must_use]
    pub fn write_segment(&self, index: usize, out: &mut [u8]) -> Option<usize> {
        let segments = self.segments();
        if index >= segments {
            return None;
        }
        let (start, len) = self.payload_of(index);
        let frame = out.get_mut(..self.header.len() + len)?;
        let (header, payload) = frame.split_at_mut_checked(self.header.len())?;
        header.copy_from_slice(self.header);
        if !self.is_tcp() {
            return Some(self.header.len());
        }
        let mut sum = self.write_ip(header, IpPatch { payload_len: len, index })?;
        let offset = u32::try_from(start).ok()?;
        let last = if index + 1 == segments { self.last } else { Flags::NONE };
        self.write_tcp(header, TcpPatch { offset, flags: last })?;
        sum.add(header.get(self.l4_start()..)?);
        copy_slices(self.payload, start, payload);
        sum.add(payload);
        put(header, self.l4_start() + CHECKSUM_AT, &sum.finish().to_be_bytes())?;
        Some(self.header.len() + len)
    }

    /// Writes the headers of all segments as one super-frame, as segmentation offload wants them:
    /// lengths of the whole, and as TCP checksum the pseudo-header's sum alone. Gives the
    /// headers' length; `None` if `out` is too small or this is no TCP.
    #[must_use]
    pub fn write_super_header(&self, out: &mut [u8]) -> Option<usize> {
        if !self.is_tcp() {
            return None;
        }
        let header = out.get_mut(..self.header.len())?;
        header.copy_from_slice(self.header);
        let sum = self.write_ip(header, IpPatch { payload_len: self.payload_len, index: 0 })?;
        self.write_tcp(header, TcpPatch { offset: 0, flags: self.last })?;
        put(header, self.l4_start() + CHECKSUM_AT, &sum.partial().to_be_bytes())?;
        Some(self.header.len())
    }

    /// Where in the payload segment `index` starts, and its length.
    const fn payload_of(&self, index: usize) -> (usize, usize) {
        let start = index.saturating_mul(self.mss);
        let rest = self.payload_len.saturating_sub(start);
        (start, if rest < self.mss { rest } else { self.mss })
    }

    /// Where the TCP header starts.
    const fn l4_start(&self) -> usize {
        self.layers.l2_len + self.layers.l3_len
    }

    /// Writes what differs in the IP header and gives the pseudo-header's sum.
    fn write_ip(&self, header: &mut [u8], patch: IpPatch) -> Option<Checksum> {
        let tcp_len = self.layers.l4_len + patch.payload_len;
        let (ip, _) =
            header.get_mut(self.layers.l2_len..)?.split_at_mut_checked(self.layers.l3_len)?;
        if u8_at(ip, 0)? >> 4 == 4 {
            let total_len = u16::try_from(self.layers.l3_len + tcp_len).ok()?;
            // Identifications wrap; ours start at 0, for no packet of ours is ever fragmented.
            let id = u16::try_from(patch.index).ok()?;
            Ipv4::patch(ip, total_len, id)?;
            Some(Checksum::pseudo_header_of(&array_at::<8>(ip, 12)?, tcp_len))
        } else {
            Ipv6::patch(ip, u16::try_from(tcp_len).ok()?)?;
            Some(Checksum::pseudo_header_of(&array_at::<32>(ip, 8)?, tcp_len))
        }
    }

    /// Writes what differs in the TCP header, its checksum 0.
    fn write_tcp(&self, header: &mut [u8], patch: TcpPatch) -> Option<()> {
        let at = self.l4_start();
        let seq = SeqNum::from_wire(u32_at(header, at + SEQ_AT)?) + patch.offset;
        put(header, at + SEQ_AT, &seq.to_wire().to_be_bytes())?;
        // None of those that only the last segment has lies in the octet before.
        let [_, last] = patch.flags.to_wire();
        let flags = u8_at(header, at + FLAGS_AT)? | last;
        put(header, at + FLAGS_AT, &[flags])?;
        put(header, at + CHECKSUM_AT, &[0, 0])
    }
}

impl fmt::Debug for Train<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Train")
            .field("layers", &self.layers)
            .field("payload_len", &self.payload_len)
            .field("mss", &self.mss)
            .finish_non_exhaustive()
    }
}

/// What differs in the IP header from the template's.
#[derive(Clone, Copy)]
struct IpPatch {
    payload_len: usize,
    index: usize,
}

/// What differs in the TCP header from the template's.
#[derive(Clone, Copy)]
struct TcpPatch {
    offset: u32,
    flags: Flags,
}

/// Fills `out` with the bytes of `slices` from `start` on.
fn copy_slices(slices: &[&[u8]], start: usize, out: &mut [u8]) {
    let mut skip = start;
    let mut rest = out;
    for slice in slices {
        let Some(from) = slice.get(skip..) else {
            skip -= slice.len();
            continue;
        };
        skip = 0;
        let len = from.len().min(rest.len());
        let (to, behind) = rest.split_at_mut(len);
        to.copy_from_slice(&from[..len]);
        rest = behind;
        if rest.is_empty() {
            return;
        }
    }
}
