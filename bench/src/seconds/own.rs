//! What the generator sees of itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::latencies::Latencies;

/// A worker whose core was this busy had no room left.
const CPU_SHARE_MAX: f64 = 0.95;

/// An open loop is late by its own fault if more than one operation in a hundred was noticed later
/// than this.
const LATENESS_MAX: Duration = Duration::from_millis(1);
const LATENESS_QUANTILE: f64 = 0.99;

/// The generator's own state in a second.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Own {
    /// From when an operation was due to when its worker noticed: late by nobody else's fault. Waiting
    /// for a free connection is not in it. Empty in a closed loop.
    pub(crate) lateness: Latencies,
    /// CPU time of the workers' threads.
    pub(crate) cpu: Duration,
    /// Time that those workers ran for, waiting included: `cpu / span` is how busy they were.
    pub(crate) span: Duration,
    /// Turns of the workers' loops.
    pub(crate) turns: u64,
    /// Frames that a ring had no room for, or for which there was no buffer.
    pub(crate) ring_drops: u64,
}

/// By what the generator itself limited a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// A worker used up its core.
    Cpu,
    /// Operations were noticed too late.
    Lateness,
    /// Frames were dropped.
    RingDrops,
}

impl Limit {
    /// Its name in reports, as in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Lateness => "lateness",
            Self::RingDrops => "ring_drops",
        }
    }

    /// What to tell about it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Cpu => "its workers used up their cores",
            Self::Lateness => "it noticed operations more than 1 ms after they were due",
            Self::RingDrops => "its rings dropped frames",
        }
    }
}

impl Own {
    /// How busy the workers were, from 0 to 1.
    pub(crate) fn cpu_share(&self) -> f64 {
        if self.span.is_zero() { 0.0 } else { self.cpu.as_secs_f64() / self.span.as_secs_f64() }
    }

    /// Why the generator was the bottleneck: nothing, if it was not.
    pub(crate) fn limits(&self) -> Vec<Limit> {
        let mut limits = Vec::new();
        if self.cpu_share() > CPU_SHARE_MAX {
            limits.push(Limit::Cpu);
        }
        let mut lateness = Latencies::histogram();
        self.lateness.add_to(&mut lateness);
        let late = Duration::from_nanos(lateness.value_at_quantile(LATENESS_QUANTILE));
        if late > LATENESS_MAX {
            limits.push(Limit::Lateness);
        }
        if self.ring_drops > 0 {
            limits.push(Limit::RingDrops);
        }
        limits
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let Self { lateness, cpu, span, turns, ring_drops } = self;
        lateness.merge(&other.lateness);
        *cpu += other.cpu;
        *span += other.span;
        *turns += other.turns;
        *ring_drops += other.ring_drops;
    }
}
