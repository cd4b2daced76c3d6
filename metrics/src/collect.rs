//! Families whose series are found at the scrape.

use std::fmt;

use crate::family::Name;
use crate::registry::Snapshot;

/// Kind of a collected family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectedKind {
    /// Only grows; the name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl CollectedKind {
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge => "",
        }
    }
}

/// One series, as found.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// A value for each label of the family.
    pub labels: Vec<String>,
    /// The series' value.
    pub value: Number,
}

impl Sample {
    /// Of a family without labels.
    pub const fn only(value: Number) -> Self {
        Self { labels: Vec::new(), value }
    }
}

/// A value: exact where it is an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count.
    Unsigned(u64),
    /// A difference.
    Signed(i64),
    /// A measure.
    Real(f64),
}

/// Finds the series of a family, given what was just read from the shards.
type FindSamples = Box<dyn Fn(&Snapshot) -> Vec<Sample> + Send + Sync>;

/// A collected family.
pub(crate) struct Collected {
    pub(crate) name: Name,
    pub(crate) help: String,
    pub(crate) kind: CollectedKind,
    pub(crate) labels: Vec<String>,
    pub(crate) samples: FindSamples,
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collected").field("name", &self.name).finish_non_exhaustive()
    }
}
