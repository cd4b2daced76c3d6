//! What connections hold while they last, by room: all of it is given back when they end.

use metrics::{Catalogue, CatalogueError, Family, GaugeId, Series};
use weir_io::Class;

use super::Lists;

/// Uses of frames in the order of their series: the chunks of one queue add up to all it has.
pub(crate) const FRAME_USES: [&str; 6] = ["free", "fill", "rx", "tx", "completion", "held"];

/// Uses of record buffers in the order of their series.
pub(crate) const BUFFER_USES: [&str; 3] = ["free", "kernel", "held"];

/// Operations on backends' sockets in the order of their series.
pub(crate) const OPERATIONS: [&str; 4] = ["connect", "send", "receive", "shutdown"];

/// What the engine holds, in the order of the series.
pub(crate) const TCP_HELD: [&str; 9] = [
    "connections",
    "half_open",
    "timers",
    "receive_frames",
    "copied_out",
    "out_of_order",
    "send_buffers",
    "replies",
    "events",
];

/// What connections hold.
#[derive(Debug)]
pub(crate) struct HeldFamilies {
    /// `queue`, `use`.
    pub(crate) frames: Series<GaugeId>,
    /// `class`, `use`.
    pub(crate) buffers: Series<GaugeId>,
    /// `kind`.
    pub(crate) operations: Series<GaugeId>,
    /// `kind`.
    pub(crate) tcp: Series<GaugeId>,
    /// No label.
    pub(crate) sessions: Series<GaugeId>,
    /// No label.
    pub(crate) session_timers: Series<GaugeId>,
}

impl HeldFamilies {
    pub(super) fn declare(
        catalogue: &mut Catalogue,
        lists: &Lists<'_>,
    ) -> Result<Self, CatalogueError> {
        Ok(Self {
            frames: catalogue.gauges(lists.by_queue(
                Family::new("xdp_frames", "Frames by what they are used for."),
                "use",
                &FRAME_USES,
            ))?,
            buffers: catalogue.gauges(
                Family::new("record_buffers", "Record buffers by what they are used for.")
                    .label("class", Class::ALL.map(Class::name))
                    .label("use", BUFFER_USES),
            )?,
            operations: catalogue.gauges(lists.by(
                "backend_operations",
                "Operations on servers' sockets that are under way.",
                ("kind", &OPERATIONS),
            ))?,
            tcp: catalogue.gauges(lists.by(
                "tcp_held",
                "What TCP holds: things, not bytes.",
                ("kind", &TCP_HELD),
            ))?,
            sessions: catalogue.gauges(Family::new(
                "sessions",
                "Clients' connections that are being served, whatever their TCP state.",
            ))?,
            session_timers: catalogue
                .gauges(Family::new("session_timers", "Armed deadlines of sessions."))?,
        })
    }
}
