//! Sequence numbers as places on a line.
//!
//! The wire has 32 bits that wrap. The model counts from the initial sequence number of a
//! direction in 64 bits: the SYN is at 0, the first octet at 1, and nothing wraps, so that
//! comparisons are plain ones.

/// A place in one direction of a connection: octets behind its SYN. Negative ones lie before it.
pub type Place = i64;

/// One direction's line of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The initial sequence number.
    origin: u32,
}

impl Line {
    /// The line that starts at that initial sequence number.
    #[must_use]
    pub const fn new(origin: u32) -> Self {
        Self { origin }
    }

    /// The initial sequence number.
    #[must_use]
    pub const fn origin(self) -> u32 {
        self.origin
    }

    /// The place that a number of the wire means: of all that wrap to it the nearest to `near`.
    /// RFC 9293 §3.4.
    #[must_use]
    pub fn place(self, wire: u32, near: Place) -> Place {
        let ahead = wire.wrapping_sub(self.wire(near)).cast_signed();
        near + Place::from(ahead)
    }

    /// The number of a place on the wire.
    #[must_use]
    pub fn wire(self, place: Place) -> u32 {
        let low = place.rem_euclid(1 << 32);
        self.origin.wrapping_add(u32::try_from(low).unwrap_or(0))
    }
}

/// Octets that are known, as ranges that neither touch nor overlap, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(Place, Place)>);

impl Ranges {
    /// Adds `start..end`.
    pub fn add(&mut self, start: Place, end: Place) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        self.0.retain(|&(left, right)| {
            let apart = right < start || left > end;
            if !apart {
                start = start.min(left);
                end = end.max(right);
            }
            apart
        });
        let at = self.0.partition_point(|&(left, _)| left < start);
        self.0.insert(at, (start, end));
    }

    /// Forgets everything before `place`.
    pub fn forget_before(&mut self, place: Place) {
        self.0.retain_mut(|(left, right)| {
            *left = (*left).max(place);
            *left < *right
        });
    }

    /// Whether all of `start..end` is known.
    #[must_use]
    pub fn covers(&self, start: Place, end: Place) -> bool {
        start >= end || self.0.iter().any(|&(left, right)| left <= start && end <= right)
    }

    /// Whether any of `start..end` is known.
    #[must_use]
    pub fn touches(&self, start: Place, end: Place) -> bool {
        self.0.iter().any(|&(left, right)| left < end && start < right)
    }

    /// The end of what is known without a gap from `place` on.
    #[must_use]
    pub fn reach(&self, place: Place) -> Place {
        let at = self.0.iter().find(|&&(left, right)| left <= place && place <= right);
        at.map_or(place, |&(_, right)| right)
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = (Place, Place)> + '_ {
        self.0.iter().copied()
    }
}

/// What is known of a number that the host does not show: it is one of `min..=max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// It is not less.
    pub min: Place,
    /// It is not more.
    pub max: Place,
}

impl Bounds {
    /// It is known.
    #[must_use]
    pub const fn exactly(place: Place) -> Self {
        Self { min: place, max: place }
    }

    /// Whether it is known.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.min == self.max
    }

    /// It may have become `place`, if that is more.
    pub fn may_become(&mut self, place: Place) {
        self.max = self.max.max(place);
    }

    /// It has become `place`, if that is more.
    pub fn becomes(&mut self, place: Place) {
        self.min = self.min.max(place);
        self.max = self.max.max(place);
    }
}
