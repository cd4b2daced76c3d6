//! Sums over a run, a phase or a step.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::facts::Facts;
use crate::seconds::{Cell, HandshakeKind, Latencies, Place, Reasons, Second};

/// Latencies in microseconds; all 0 if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p75: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) p99_99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    pub(crate) fn of(latencies: &Latencies) -> Self {
        let mut histogram = Latencies::histogram();
        latencies.add_to(&mut histogram);
        Self::of_histogram(&histogram)
    }

    pub(crate) fn of_histogram(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            count: histogram.len(),
            mean: histogram.mean() / 1_000.0,
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: histogram.max() as f64 / 1_000.0,
        }
    }

    /// Names and values, in order.
    pub(crate) fn rows(&self) -> [(&'static str, f64); 8] {
        let Self { count: _, mean, p50, p75, p90, p99, p99_9, p99_99, max } = *self;
        [
            ("mean", mean),
            ("p50", p50),
            ("p75", p75),
            ("p90", p90),
            ("p99", p99),
            ("p99.9", p99_9),
            ("p99.99", p99_99),
            ("max", max),
        ]
    }
}

/// What a summary is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// All phases that count.
    Run,
    Phase(u16),
    /// One step in all phases that count.
    Step(u16),
}

impl Scope {
    /// Is what happened at `place` in it?
    pub(crate) fn has(self, facts: &Facts, place: Place) -> bool {
        match self {
            Self::Run => facts.measures(place),
            Self::Phase(phase) => place.phase == phase,
            Self::Step(step) => place.step == step && facts.measures(place),
        }
    }

    /// How long it went on, in seconds.
    fn length_s(self, facts: &Facts) -> f64 {
        match self {
            Self::Run | Self::Step(_) => facts.measured_s(),
            Self::Phase(phase) => {
                let phase = facts.scenario.phases.get(usize::from(phase));
                phase.map_or(0.0, |phase| facts.length_s(phase))
            }
        }
    }
}

/// What was measured at some places over some time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// Length in seconds.
    pub(crate) length_s: f64,
    pub(crate) due: u64,
    pub(crate) begun: u64,
    /// What was due and never begun.
    pub(crate) not_begun: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) failures: Reasons,
    /// Operations that ended well, in each second.
    pub(crate) done_per_s: f64,
    pub(crate) handshakes: BTreeMap<HandshakeKind, u64>,
    pub(crate) handshakes_per_s: f64,
    pub(crate) reconnects: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) response_us: Percentiles,
    pub(crate) service_us: Percentiles,
    pub(crate) handshake_us: Percentiles,
}

impl Summary {
    pub(super) fn of(facts: &Facts, seconds: &[Second], scope: Scope) -> Self {
        let mut sum = Cell::default();
        for (place, cell) in seconds.iter().flat_map(|second| &second.cells) {
            if scope.has(facts, *place) {
                sum.merge(cell);
            }
        }
        let length_s = scope.length_s(facts);
        let rate = |count: u64| if length_s > 0.0 { count as f64 / length_s } else { 0.0 };
        Self {
            length_s,
            due: sum.due,
            begun: sum.begun,
            not_begun: sum.due.saturating_sub(sum.begun),
            done: sum.done,
            failed: sum.failures.total(),
            done_per_s: rate(sum.done),
            handshakes_per_s: rate(sum.handshakes.values().sum()),
            reconnects: sum.reconnects,
            bytes_sent: sum.bytes_sent,
            bytes_received: sum.bytes_received,
            response_us: Percentiles::of(&sum.response),
            service_us: Percentiles::of(&sum.service),
            handshake_us: Percentiles::of(&sum.handshake),
            failures: sum.failures,
            handshakes: sum.handshakes,
        }
    }

    /// Operations that ended, whichever way.
    pub(crate) fn ended(&self) -> u64 {
        self.done + self.failed
    }

    /// Received and sent, in units of 10^9 bits a second.
    pub(crate) fn gigabits_per_s(&self) -> f64 {
        if self.length_s == 0.0 {
            return 0.0;
        }
        (self.bytes_sent + self.bytes_received) as f64 * 8.0 / self.length_s / 1e9
    }
}
