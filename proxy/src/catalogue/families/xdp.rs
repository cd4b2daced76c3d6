//! Frames through AF_XDP.

use metrics::{Catalogue, CatalogueError, CounterId, Family, GaugeId, Series, Unit};

use super::Lists;
use crate::catalogue::{DIRECTIONS, TRAIN_PATHS, XDP_MODES};

/// Frames through AF_XDP.
#[derive(Debug)]
pub(crate) struct XdpFamilies {
    /// `queue`, `direction`.
    pub(crate) packets: Series<CounterId>,
    /// `queue`, `direction`.
    pub(crate) bytes: Series<CounterId>,
    /// `queue`, `reason`.
    pub(crate) drops: Series<CounterId>,
    /// `queue`, `mode`: 1 for the mode in use.
    pub(crate) mode: Series<GaugeId>,
    /// `path`: how the engine's trains of segments left.
    pub(crate) trains: Series<CounterId>,
    /// No label.
    pub(crate) super_frames_refused: Series<CounterId>,
}

impl XdpFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        let values = lists.values;
        Ok(Self {
            packets: catalogue.counters(lists.by_queue(
                Family::new("xdp_packets_total", "Frames through AF_XDP."),
                "direction",
                &DIRECTIONS,
            ))?,
            bytes: catalogue.counters(
                lists.by_queue(
                    Family::new("xdp_bytes_total", "Bytes through AF_XDP, headers included.")
                        .unit(Unit::Bytes),
                    "direction",
                    &DIRECTIONS,
                ),
            )?,
            drops: catalogue.counters(lists.by_queue(
                Family::new("xdp_drops_total", "Frames dropped before TCP, by reason."),
                "reason",
                &values.xdp_drop_reasons,
            ))?,
            mode: catalogue.gauges(lists.by_queue(
                Family::new("xdp_mode", "1 for the XDP mode in use."),
                "mode",
                &XDP_MODES,
            ))?,
            trains: catalogue.counters(lists.by(
                "tx_trains_total",
                "Trains of segments by the way they left: frames on the ring, or one super-frame.",
                ("path", &TRAIN_PATHS),
            ))?,
            super_frames_refused: catalogue.counters(Family::new(
                "tx_super_frames_refused_total",
                "Super-frames that the link did not take: they went through the ring, cut.",
            ))?,
        })
    }
}
