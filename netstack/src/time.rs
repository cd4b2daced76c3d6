//! Points in time and spans between them, in nanoseconds: values only, no clock.
//!
//! 64 bits of nanoseconds last 584 years, so nothing here wraps; arithmetic saturates all the
//! same, because a deadline far away must stay far away. Both count from 1 inside, so that one that
//! may be missing takes no more memory than one that is there: connections have many of them.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

/// A point in time: nanoseconds since an origin that the caller chose once.
///
/// The engine never reads a clock: every `Instant` it knows was passed in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

/// A length of time in nanoseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(NonZeroU64);

const _: () = assert!(size_of::<Option<Instant>>() == 8 && size_of::<Option<Span>>() == 8);

impl Instant {
    /// The origin of the caller's clock.
    pub const ORIGIN: Self = Self(NonZeroU64::MIN);
    /// The last point in time there is: a deadline that never comes.
    pub const FAR_FUTURE: Self = Self(NonZeroU64::MAX);

    /// The point `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// The point `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self::from_nanos(micros.saturating_mul(1_000))
    }

    /// The point `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// Whole microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.as_nanos() / 1_000
    }

    /// Whole milliseconds since the origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.as_nanos() / 1_000_000
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// The longest span there is.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// A span of `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// A span of `micros` microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self::from_nanos(micros.saturating_mul(1_000))
    }

    /// A span of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// A span of `secs` seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_nanos(secs.saturating_mul(1_000_000_000))
    }

    /// The span in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// The span in whole microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.as_nanos() / 1_000
    }

    /// The span in whole milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.as_nanos() / 1_000_000
    }

    /// The span in whole seconds.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.as_nanos() / 1_000_000_000
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.as_nanos() == 0
    }

    /// The distance between two spans, whichever is the longer.
    #[must_use]
    pub const fn abs_diff(self, other: Self) -> Self {
        Self::from_nanos(self.0.get().abs_diff(other.0.get()))
    }
}

/// The origin.
impl Default for Instant {
    fn default() -> Self {
        Self::ORIGIN
    }
}

/// No time at all.
impl Default for Span {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_nanos()).finish()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.as_nanos()).finish()
    }
}

impl From<core::time::Duration> for Span {
    fn from(duration: core::time::Duration) -> Self {
        Self::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Span> for core::time::Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(span.as_nanos())
    }
}

impl Add<Span> for Instant {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_nanos()))
    }
}

impl AddAssign<Span> for Instant {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Instant {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self::from_nanos(self.as_nanos().saturating_sub(span.as_nanos()))
    }
}

impl Sub for Instant {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        self.since(earlier)
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.as_nanos()))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::from_nanos(self.0.get().saturating_sub(other.0.get()))
    }
}

impl SubAssign for Span {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<u32> for Span {
    type Output = Self;
    fn mul(self, factor: u32) -> Self {
        Self::from_nanos(self.as_nanos().saturating_mul(u64::from(factor)))
    }
}

/// Division by zero gives the longest span: nothing on a timer's path may panic.
impl Div<u32> for Span {
    type Output = Self;
    fn div(self, divisor: u32) -> Self {
        Self::from_nanos(self.as_nanos().checked_div(u64::from(divisor)).unwrap_or(u64::MAX))
    }
}
