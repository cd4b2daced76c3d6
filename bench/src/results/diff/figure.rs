//! Which figures are compared.

use super::super::file::{Places, Results};
use super::bootstrap::Unit;
use crate::seconds::Cell;

/// A second shorter than this was cut off.
const FULL_S: f64 = 0.9;

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Operations done in a second. Decides in a closed loop; in an open one the schedule sets it.
    Rate,
    /// Failed operations and those that were never begun, of all that were due.
    Failures,
    /// Of the response times.
    Quantile(Quantile),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Quantile {
    P50,
    P90,
    P99,
    P999,
}

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rate => "done",
            Self::Failures => "failed",
            Self::Quantile(Quantile::P50) => "response p50",
            Self::Quantile(Quantile::P90) => "response p90",
            Self::Quantile(Quantile::P99) => "response p99",
            Self::Quantile(Quantile::P999) => "response p99.9",
        }
    }

    /// Does the verdict rest on it? Few do: each more widens the intervals of all.
    pub(crate) fn decides(self) -> bool {
        match self {
            Self::Rate | Self::Failures | Self::Quantile(Quantile::P50 | Quantile::P99) => true,
            Self::Quantile(Quantile::P90 | Quantile::P999) => false,
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        self == Self::Rate
    }

    /// Its value over some seconds: latencies in nanoseconds.
    pub(crate) fn value(self, unit: &Unit) -> f64 {
        match self {
            Self::Rate if unit.length_s > 0.0 => unit.done as f64 / unit.length_s,
            Self::Rate => 0.0,
            Self::Failures => unit.lost as f64 / (unit.lost + unit.done).max(1) as f64,
            Self::Quantile(quantile) => unit.quantile(quantile.share()),
        }
    }

    /// The same as something that has a ratio: half a failure more than there were, so that none is not
    /// infinitely better than one.
    pub(crate) fn comparable(self, unit: &Unit) -> f64 {
        match self {
            Self::Failures => (unit.lost as f64 + 0.5) / (unit.lost + unit.done + 1) as f64,
            Self::Rate | Self::Quantile(_) => self.value(unit),
        }
    }
}

impl Quantile {
    pub(crate) fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
        }
    }
}

/// Those that both sides have.
pub(crate) fn of(a: &[Results], b: &[Results]) -> Vec<Figure> {
    let units = |side: &[Results]| side.iter().flat_map(units).collect::<Vec<_>>();
    let sides = [units(a), units(b)];
    let both = |has: fn(&Unit) -> bool| sides.iter().all(|side| side.iter().any(has));
    let any = |has: fn(&Unit) -> bool| sides.iter().any(|side| side.iter().any(has));
    let mut figures = vec![Figure::Rate];
    if any(|unit| unit.lost > 0) {
        figures.push(Figure::Failures);
    }
    if both(|unit| unit.done > 0) {
        let quantiles = [Quantile::P50, Quantile::P90, Quantile::P99, Quantile::P999];
        figures.extend(quantiles.map(Figure::Quantile));
    }
    figures
}

/// The full seconds of a run in phases that count. Operations wait in the order in which they are due, so
/// those that were never begun are the last ones: they count in the second in which they were due. An
/// operation that only waited for a second or two is not among them.
pub(crate) fn units(results: &Results) -> Vec<Unit> {
    let phases = &results.facts.scenario.phases;
    let counts = |from_s: f64| {
        let inside = |begin: f64, end: f64| from_s >= begin - 0.001 && from_s + FULL_S <= end;
        phases.iter().any(|phase| phase.measured && inside(phase.begin_s, phase.end_s))
    };
    let cells: Vec<Cell> =
        results.seconds.iter().map(|second| results.sum_of(second, Places::Measured)).collect();
    let (due, begun) =
        cells.iter().fold((0, 0), |(due, begun), cell| (due + cell.due, begun + cell.begun));
    let mut never_begun: u64 = due.saturating_sub(begun);
    let mut units = Vec::new();
    for (second, cell) in results.seconds.iter().zip(cells).rev() {
        let lost = cell.due.min(never_begun);
        never_begun -= lost;
        let length_s = results.length_of(second);
        if length_s >= FULL_S && counts(f64::from(second.number)) {
            units.push(Unit {
                length_s,
                done: cell.done,
                lost: cell.failures.total() + lost,
                response: cell.response,
            });
        }
    }
    units.reverse();
    units
}
