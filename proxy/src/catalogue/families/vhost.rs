//! Traffic by virtual host.

use metrics::{Catalogue, CatalogueError, CounterId, Family, GaugeId, Series, Unit};

use super::Lists;
use crate::catalogue::DIRECTIONS;

/// Traffic by virtual host.
#[derive(Debug)]
pub(crate) struct VhostFamilies {
    /// `vhost`.
    pub(crate) connections: Series<GaugeId>,
    /// `vhost`, `direction`.
    pub(crate) bytes: Series<CounterId>,
    /// `vhost`.
    pub(crate) handshakes: Series<CounterId>,
}

impl VhostFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        Ok(Self {
            connections: catalogue.gauges(
                lists
                    .by_vhost(Family::new("vhost_connections", "TLS connections by virtual host.")),
            )?,
            bytes: catalogue.counters(
                lists
                    .by_vhost(Family::new("vhost_bytes_total", "Plaintext by virtual host."))
                    .unit(Unit::Bytes)
                    .label("direction", DIRECTIONS),
            )?,
            handshakes: catalogue.counters(lists.by_vhost(Family::new(
                "vhost_handshakes_total",
                "Handshakes that ended well, by virtual host.",
            )))?,
        })
    }
}
