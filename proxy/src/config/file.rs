//! The configuration as it is written: one struct a section, one field a key.
//!
//! Depth is two at most: `[kind.NAME]` and its keys. Values carry their places, so that the
//! check can point at them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::reader::{FromValue, Mismatch, Section, from_text};
use super::report::Report;
use super::snapshot::{
    ChecksumPolicy, Limits, LogFormat, LogSettings, SuperFrames, Timeouts, XdpMode,
};
use super::source::{Located, Place, Source};
use super::units::ByteSize;
use crate::logging;
use crate::vhost::SpeaksFirst;

/// All files of one configuration, read and merged.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// `[listen.NAME]`.
    pub(crate) listeners: Vec<Named<Listen>>,
    /// `[pool.NAME]`.
    pub(crate) pools: Vec<Named<Pool>>,
    /// `[policy.NAME]`.
    pub(crate) policies: Vec<Named<Policy>>,
    /// `[vhost."NAME"]`.
    pub(crate) vhosts: Vec<Named<Vhost>>,
    /// `[admin]`.
    pub(crate) admin: Admin,
    /// `[timeouts]`.
    pub(crate) timeouts: Timeouts,
    /// `[limits]`.
    pub(crate) limits: Limits,
    /// `[memory]`.
    pub(crate) memory: Memory,
    /// `[log]`.
    pub(crate) log: LogSettings,
    /// `[tickets]`.
    pub(crate) tickets: Tickets,
}

/// A section with a name of its own.
#[derive(Debug)]
pub(crate) struct Named<T> {
    /// The name in the header.
    pub(crate) name: Located<String>,
    /// What the section says.
    pub(crate) section: T,
}

/// `[listen.NAME]`: TCP addresses that weir serves with TLS.
#[derive(Debug)]
pub(crate) struct Listen {
    /// The network interface, such as `"eth0"`.
    pub(crate) interface: Option<Located<String>>,
    /// Addresses with ports.
    pub(crate) address: Vec<Located<SocketAddr>>,
    /// How many receive queues to serve; all, unless it is there.
    pub(crate) queues: Option<u32>,
    /// The virtual host for names that nobody has and for clients that send none. Without it
    /// both are refused with the alert `unrecognized_name`.
    pub(crate) default_vhost: Option<Located<String>>,
    /// `"verify"`, or `"verify-or-partial"` for virtual links that leave checksums to the
    /// receiver.
    pub(crate) checksum: ChecksumPolicy,
    /// `"kernel"`, or `"engine"` when weir answers ARP, neighbour discovery and echo itself.
    pub(crate) address_owner: Owner,
    /// With `address_owner = "engine"`: addresses with their prefix lengths.
    pub(crate) networks: Vec<Located<Network>>,
    /// With `address_owner = "engine"`: the routers.
    pub(crate) gateways: Vec<Located<IpAddr>>,
    /// `"auto"`, `"copy"` or `"skb"`.
    pub(crate) xdp_mode: XdpMode,
    /// `"auto"`, or `"off"` to send every segment as a frame of its own.
    pub(crate) super_frames: SuperFrames,
}

/// Who owns a listener's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The kernel.
    Kernel,
    /// weir.
    Engine,
}

/// An address with its prefix length, such as `"192.0.2.1/24"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// The address.
    pub(crate) address: IpAddr,
    /// The length of the prefix that is on the link.
    pub(crate) prefix_len: u8,
}

/// `[pool.NAME]`: interchangeable servers.
#[derive(Debug)]
pub(crate) struct Pool {
    /// `"10.0.0.1:8080"`, `"[2001:db8::1]:8080"` or `"unix:/run/app.sock"`.
    pub(crate) servers: Vec<Located<String>>,
    /// Weights of servers, 1 to 256: `{ "10.0.0.1:8080" = 3 }`. Others have 1.
    pub(crate) weights: Vec<(Located<String>, Located<u32>)>,
    /// How long a connect may take; `backend_connect` of `[timeouts]`, unless it is there.
    pub(crate) connect_timeout: Option<Duration>,
}

/// `[policy.NAME]`: what TLS may be spoken. The policy `default` is built in and may be replaced.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// `"1.2"`, `"1.3"`; both, unless it is there.
    pub(crate) versions: Vec<Located<String>>,
    /// Names of the IANA registry, best first.
    pub(crate) cipher_suites: Vec<Located<String>>,
    /// Key exchange groups, best first.
    pub(crate) groups: Vec<Located<String>>,
}

/// `[vhost."NAME"]`: server names, their certificates and their backends.
#[derive(Debug)]
pub(crate) struct Vhost {
    /// Server names, `*.` for one label; the section's own name, unless it is there.
    pub(crate) names: Vec<Located<String>>,
    /// PEM files, each with a chain and, unless `key` names it, the key.
    pub(crate) cert: Vec<Located<PathBuf>>,
    /// PEM files with keys; each certificate takes the key that fits it.
    pub(crate) key: Vec<Located<PathBuf>>,
    /// The pool of clients that offer no ALPN protocol, and of all clients without `alpn`.
    pub(crate) pool: Option<Located<String>>,
    /// A pool for each ALPN protocol, best first: `{ "h2" = "web-h2c", "http/1.1" = "web" }`.
    pub(crate) alpn: Vec<(Located<String>, Located<String>)>,
    /// Name of a `[policy.NAME]`.
    pub(crate) policy: Option<Located<String>>,
    /// `"client"`, or `"server"` for protocols in which the server sends the first byte.
    pub(crate) speaks_first: SpeaksFirst,
}

/// `[admin]`: where the control plane listens.
#[derive(Debug)]
pub(crate) struct Admin {
    /// Metrics and health; `"off"` for nowhere.
    pub(crate) metrics: Located<Switch<SocketAddr>>,
    /// A file with the token that scrapers send; needed beyond loopback.
    pub(crate) metrics_token_file: Option<Located<PathBuf>>,
    /// More values of the Host header that are let in.
    pub(crate) metrics_hosts: Vec<Located<String>>,
    /// The admin socket; `"off"` for none.
    pub(crate) socket: Switch<PathBuf>,
}

/// A setting, or `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Switch<T> {
    /// Nothing of it.
    Off,
    /// This.
    On(T),
}

/// `[memory]`: how much is set aside for each worker.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Frames of the UMEM, a power of two.
    pub(crate) frames_per_queue: Option<Located<u32>>,
    /// Bytes of record buffers, such as `"256MiB"`.
    pub(crate) record_buffers: Option<ByteSize>,
}

/// `[tickets]`: how session tickets live.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    /// How long a key seals tickets before the next one does; it opens them for as long again.
    pub(crate) rotate: Option<Located<Duration>>,
}

/// Where metrics and health are served unless the configuration says otherwise.
pub(crate) const METRICS_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9465);

/// The admin socket unless the configuration says otherwise.
pub(crate) const ADMIN_SOCKET: &str = "/run/weir/admin.sock";

impl Default for Admin {
    fn default() -> Self {
        let nowhere = Source { path: PathBuf::new(), text: String::new() };
        Self {
            metrics: Located {
                value: Switch::On(METRICS_ADDRESS),
                place: Place { source: Arc::new(nowhere), span: 0..0 },
            },
            metrics_token_file: None,
            metrics_hosts: Vec::new(),
            socket: Switch::On(ADMIN_SOCKET.into()),
        }
    }
}

/// Which sections a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The file given on the command line: all of them.
    Main,
    /// A file in `vhosts.d`: virtual hosts, pools and policies.
    Part,
}

impl File {
    /// Reads the main file and `vhosts.d/*.toml` beside it, in the order of their names.
    pub(crate) fn read(path: &Path, report: &mut Report) -> Self {
        let mut file = Self::default();
        file.read_one(path, Role::Main, report);
        for part in parts_beside(path, report) {
            file.read_one(&part, Role::Part, report);
        }
        file
    }

    fn read_one(&mut self, path: &Path, role: Role, report: &mut Report) {
        match std::fs::read_to_string(path) {
            Ok(text) => self.parse(Source { path: path.to_owned(), text }, role, report),
            Err(error) => report.add_without_place(unreadable(path, &error)),
        }
    }

    fn parse(&mut self, source: Source, role: Role, report: &mut Report) {
        let source = Arc::new(source);
        let (document, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let place = Place { source: Arc::clone(&source), span };
            report.add(&place, Problem::Syntax(error.message().to_owned()));
        }
        if !errors.is_empty() {
            // What follows a slip in the syntax is often not what was meant.
            return;
        }
        let start = Place { source: Arc::clone(&source), span: 0..0 };
        let mut top =
            Section::new("the top level".to_owned(), start, document.into_inner(), report);
        self.vhosts.extend(top.named("vhost", Vhost::read));
        self.pools.extend(top.named("pool", Pool::read));
        self.policies.extend(top.named("policy", Policy::read));
        match role {
            Role::Main => self.read_main_sections(&mut top),
            Role::Part => MAIN_SECTIONS.iter().for_each(|kind| top.main_file_only(kind)),
        }
        top.end();
    }

    fn read_main_sections(&mut self, top: &mut Section<'_, '_>) {
        let [listen, admin, timeouts, limits, memory, log, tickets] = MAIN_SECTIONS;
        self.listeners = top.named(listen, Listen::read);
        self.admin = top.single(admin, Admin::read).unwrap_or_default();
        self.timeouts = top.single(timeouts, read_timeouts).unwrap_or_default();
        self.limits = top.single(limits, read_limits).unwrap_or_default();
        self.memory = top.single(memory, Memory::read).unwrap_or_default();
        self.log = top.single(log, read_log).unwrap_or_default();
        self.tickets = top.single(tickets, Tickets::read).unwrap_or_default();
    }
}

/// Sections that only the main file may have.
const MAIN_SECTIONS: [&str; 7] =
    ["listen", "admin", "timeouts", "limits", "memory", "log", "tickets"];

/// The files of `vhosts.d` beside the main file; none if there is no such folder.
fn parts_beside(path: &Path, report: &mut Report) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or_else(|| Path::new("")).join("vhosts.d");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                report.add_without_place(unreadable(&folder, &error));
            }
            return Vec::new();
        }
    };
    let mut parts: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    parts.sort();
    parts
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::Unreadable { path: path.to_owned(), error: error.to_string() }
}

impl Listen {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            interface: section.required("interface"),
            address: section.required_list("address"),
            queues: section.optional("queues").map(|queues| queues.value),
            default_vhost: section.optional("default_vhost"),
            checksum: section
                .choice(
                    "checksum",
                    &[
                        ("verify", ChecksumPolicy::Verify),
                        ("verify-or-partial", ChecksumPolicy::VerifyOrPartial),
                    ],
                )
                .unwrap_or_default(),
            address_owner: section
                .choice("address_owner", &[("kernel", Owner::Kernel), ("engine", Owner::Engine)])
                .unwrap_or(Owner::Kernel),
            networks: section.list("networks"),
            gateways: section.list("gateways"),
            xdp_mode: section
                .choice(
                    "xdp_mode",
                    &[("auto", XdpMode::Auto), ("copy", XdpMode::Copy), ("skb", XdpMode::Skb)],
                )
                .unwrap_or_default(),
            super_frames: section
                .choice("super_frames", &[("auto", SuperFrames::Auto), ("off", SuperFrames::Off)])
                .unwrap_or_default(),
        }
    }
}

impl Pool {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            servers: section.required_list("servers"),
            weights: section.map("weights"),
            connect_timeout: section.optional("connect_timeout").map(|timeout| timeout.value),
        }
    }
}

impl Policy {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            versions: section.list("versions"),
            cipher_suites: section.list("cipher_suites"),
            groups: section.list("groups"),
        }
    }
}

impl Vhost {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            names: section.list("names"),
            cert: section.required_list("cert"),
            key: section.list("key"),
            pool: section.optional("pool"),
            alpn: section.map("alpn"),
            policy: section.optional("policy"),
            speaks_first: section
                .choice(
                    "speaks_first",
                    &[("client", SpeaksFirst::Client), ("server", SpeaksFirst::Server)],
                )
                .unwrap_or_default(),
        }
    }

    /// Every pool that it names.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &str> {
        let by_protocol = self.alpn.iter().map(|(_, pool)| pool);
        by_protocol.chain(&self.pool).map(|pool| pool.value.as_str())
    }
}

impl Admin {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        Self {
            metrics: section.optional("metrics").unwrap_or(default.metrics),
            metrics_token_file: section.optional("metrics_token_file"),
            metrics_hosts: section.list("metrics_hosts"),
            socket: section.or("socket", default.socket),
        }
    }
}

impl Memory {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            frames_per_queue: section.optional("frames_per_queue"),
            record_buffers: section.optional("record_buffers").map(|size| size.value),
        }
    }
}

fn read_timeouts(section: &mut Section<'_, '_>) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        hello: section.or("hello", default.hello),
        handshake: section.or("handshake", default.handshake),
        idle: section.or("idle", default.idle),
        backend_connect: section.or("backend_connect", default.backend_connect),
        drain_delay: section.or("drain_delay", default.drain_delay),
        drain: section.or("drain", default.drain),
    }
}

fn read_limits(section: &mut Section<'_, '_>) -> Limits {
    let default = Limits::default();
    Limits {
        connections: section.or("connections", default.connections),
        half_open: section.or("half_open", default.half_open),
        time_wait: section.or("time_wait", default.time_wait),
        handshakes: section.or("handshakes", default.handshakes),
        frames_per_connection: section.or("frames_per_connection", default.frames_per_connection),
        backend_operations: section
            .or("backend_operations", Operations(default.backend_operations))
            .0,
    }
}

fn read_log(section: &mut Section<'_, '_>) -> LogSettings {
    let default = LogSettings::default();
    LogSettings {
        filter: section.or("filter", LogFilter(default.filter)).0,
        format: section
            .choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            .unwrap_or_default(),
    }
}

impl Tickets {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self { rotate: section.optional("rotate") }
    }
}

/// Operations that a ring can have under way: a few connections' at least, and no more than io_uring
/// takes.
struct Operations(u32);

impl FromValue for Operations {
    const EXPECTED: &'static str = "a whole number from 256 to 32768";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        let operations = u32::from_value(value)?;
        let possible = (256..=32_768).contains(&operations);
        if possible { Ok(Self(operations)) } else { Err(Mismatch::Value(operations.to_string())) }
    }
}

/// A filter that the log can be set up with.
struct LogFilter(String);

impl FromValue for LogFilter {
    const EXPECTED: &'static str =
        "a level such as \"info\", or \"module=level\" with commas between";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| logging::parse_filter(text).is_ok().then(|| Self(text.to_owned())))
    }
}

impl FromValue for Network {
    const EXPECTED: &'static str = "an address with its prefix length, such as \"192.0.2.1/24\"";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| {
            let (address, prefix_len) = text.split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            let prefix_len = prefix_len.parse().ok()?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            (prefix_len <= longest).then_some(Self { address, prefix_len })
        })
    }
}

impl FromValue for Switch<SocketAddr> {
    const EXPECTED: &'static str = "an address with a port such as \"127.0.0.1:9465\", or \"off\"";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| match text {
            "off" => Some(Self::Off),
            _ => text.parse().ok().map(Self::On),
        })
    }
}

impl FromValue for Switch<PathBuf> {
    const EXPECTED: &'static str = "a path, or \"off\"";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| match text {
            "off" => Some(Self::Off),
            "" => None,
            _ => Some(Self::On(text.into())),
        })
    }
}
