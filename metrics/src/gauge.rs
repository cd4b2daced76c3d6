//! Gauges: cells that go up and down.

use std::sync::atomic::Ordering;

use crate::shard::Shard;

/// Names one gauge series. The shards' values add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GaugeId(pub(crate) u32);

impl Shard {
    /// Sets a gauge.
    pub fn set(&self, id: GaugeId, value: i64) {
        self.cell(id.0).store(value.cast_unsigned(), Ordering::Relaxed);
    }

    /// Adds to a gauge, or takes from it.
    pub fn adjust(&self, id: GaugeId, delta: i64) {
        self.set(id, self.gauge(id).wrapping_add(delta));
    }

    /// What this shard has set.
    pub fn gauge(&self, id: GaugeId) -> i64 {
        self.cell(id.0).load(Ordering::Relaxed).cast_signed()
    }
}
