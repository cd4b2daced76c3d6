//! The way to the servers.

use metrics::{Catalogue, CatalogueError, CounterId, Family, GaugeId, Series};

use super::Lists;
use crate::catalogue::DIRECTIONS;

/// The way to the servers.
#[derive(Debug)]
pub(crate) struct BackendFamilies {
    /// `result`.
    pub(crate) connects: Series<CounterId>,
    /// No label.
    pub(crate) connections: Series<GaugeId>,
    /// `direction`: `in` is from servers.
    pub(crate) bytes: Series<CounterId>,
}

impl BackendFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        let values = lists.values;
        Ok(Self {
            connects: catalogue.counters(lists.by(
                "backend_connects_total",
                "Connects to servers, by result.",
                ("result", &values.backend_results),
            ))?,
            connections: catalogue
                .gauges(Family::new("backend_connections", "Connections to servers."))?,
            bytes: catalogue.counters(lists.by(
                "backend_bytes_total",
                "Plaintext from and to servers.",
                ("direction", &DIRECTIONS),
            ))?,
        })
    }
}
