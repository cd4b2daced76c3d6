//! Histograms: a cell a bucket, and one for the sum. The count is the buckets' sum, so a scrape in
//! the middle of an observation never sees a count that its buckets deny.

use crate::counter::add;
use crate::shard::Shard;

/// Names one histogram series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HistogramId {
    pub(crate) first: u32,
    pub(crate) layout: u32,
}

/// What a histogram series has observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramView {
    /// Observations by bucket, not cumulative; the last is above the highest bound.
    pub buckets: Vec<u64>,
    /// Sum of all observations, in the unit they were made in.
    pub sum: u64,
}

impl HistogramView {
    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |count, bucket| count.wrapping_add(*bucket))
    }

    /// From the series' cells: the buckets, then the sum.
    pub(crate) fn of(cells: &[u64]) -> Self {
        let (sum, buckets) = cells.split_last().expect("a histogram has a cell for its sum");
        Self { buckets: buckets.to_vec(), sum: *sum }
    }
}

impl Shard {
    /// Counts an observation, in the unit of the family's bounds.
    pub fn observe(&self, id: HistogramId, value: u64) {
        let bounds = self.bounds(id.layout);
        let bucket = bounds.partition_point(|bound| *bound < value);
        add(self.cell_behind(id.first, bucket), 1);
        add(self.cell_behind(id.first, bounds.len() + 1), value);
    }
}

/// Cells of one series: a bucket for each bound, one above, and the sum.
pub(crate) const fn cells_of(bounds: usize) -> usize {
    bounds + 2
}
