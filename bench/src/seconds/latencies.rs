//! Latencies as they lie in a closed second: the filled buckets of a histogram.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// From a microsecond to an hour, to three digits. What is below or above counts as the bound.
const NANOSECONDS_MIN: u64 = 1_000;
const NANOSECONDS_MAX: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// Latencies in nanoseconds: values that occurred, ascending, and how often.
///
/// A value is the lowest of its bucket in the histogram of [`Latencies::histogram`], and goes back into
/// the same one: turning them into a histogram and merging lose nothing.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Latencies(Vec<(u64, u64)>);

impl Latencies {
    /// An empty histogram of the kind that all of this is kept in.
    pub(crate) fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(NANOSECONDS_MIN, NANOSECONDS_MAX, DIGITS).expect("valid bounds")
    }

    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let filled = histogram.iter_recorded();
        let lowest = |value| histogram.lowest_equivalent(value);
        Self(filled.map(|at| (lowest(at.value_iterated_to()), at.count_at_value())).collect())
    }

    /// Adds them all to `histogram`, which is one of [`Latencies::histogram`].
    pub(crate) fn add_to(&self, histogram: &mut Histogram<u64>) {
        for (value, count) in &self.0 {
            histogram.saturating_record_n(*value, *count);
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The values and how often each occurred.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.0.iter().map(|(value, count)| (Duration::from_nanos(*value), *count))
    }

    /// Adds others. Both lists are sorted, and so is their sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        let mut sum = Vec::with_capacity(self.0.len().max(other.0.len()));
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(&&(value, count)), Some(&&(other_value, other_count))) =
            (mine.peek(), theirs.peek())
        {
            sum.push(match value.cmp(&other_value) {
                std::cmp::Ordering::Less => (value, count),
                std::cmp::Ordering::Equal => (value, count + other_count),
                std::cmp::Ordering::Greater => (other_value, other_count),
            });
            if value <= other_value {
                mine.next();
            }
            if other_value <= value {
                theirs.next();
            }
        }
        sum.extend(mine.chain(theirs));
        self.0 = sum;
    }
}
