//! Counters: cells that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::shard::Shard;

/// Names one counter series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CounterId(pub(crate) u32);

impl Shard {
    /// Adds to a counter.
    pub fn add(&self, id: CounterId, amount: u64) {
        add(self.cell(id.0), amount);
    }

    /// Adds one to a counter.
    pub fn increment(&self, id: CounterId) {
        self.add(id, 1);
    }

    /// What this shard has counted.
    pub fn counter(&self, id: CounterId) -> u64 {
        self.cell(id.0).load(Ordering::Relaxed)
    }
}

/// One writer: what it loads is what it stored last, so no read-modify-write is needed.
pub(crate) fn add(cell: &AtomicU64, amount: u64) {
    let value = cell.load(Ordering::Relaxed).wrapping_add(amount);
    cell.store(value, Ordering::Relaxed);
}
