//! What workers do besides.

use metrics::{Catalogue, CatalogueError, CounterId, Family, Series};

use super::Lists;
use crate::tally::{Limit, StrayFate};

/// What workers do besides.
#[derive(Debug)]
pub(crate) struct WorkerFamilies {
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
        Ok(Self {
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
