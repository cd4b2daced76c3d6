//! Sequence numbers and windows. RFC 9293 §3.4.
//!
//! A sequence number has no total order, so [`SeqNum`] has no `Ord` and no way to a raw `u32`
//! but the wire's. Two numbers compare by the shorter way around the circle, which is right
//! while they are less than 2^31 apart: windows are at most 2^30 bytes (RFC 7323 §2.3).

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A position in one direction's sequence space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct SeqNum(u32);

impl SeqNum {
    /// The origin of the space: for fields that hold no number yet.
    pub(crate) const ZERO: Self = Self(0);

    /// The number as the wire carries it.
    pub(crate) const fn from_wire(raw: u32) -> Self {
        Self(raw)
    }

    /// The number for the wire.
    pub(crate) const fn to_wire(self) -> u32 {
        self.0
    }

    /// Whether this lies before `other`.
    pub(crate) const fn before(self, other: Self) -> bool {
        self.signed_distance(other) > 0
    }

    /// Whether this lies before `other` or is the same.
    pub(crate) const fn before_or_eq(self, other: Self) -> bool {
        self.signed_distance(other) >= 0
    }

    /// Whether this lies after `other`.
    pub(crate) const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// Whether this lies after `other` or is the same.
    pub(crate) const fn after_or_eq(self, other: Self) -> bool {
        other.before_or_eq(self)
    }

    /// The later of the two.
    pub(crate) const fn latest(self, other: Self) -> Self {
        if self.before(other) { other } else { self }
    }

    /// The earlier of the two.
    pub(crate) const fn earliest(self, other: Self) -> Self {
        if other.before(self) { other } else { self }
    }

    /// Octets from here forward to `later`; 0 when `later` is not after this.
    pub(crate) const fn distance_to(self, later: Self) -> u32 {
        if self.before(later) { later.0.wrapping_sub(self.0) } else { 0 }
    }

    /// Whether this lies in `[start, start + window)`. A window of zero holds nothing.
    pub(crate) const fn in_window(self, start: Self, window: WindowSize) -> bool {
        self.0.wrapping_sub(start.0) < window.0
    }

    /// Octets from here to `other`, negative when `other` is behind.
    const fn signed_distance(self, other: Self) -> i32 {
        other.0.wrapping_sub(self.0).cast_signed()
    }
}

impl fmt::Display for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Forward by `octets` in sequence space, around the wrap.
impl Add<u32> for SeqNum {
    type Output = Self;
    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNum {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

/// Back by `octets` in sequence space, around the wrap.
impl Sub<u32> for SeqNum {
    type Output = Self;
    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

/// The end of a window that starts here.
impl Add<WindowSize> for SeqNum {
    type Output = Self;
    fn add(self, window: WindowSize) -> Self {
        self + window.0
    }
}

/// A window in octets, after scaling: at most [`WindowSize::MAX`]. RFC 7323 §2.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WindowSize(u32);

impl WindowSize {
    /// No octet may be sent.
    pub(crate) const ZERO: Self = Self(0);
    /// The largest window that can be advertised: 65535 shifted by 14.
    pub(crate) const MAX: Self = Self((u16::MAX as u32) << WindowScale::MAX.0);

    /// A window of `octets`, clamped to [`WindowSize::MAX`].
    pub(crate) const fn new(octets: u32) -> Self {
        if octets > Self::MAX.0 { Self::MAX } else { Self(octets) }
    }

    /// The window that a header's 16-bit field means under the sender's `scale`.
    pub(crate) const fn from_wire(field: u16, scale: WindowScale) -> Self {
        Self((field as u32) << scale.0)
    }

    /// The header's 16-bit field for this window: rounded down, clamped to 65535.
    pub(crate) fn to_wire(self, scale: WindowScale) -> u16 {
        u16::try_from(self.0 >> scale.0).unwrap_or(u16::MAX)
    }

    /// The window in octets.
    pub(crate) const fn octets(self) -> u32 {
        self.0
    }

    /// Whether no octet may be sent.
    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A window scale shift, 0 to 14. RFC 7323 §2.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WindowScale(u8);

impl WindowScale {
    /// No scaling: what every SYN and every peer without the option uses.
    pub(crate) const ZERO: Self = Self(0);
    /// The largest shift there is.
    pub(crate) const MAX: Self = Self(14);

    /// A shift of a test's choice; `None` above 14.
    #[cfg(test)]
    pub(crate) const fn new(shift: u8) -> Option<Self> {
        if shift > Self::MAX.0 { None } else { Some(Self(shift)) }
    }

    /// A shift that a peer sent: above 14 it counts as 14. RFC 7323 §2.3.
    pub(crate) const fn from_wire(shift: u8) -> Self {
        if shift > Self::MAX.0 { Self::MAX } else { Self(shift) }
    }

    /// The smallest shift with which a window of `octets` can be advertised.
    pub(crate) const fn for_window(octets: u32) -> Self {
        let mut shift = 0;
        while shift < Self::MAX.0 && octets >> shift > u16::MAX as u32 {
            shift += 1;
        }
        Self(shift)
    }

    /// The shift for the wire.
    pub(crate) const fn shift(self) -> u8 {
        self.0
    }
}
