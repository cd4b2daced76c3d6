//! What to load: the address, the kind of work, how much of it and for how long.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::{Deserialize, Serialize};

/// What one operation is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// A request and its answer on a connection that stays.
    Keepalive,
    /// A new connection, a full handshake, one request and its answer, close.
    Connect,
    /// A large answer on a connection that stays; its bytes count as they arrive.
    Bulk,
}

/// Which key exchange the client offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Group {
    /// What rustls prefers: X25519MLKEM768 first.
    Default,
    /// X25519, then P-256: for a comparison with servers that know nothing newer.
    Classical,
}

/// Arguments of `weir-bench run`.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// `https://NAME[:PORT][/PATH]`; the name goes into SNI, the Host header and the check of the
    /// certificate.
    url: String,
    /// Address to connect to, instead of the name's.
    #[arg(long, value_name = "ADDR:PORT")]
    connect: Option<SocketAddr>,
    /// PEM file of the authority that signed the server's certificate.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Connections at once, a thread each.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// How long to measure.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// How long to load before that, unmeasured.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    warmup: Duration,
    /// What one operation is.
    #[arg(long, value_enum, default_value = "keepalive")]
    mode: Mode,
    /// Operations a second, at times fixed beforehand; latency counts from the intended time.
    /// Without it each connection sends its next request when it has its answer.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: Option<u64>,
    /// Longest that one operation may take.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// The status that every answer must have.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// The length in bytes that every answer's body must have; else that of the first one.
    #[arg(long, value_name = "BYTES")]
    length: Option<u64>,
    /// The key exchange to offer.
    #[arg(long, value_enum, default_value = "default")]
    group: Group,
    /// One JSON object on the standard output instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// One run, checked.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) name: ServerName<'static>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) request: Vec<u8>,
    pub(crate) mode: Mode,
    pub(crate) connections: u32,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
    pub(crate) rate: Option<u64>,
    pub(crate) timeout: Duration,
    pub(crate) status: u16,
    pub(crate) length: Option<u64>,
}

/// Why a run can't begin. The user's arguments are to blame.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum ScenarioError {
    /// Not `https://NAME[:PORT][/PATH]`.
    Url(String),
    /// The name has no address.
    Address(String),
    /// The CA file can't be read or holds no certificate.
    Authority(String),
    /// rustls refuses the parameters.
    Tls(String),
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}: not of the form https://NAME[:PORT][/PATH]"),
            Self::Address(what) => write!(f, "{what}; give one with --connect"),
            Self::Authority(what) => write!(f, "--ca {what}"),
            Self::Tls(what) => write!(f, "TLS: {what}"),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl TryFrom<&RunArguments> for Scenario {
    type Error = ScenarioError;

    fn try_from(arguments: &RunArguments) -> Result<Self, ScenarioError> {
        let Url { host, port, path } = Url::parse(&arguments.url)?;
        let bad_url = || ScenarioError::Url(arguments.url.clone());
        let name = ServerName::try_from(host.clone()).map_err(|_| bad_url())?;
        let address = match arguments.connect {
            Some(address) => address,
            None => resolve(&host, port)?,
        };
        let authority = if port == 443 { host } else { format!("{host}:{port}") };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: weir-bench\r\nAccept: */*\r\n\r\n"
        );
        Ok(Self {
            url: arguments.url.clone(),
            address,
            name,
            tls: Arc::new(tls_config(arguments)?),
            request: request.into_bytes(),
            mode: arguments.mode,
            connections: arguments.connections,
            warmup: arguments.warmup,
            duration: arguments.duration,
            rate: arguments.rate,
            timeout: arguments.timeout,
            status: arguments.status,
            length: arguments.length,
        })
    }
}

/// The parts of a URL that matter here.
#[derive(Debug, Eq, PartialEq)]
struct Url {
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, ScenarioError> {
        let bad = || ScenarioError::Url(text.to_owned());
        let rest = text.strip_prefix("https://").ok_or_else(bad)?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
            None => (authority, 443),
        };
        let plain = |c: char| c.is_ascii_graphic();
        if host.is_empty() || !host.chars().all(plain) || !path.chars().all(plain) {
            return Err(bad());
        }
        Ok(Self { host: host.to_owned(), port, path: path.to_owned() })
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, ScenarioError> {
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|error| ScenarioError::Address(format!("{host}: {error}")))?;
    found.next().ok_or_else(|| ScenarioError::Address(format!("{host} has no address")))
}

fn tls_config(arguments: &RunArguments) -> Result<ClientConfig, ScenarioError> {
    let file = &arguments.ca;
    let unreadable = |what: String| ScenarioError::Authority(format!("{}: {what}", file.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .map_err(|error| unreadable(error.to_string()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(error.to_string()))?;
    if roots.add_parsable_certificates(certificates).0 == 0 {
        return Err(unreadable("no certificate inside".to_owned()));
    }
    let mut provider = aws_lc_rs::default_provider();
    if arguments.group == Group::Classical {
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1];
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ScenarioError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every handshake is a full one: a resumed one is another scenario.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// A duration with its unit: `250ms`, `10s`, `2m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("no number in {text:?}"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("{text:?} needs a unit: ms, s or m")),
    }
}

#[cfg(test)]
mod tests;
