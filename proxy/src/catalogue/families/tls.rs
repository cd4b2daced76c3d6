//! Handshakes.

use metrics::{Catalogue, CatalogueError, CounterId, Family, HistogramId, Series, Unit};

use super::Lists;
use crate::catalogue::{RESUMPTIONS, TLS_VERSIONS};

/// Upper bounds of the handshake histogram in ns: 0.5 ms to 4 s.
const HANDSHAKE_BOUNDS_NS: [u64; 14] = [
    500_000,
    1_000_000,
    2_000_000,
    4_000_000,
    8_000_000,
    16_000_000,
    32_000_000,
    64_000_000,
    128_000_000,
    256_000_000,
    512_000_000,
    1_000_000_000,
    2_000_000_000,
    4_000_000_000,
];

/// Handshakes.
#[derive(Debug)]
pub(crate) struct TlsFamilies {
    /// `listener`, `version`, `resumption`, `group`.
    pub(crate) handshakes: Series<CounterId>,
    /// `listener`, `reason`.
    pub(crate) handshake_failures: Series<CounterId>,
    /// No label; in ns.
    pub(crate) handshake_seconds: Series<HistogramId>,
}

impl TlsFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        let values = lists.values;
        Ok(Self {
            handshakes: catalogue.counters(handshakes(lists))?,
            handshake_failures: catalogue.counters(lists.by_listener(
                Family::new("tls_handshake_failures_total", "Handshakes that failed, by reason."),
                "reason",
                &values.tls_failure_reasons,
            ))?,
            handshake_seconds: catalogue.histograms(
                Family::new("tls_handshake_seconds", "From the complete hello to the end.")
                    .unit(Unit::Nanoseconds),
                &HANDSHAKE_BOUNDS_NS,
            )?,
        })
    }
}

fn handshakes(lists: &Lists<'_>) -> Family {
    let family = Family::new("tls_handshakes_total", "Handshakes that ended well.");
    lists
        .by_listener(family, "version", &TLS_VERSIONS)
        .label("resumption", RESUMPTIONS)
        .label("group", lists.groups.iter().cloned())
}
