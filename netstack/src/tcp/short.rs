//! Times in 32 bits, for what a connection keeps of them for as long as it lives.

use core::num::NonZeroU32;

use crate::time::{Instant, Span};

/// A span in units of 16 ns, 68 s at most: fine enough for a round trip, and long enough. It counts
/// from 1 inside, as [`Span`] does, so that one that may be missing takes no more memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShortSpan(NonZeroU32);

/// A point in time in units of 2^27 ns (134 ms): for what lasts minutes and days. It wraps after 18
/// years, and an age below that is right whenever it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoarseInstant(u32);

const _: () = assert!(size_of::<Option<ShortSpan>>() == 4);

impl ShortSpan {
    /// The longest that is not longer than `span`.
    #[inline]
    pub(crate) const fn of(span: Span) -> Self {
        Self::from_units(saturated(span.as_nanos() >> UNIT_SHIFT))
    }

    /// The same as any other span.
    #[inline]
    pub(crate) const fn span(self) -> Span {
        Span::from_nanos((self.units() as u64) << UNIT_SHIFT)
    }

    /// The distance between two, whichever is the longer.
    #[inline]
    pub(crate) const fn abs_diff(self, other: Self) -> Self {
        Self::from_units(self.units().abs_diff(other.units()))
    }

    /// Half of it.
    #[inline]
    pub(crate) const fn half(self) -> Self {
        Self::from_units(self.units() / 2)
    }

    /// This, moved towards `to` by one part in `parts`.
    #[inline]
    pub(crate) fn moved_towards(self, to: Self, parts: u32) -> Self {
        let (from, step) = (self.units(), self.abs_diff(to).units() / parts.max(1));
        // Between the two, so it neither overflows nor becomes negative.
        Self::from_units(if to >= self {
            from.saturating_add(step)
        } else {
            from.saturating_sub(step)
        })
    }

    const fn units(self) -> u32 {
        self.0.get() - 1
    }

    const fn from_units(units: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(units))
    }
}

impl core::fmt::Debug for ShortSpan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.span().fmt(f)
    }
}

impl CoarseInstant {
    /// The last such point before `at`.
    #[inline]
    pub(crate) const fn of(at: Instant) -> Self {
        Self(low_half(at.as_nanos() >> COARSE_SHIFT))
    }

    /// How long ago it was, to within a unit.
    #[inline]
    pub(crate) const fn age(self, now: Instant) -> Span {
        let units = Self::of(now).0.wrapping_sub(self.0);
        Span::from_nanos((units as u64) << COARSE_SHIFT)
    }
}

/// Milliseconds of a clock that wraps after 49.7 days.
#[inline]
pub(crate) const fn wrapping_millis(at: Instant) -> u32 {
    low_half(at.as_millis())
}

/// The number, or the largest there is.
const fn saturated(number: u64) -> u32 {
    if number > u32::MAX as u64 { u32::MAX } else { low_half(number) }
}

/// The lower half of a number.
const fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Nanoseconds of a unit of [`ShortSpan`], as a shift.
const UNIT_SHIFT: u32 = 4;
/// Nanoseconds of a unit of [`CoarseInstant`], as a shift.
const COARSE_SHIFT: u32 = 27;
