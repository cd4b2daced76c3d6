//! The configuration as the workers see it: immutable, complete and checked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::pool::Pool;
use crate::vhost;
use crate::vhost::table::UnknownNames;

/// Everything that a configuration says, checked and resolved. A reload replaces it as a whole.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// In the order of their names.
    pub(crate) listeners: Vec<Listener>,
    /// Server names to virtual hosts.
    pub(crate) vhosts: vhost::Table,
    /// In the order of their names.
    pub(crate) pools: Vec<Arc<Pool>>,
    /// Where the control plane listens.
    pub(crate) admin: AdminSettings,
    /// How long anything may take.
    pub(crate) timeouts: Timeouts,
    /// How much of anything there may be.
    pub(crate) limits: Limits,
    /// How much memory is set aside.
    pub(crate) memory: Memory,
    /// What is logged, and how.
    pub(crate) log: LogSettings,
    /// How session tickets live.
    pub(crate) tickets: TicketSettings,
}

impl Snapshot {
    /// The virtual host for a complete ClientHello that came in through `listener`.
    ///
    /// # Errors
    /// Why nobody takes it; answer with the alert `unrecognized_name`.
    pub(crate) fn choose(
        &self,
        listener: &Listener,
        sni: Option<&str>,
    ) -> Result<Arc<vhost::Vhost>, vhost::Refusal> {
        self.vhosts.choose(sni, &listener.unknown_names).map(Arc::clone)
    }
}

/// One `[listen.NAME]`: addresses on an interface that weir takes TCP segments from.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// The key of `[listen.NAME]`.
    pub(crate) name: String,
    /// The network interface.
    pub(crate) interface: String,
    /// At least one; no address is wildcarded.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How many receive queues to serve, one worker each. `None`: all.
    pub(crate) queues: Option<u32>,
    /// What happens to names that no virtual host has.
    pub(crate) unknown_names: UnknownNames,
    /// Which checksums are accepted.
    pub(crate) checksum: ChecksumPolicy,
    /// Who answers ARP, neighbour discovery and echo for the addresses.
    pub(crate) address_owner: AddressOwner,
    /// Which XDP mode is asked for.
    pub(crate) xdp_mode: XdpMode,
    /// Whether long trains may leave as one packet.
    pub(crate) super_frames: SuperFrames,
}

/// Who owns the listener's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AddressOwner {
    /// The kernel has them configured and speaks ARP and neighbour discovery for them.
    #[default]
    Kernel,
    /// weir does; the kernel must not have them.
    Engine(Networks),
}

/// What weir needs to know of the link where it owns the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    /// Each address of the listener once, with its prefix length.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
    /// Routers, at most one a family.
    pub(crate) gateways: Vec<IpAddr>,
}

/// Which checksums of received segments are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ChecksumPolicy {
    /// Complete and correct ones.
    #[default]
    Verify,
    /// Those, and exactly the pseudo-header sum, as virtual links deliver it.
    VerifyOrPartial,
}

/// Whether long trains may leave as one packet, which the link cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SuperFrames {
    /// In the modes that copy, where the link takes them.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// Which XDP mode is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum XdpMode {
    /// Zero copy, else copy, else SKB mode.
    #[default]
    Auto,
    /// The driver's native mode with copies, or none.
    Copy,
    /// The generic mode that every driver has.
    Skb,
}

/// Where the control plane listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdminSettings {
    /// Metrics and health over HTTP; `None`: nowhere.
    pub(crate) metrics: Option<MetricsEndpoint>,
    /// The admin socket; `None`: nowhere.
    pub(crate) socket: Option<PathBuf>,
}

/// The HTTP endpoint of metrics and health.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MetricsEndpoint {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What a scraper must send as bearer token: always there unless the address is loopback.
    pub(crate) token: Option<String>,
    /// Further values of the Host header that are let in, without a port.
    pub(crate) hosts: Vec<String>,
}

impl fmt::Debug for MetricsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, token: _, hosts } = self;
        // Not the token: it is a secret.
        f.debug_struct("MetricsEndpoint")
            .field("address", address)
            .field("hosts", hosts)
            .finish_non_exhaustive()
    }
}

/// How long anything may take: `[timeouts]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// From the connection's first byte slot (accept) to its complete ClientHello.
    pub(crate) hello: Duration,
    /// From the complete ClientHello to the end of the handshake.
    pub(crate) handshake: Duration,
    /// Without a byte in either direction.
    pub(crate) idle: Duration,
    /// For one connect to a server, where the pool says nothing else.
    pub(crate) backend_connect: Duration,
    /// How long `/readyz` says 503 after SIGTERM before connections are refused.
    pub(crate) drain_delay: Duration,
    /// How long established connections may go on after SIGTERM.
    pub(crate) drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            backend_connect: Duration::from_secs(3),
            drain_delay: Duration::ZERO,
            drain: Duration::from_secs(30),
        }
    }
}

/// How much of anything there may be, for each worker: `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections with a control block.
    pub(crate) connections: u32,
    /// Connections before the end of TCP's handshake.
    pub(crate) half_open: u32,
    /// Records of connections in TIME_WAIT.
    pub(crate) time_wait: u32,
    /// TLS handshakes in progress.
    pub(crate) handshakes: u32,
    /// Frames that one connection may pin before its payload is copied out.
    pub(crate) frames_per_connection: u32,
    /// Operations on backends' sockets under way at once: one for each connect and receive, up to 64
    /// sends for each upload.
    pub(crate) backend_operations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            half_open: 4_096,
            time_wait: 65_536,
            handshakes: 1_024,
            frames_per_connection: 64,
            backend_operations: 16_384,
        }
    }
}

/// How much memory is set aside, for each worker: `[memory]`. All of it is touched lazily.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Frames of the UMEM, a power of two.
    pub(crate) frames_per_queue: u32,
    /// Bytes for record buffers of all classes together.
    pub(crate) record_buffers_bytes: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { frames_per_queue: 8_192, record_buffers_bytes: 256 << 20 }
    }
}

/// What is logged, and how: `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// A filter as `tracing_subscriber::EnvFilter` reads it: a level, or `module=level,...`.
    pub(crate) filter: String,
    /// The shape of a line.
    pub(crate) format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How session tickets live: `[tickets]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TicketSettings {
    /// How long one key encrypts; it decrypts for as long again. Also a ticket's lifetime.
    pub(crate) rotate: Duration,
}

impl Default for TicketSettings {
    fn default() -> Self {
        Self { rotate: Duration::from_secs(12 * 3600) }
    }
}
