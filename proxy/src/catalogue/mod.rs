//! Every metric of weir: names, labels and what they mean, declared once.
//!
//! Labels come from the configuration and from closed lists, never from a client. All series
//! exist at 0 from the start.

mod facts;
mod families;
mod labels;
#[cfg(test)]
mod tests;

use metrics::Registry;

use crate::admin::{Exposition, Format};

pub(crate) use facts::Facts;
pub(crate) use families::Families;

/// TCP's states in the order of their series. RFC 9293 §3.3.2.
pub(crate) const TCP_STATES: [&str; 11] = [
    "closed",
    "listen",
    "syn_sent",
    "syn_received",
    "established",
    "fin_wait_1",
    "fin_wait_2",
    "close_wait",
    "closing",
    "last_ack",
    "time_wait",
];

/// Directions in the order of their series, as seen from weir.
pub(crate) const DIRECTIONS: [&str; 2] = ["in", "out"];

/// Position of what comes in, in [`DIRECTIONS`].
pub(crate) const DIRECTION_IN: usize = 0;

/// Position of what goes out, in [`DIRECTIONS`].
pub(crate) const DIRECTION_OUT: usize = 1;

/// Who opened a connection, in the order of the series.
pub(crate) const OPENS: [&str; 2] = ["passive", "active"];

/// TLS versions in the order of their series.
pub(crate) const TLS_VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// Kinds of handshakes in the order of their series.
pub(crate) const RESUMPTIONS: [&str; 3] = ["full", "full_with_retry", "resumed"];

/// XDP modes in the order of their series.
pub(crate) const XDP_MODES: [&str; 3] = ["zero-copy", "copy", "skb"];

/// Ways to the wire in the order of their series.
pub(crate) const TRAIN_PATHS: [&str; 2] = ["ring", "super_frame"];

/// Values of labels that other rooms name or the configuration brings.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelValues {
    /// Listeners by position.
    pub(crate) listeners: Vec<String>,
    /// Workers' receive queues, such as `eth0/0`, by worker.
    pub(crate) queues: Vec<String>,
    /// Virtual hosts by their index.
    pub(crate) vhosts: Vec<String>,
    /// Why TCP connections close.
    pub(crate) tcp_close_reasons: Vec<&'static str>,
    /// Why segments are dropped.
    pub(crate) tcp_drop_reasons: Vec<&'static str>,
    /// What made a segment be sent again.
    pub(crate) retransmit_causes: Vec<&'static str>,
    /// Why handshakes fail.
    pub(crate) tls_failure_reasons: Vec<&'static str>,
    /// Why frames are dropped before TCP.
    pub(crate) xdp_drop_reasons: Vec<&'static str>,
    /// What comes of connects to servers.
    pub(crate) backend_results: Vec<&'static str>,
    /// Pools of the memory ledger.
    pub(crate) memory_pools: Vec<&'static str>,
}

impl Exposition for Registry {
    fn encode(&self, format: Format) -> String {
        match format {
            Format::OpenMetrics => self.encode_openmetrics(),
            Format::Classic => self.encode_classic(),
        }
    }
}
