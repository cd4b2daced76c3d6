//! Every metric of weir: names, labels and what they mean, declared once.
//!
//! Labels come from the configuration and from closed lists, never from a client. All series
//! exist at 0 from the start.

mod facts;
mod labels;
#[cfg(test)]
mod tests;

use metrics::{
    Catalogue, CatalogueError, CounterId, Family, GaugeId, HistogramId, Ledger, Registry, Series,
    Unit,
};

use crate::admin::{Exposition, Format};
use crate::vhost::policy;

pub(crate) use facts::Facts;

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

/// The group of a handshake without a key exchange.
const NO_GROUP: &str = "none";

/// Virtual hosts with series of their own; all others share one.
const VHOSTS_MAX: usize = 50;

/// The series that virtual hosts without their own share.
const OTHER_VHOSTS: &str = "__other__";

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

/// The series that workers write. Positions in each are those of the lists, in the order of the
/// labels in the comment.
#[derive(Debug)]
pub(crate) struct Families {
    /// `listener`, `state`.
    pub(crate) tcp_connections: Series<GaugeId>,
    /// `listener`, `direction`.
    pub(crate) tcp_opens: Series<CounterId>,
    /// `listener`, `reason`.
    pub(crate) tcp_closes: Series<CounterId>,
    /// `cause`.
    pub(crate) tcp_retransmits: Series<CounterId>,
    /// `direction`.
    pub(crate) tcp_segments: Series<CounterId>,
    /// `direction`.
    pub(crate) tcp_bytes: Series<CounterId>,
    /// `reason`.
    pub(crate) tcp_drops: Series<CounterId>,
    /// `listener`, `version`, `resumption`, `group`.
    pub(crate) tls_handshakes: Series<CounterId>,
    /// `listener`, `reason`.
    pub(crate) tls_handshake_failures: Series<CounterId>,
    /// No label; in ns.
    pub(crate) tls_handshake_seconds: Series<HistogramId>,
    /// `queue`, `direction`.
    pub(crate) xdp_packets: Series<CounterId>,
    /// `queue`, `direction`.
    pub(crate) xdp_bytes: Series<CounterId>,
    /// `queue`, `reason`.
    pub(crate) xdp_drops: Series<CounterId>,
    /// `queue`, `mode`: 1 for the mode in use.
    pub(crate) xdp_mode: Series<GaugeId>,
    /// `result`.
    pub(crate) backend_connects: Series<CounterId>,
    /// No label.
    pub(crate) backend_connections: Series<GaugeId>,
    /// `direction`: `in` is from servers.
    pub(crate) backend_bytes: Series<CounterId>,
    /// `vhost`.
    pub(crate) vhost_connections: Series<GaugeId>,
    /// `vhost`, `direction`.
    pub(crate) vhost_bytes: Series<CounterId>,
    /// `vhost`.
    pub(crate) vhost_handshakes: Series<CounterId>,
    /// `result`: `passed`, `taken`, `dropped`.
    pub(crate) worker_strays: Series<CounterId>,
    /// No label: connections that a panic ended.
    pub(crate) connection_panics: Series<CounterId>,
    /// Bytes by pool.
    pub(crate) memory: Ledger,
    groups: Vec<String>,
    vhosts_listed: usize,
}

impl Families {
    /// Declares everything that workers write and the facts that a scrape finds.
    ///
    /// # Errors
    /// A name, help or label value that can't be, or is there twice.
    pub(crate) fn declare(
        catalogue: &mut Catalogue,
        values: &LabelValues,
        facts: Facts,
    ) -> Result<Self, CatalogueError> {
        facts.declare(catalogue)?;
        let mut vhosts: Vec<_> = values.vhosts.iter().take(VHOSTS_MAX).cloned().collect();
        let vhosts_listed = vhosts.len();
        vhosts.push(OTHER_VHOSTS.to_owned());
        let mut groups: Vec<_> = policy::groups().into_iter().map(|(name, _)| name).collect();
        groups.push(NO_GROUP.to_owned());
        let lists = Lists { values, vhosts, groups };
        Ok(Self {
            tcp_connections: catalogue.gauges(lists.by_listener(
                Family::new("tcp_connections", "Connections by TCP state."),
                "state",
                &TCP_STATES,
            ))?,
            tcp_opens: catalogue.counters(lists.by_listener(
                Family::new("tcp_opens_total", "Connections opened, by who opened them."),
                "direction",
                &OPENS,
            ))?,
            tcp_closes: catalogue.counters(lists.by_listener(
                Family::new("tcp_closes_total", "Connections that ended, by reason."),
                "reason",
                &values.tcp_close_reasons,
            ))?,
            tcp_retransmits: catalogue.counters(lists.by(
                "tcp_retransmits_total",
                "Segments sent again, by cause.",
                ("cause", &values.retransmit_causes),
            ))?,
            tcp_segments: catalogue.counters(lists.by(
                "tcp_segments_total",
                "TCP segments.",
                ("direction", &DIRECTIONS),
            ))?,
            tcp_bytes: catalogue.counters(
                lists
                    .by("tcp_bytes_total", "Payload of TCP.", ("direction", &DIRECTIONS))
                    .unit(Unit::Bytes),
            )?,
            tcp_drops: catalogue.counters(lists.by(
                "tcp_drops_total",
                "Packets that TCP and IP dropped, by reason.",
                ("reason", &values.tcp_drop_reasons),
            ))?,
            tls_handshakes: catalogue.counters(lists.handshakes())?,
            tls_handshake_failures: catalogue.counters(lists.by_listener(
                Family::new("tls_handshake_failures_total", "Handshakes that failed, by reason."),
                "reason",
                &values.tls_failure_reasons,
            ))?,
            tls_handshake_seconds: catalogue.histograms(
                Family::new("tls_handshake_seconds", "From the complete hello to the end.")
                    .unit(Unit::Nanoseconds),
                &HANDSHAKE_BOUNDS_NS,
            )?,
            xdp_packets: catalogue.counters(lists.by_queue(
                Family::new("xdp_packets_total", "Frames through AF_XDP."),
                "direction",
                &DIRECTIONS,
            ))?,
            xdp_bytes: catalogue.counters(
                lists.by_queue(
                    Family::new("xdp_bytes_total", "Bytes through AF_XDP, headers included.")
                        .unit(Unit::Bytes),
                    "direction",
                    &DIRECTIONS,
                ),
            )?,
            xdp_drops: catalogue.counters(lists.by_queue(
                Family::new("xdp_drops_total", "Frames dropped before TCP, by reason."),
                "reason",
                &values.xdp_drop_reasons,
            ))?,
            xdp_mode: catalogue.gauges(lists.by_queue(
                Family::new("xdp_mode", "1 for the XDP mode in use."),
                "mode",
                &XDP_MODES,
            ))?,
            backend_connects: catalogue.counters(lists.by(
                "backend_connects_total",
                "Connects to servers, by result.",
                ("result", &values.backend_results),
            ))?,
            backend_connections: catalogue
                .gauges(Family::new("backend_connections", "Connections to servers."))?,
            backend_bytes: catalogue.counters(
                lists
                    .by(
                        "backend_bytes_total",
                        "Plaintext from and to servers.",
                        ("direction", &DIRECTIONS),
                    )
                    .unit(Unit::Bytes),
            )?,
            vhost_connections: catalogue.gauges(
                lists
                    .by_vhost(Family::new("vhost_connections", "TLS connections by virtual host.")),
            )?,
            vhost_bytes: catalogue.counters(
                lists
                    .by_vhost(Family::new("vhost_bytes_total", "Plaintext by virtual host."))
                    .unit(Unit::Bytes)
                    .label("direction", DIRECTIONS),
            )?,
            vhost_handshakes: catalogue.counters(lists.by_vhost(Family::new(
                "vhost_handshakes_total",
                "Handshakes that ended well, by virtual host.",
            )))?,
            worker_strays: catalogue.counters(lists.by(
                "worker_strays_total",
                "Frames of another worker's connection: passed on, taken, or dropped on the way.",
                ("result", &["passed", "taken", "dropped"]),
            ))?,
            connection_panics: catalogue.counters(Family::new(
                "connection_panics_total",
                "Connections that a panic ended.",
            ))?,
            memory: Ledger::declare(catalogue, &values.memory_pools)?,
            groups: lists.groups,
            vhosts_listed,
        })
    }

    /// The position of the virtual host with this index: its own, or the common one.
    pub(crate) fn vhost(&self, index: u32) -> usize {
        usize::try_from(index).map_or(self.vhosts_listed, |index| index.min(self.vhosts_listed))
    }

    /// The position of a key exchange group by its IANA name; `None`: there was no key exchange.
    pub(crate) fn group(&self, name: Option<&str>) -> usize {
        let name = name.unwrap_or(NO_GROUP);
        self.groups.iter().position(|group| group == name).unwrap_or(self.groups.len() - 1)
    }
}

/// The lists while families are declared.
struct Lists<'a> {
    values: &'a LabelValues,
    vhosts: Vec<String>,
    groups: Vec<String>,
}

impl Lists<'_> {
    fn by(&self, name: &str, help: &str, label: (&str, &[&'static str])) -> Family {
        Family::new(name, help).label(label.0, label.1.iter().copied())
    }

    fn by_listener(&self, family: Family, label: &str, values: &[&'static str]) -> Family {
        family
            .label("listener", self.values.listeners.iter().cloned())
            .label(label, values.iter().copied())
    }

    fn by_queue(&self, family: Family, label: &str, values: &[&'static str]) -> Family {
        family
            .label("queue", self.values.queues.iter().cloned())
            .label(label, values.iter().copied())
    }

    fn by_vhost(&self, family: Family) -> Family {
        family.label("vhost", self.vhosts.iter().cloned())
    }

    fn handshakes(&self) -> Family {
        let help = "Handshakes that ended well.";
        self.by_listener(Family::new("tls_handshakes_total", help), "version", &TLS_VERSIONS)
            .label("resumption", RESUMPTIONS)
            .label("group", self.groups.iter().cloned())
    }
}

impl Exposition for Registry {
    fn encode(&self, format: Format) -> String {
        match format {
            Format::OpenMetrics => self.encode_openmetrics(),
            Format::Classic => self.encode_classic(),
        }
    }
}
