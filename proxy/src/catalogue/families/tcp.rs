//! What the engine counts.

use metrics::{Catalogue, CatalogueError, CounterId, Family, GaugeId, Series};

use super::Lists;
use crate::catalogue::{DIRECTIONS, OPENS, TCP_STATES};

/// What the engine counts.
#[derive(Debug)]
pub(crate) struct TcpFamilies {
    /// `listener`, `state`.
    pub(crate) connections: Series<GaugeId>,
    /// `listener`, `direction`.
    pub(crate) opens: Series<CounterId>,
    /// `listener`, `reason`.
    pub(crate) closes: Series<CounterId>,
    /// `cause`.
    pub(crate) retransmits: Series<CounterId>,
    /// `direction`.
    pub(crate) segments: Series<CounterId>,
    /// `direction`.
    pub(crate) bytes: Series<CounterId>,
    /// `reason`.
    pub(crate) drops: Series<CounterId>,
}

impl TcpFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        let values = lists.values;
        Ok(Self {
            connections: catalogue.gauges(lists.by_listener(
                Family::new("tcp_connections", "Connections by TCP state."),
                "state",
                &TCP_STATES,
            ))?,
            opens: catalogue.counters(lists.by_listener(
                Family::new("tcp_opens_total", "Connections opened, by who opened them."),
                "direction",
                &OPENS,
            ))?,
            closes: catalogue.counters(lists.by_listener(
                Family::new("tcp_closes_total", "Connections that ended, by reason."),
                "reason",
                &values.tcp_close_reasons,
            ))?,
            retransmits: catalogue.counters(lists.by(
                "tcp_retransmits_total",
                "Segments sent again, by cause.",
                ("cause", &values.retransmit_causes),
            ))?,
            segments: catalogue.counters(lists.by(
                "tcp_segments_total",
                "TCP segments.",
                ("direction", &DIRECTIONS),
            ))?,
            bytes: catalogue.counters(lists.by(
                "tcp_bytes_total",
                "Payload of TCP.",
                ("direction", &DIRECTIONS),
            ))?,
            drops: catalogue.counters(lists.by(
                "tcp_drops_total",
                "Packets that TCP and IP dropped, by reason.",
                ("reason", &values.tcp_drop_reasons),
            ))?,
        })
    }
}
