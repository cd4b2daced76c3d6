//! What workers do besides.

use metrics::{Catalogue, CatalogueError, CounterId, Family, Series, Unit};

use super::Lists;
use crate::tally::{Limit, StrayFate};
use crate::worker::Stage;

/// What workers do besides.
#[derive(Debug)]
pub(crate) struct WorkerFamilies {
    /// `stage`, by worker, in nanoseconds.
    pub(crate) busy: Series<CounterId>,
    /// No label, by worker: turns of the loop.
    pub(crate) loops: Series<CounterId>,
    /// `result`.
    pub(crate) strays: Series<CounterId>,
    /// `limit`.
    pub(crate) refused: Series<CounterId>,
    /// No label: panics, each of which ended at most one connection.
    pub(crate) panics: Series<CounterId>,
}

impl WorkerFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        let help =
            "Time at work by part of the loop; polling is looking for work, sleep is not in it.";
        let busy = lists.by("worker_busy_seconds_total", help, ("stage", &Stage::NAMES));
        let loops = Family::new("worker_loops_total", "Turns of the worker's loop.");
        Ok(Self {
            busy: catalogue.counters(busy.unit(Unit::Nanoseconds).per_worker())?,
            loops: catalogue.counters(loops.per_worker())?,
            strays: catalogue.counters(lists.by(
                "worker_strays_total",
                "Frames of another worker's connection: passed on, taken there, or dropped.",
                ("result", &StrayFate::NAMES),
            ))?,
            refused: catalogue.counters(lists.by(
                "limits_refused_total",
                "Connections refused since a limit was reached.",
                ("limit", &Limit::NAMES),
            ))?,
            panics: catalogue.counters(Family::new(
                "connection_panics_total",
                "Panics that were caught; each ended at most one connection.",
            ))?,
        })
    }
}
