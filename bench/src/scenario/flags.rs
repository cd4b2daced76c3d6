//! A scenario in flags.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};

use super::units::{parse_count, parse_duration, parse_rate, parse_size};
use super::{Draft, Mode, PhaseDraft, ScenarioError, StepDraft, TlsDraft, TransportKind};
use crate::results::OutputArguments;
use crate::schedule::{Pace, Spacing};
use crate::transport::source::{SOURCES_MAX, parse_source};
use crate::transport::xdp::XdpPlan;

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
    /// certificate. Or a file with a scenario (`*.toml`), which says everything that flags do.
    target: String,
    /// Address to connect to, instead of the name's.
    #[arg(long, value_name = "ADDR:PORT")]
    connect: Option<SocketAddr>,
    /// PEM file of the authority that signed the server's certificate.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Connections at once: 500, 10k.
    #[arg(long, default_value = "10", value_parser = parse_count)]
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
    /// Operations a second (5000, 50k/s), at times fixed beforehand; latency counts from the intended
    /// time. Without it each connection sends its next request when it has its answer.
    #[arg(long, value_parser = parse_rate)]
    rate: Option<u64>,
    /// With --rate: gaps as of many independent users, not all alike.
    #[arg(long, requires = "rate")]
    poisson: bool,
    /// Longest that one operation may take.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// The status that every answer must have.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// The length in bytes that every answer's body must have; else that of the first one.
    #[arg(long, value_name = "BYTES")]
    length: Option<u64>,
    /// Bytes of an echo.
    #[arg(long, default_value = "1KiB", value_parser = parse_size)]
    size: u64,
    /// Slow writers: bytes that are sent at once.
    #[arg(long, default_value = "64B", value_parser = parse_size)]
    piece: u64,
    /// Slow writers and readers: the pause between two pieces.
    #[arg(long, default_value = "100ms", value_parser = parse_duration)]
    every: Duration,
    /// The key exchange to offer.
    #[arg(long, value_enum, default_value = "default")]
    group: Group,
    /// Share of connections that offer to resume a session, from 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = parse_share)]
    resume: f64,
    /// Threads; else one for each core.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: Option<u32>,
    /// What random choices are made from: the same seed makes the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Over which sockets.
    #[arg(long, value_enum, default_value = "kernel")]
    transport: TransportKind,
    /// --transport xdp: the interface that reaches the target.
    #[arg(long, value_name = "DEV")]
    interface: Option<String>,
    /// --transport xdp: addresses to come from (192.0.2.64/26, 10.9.0.0/16), which nobody else has; of a
    /// network the first 1,024.
    #[arg(long, value_name = "NETWORK", value_parser = parse_source_flag, requires = "interface")]
    source: Vec<Sources>,
    /// --transport xdp: the router, where the target is not on the interface's own link.
    #[arg(long, value_name = "ADDR", requires = "interface")]
    gateway: Option<IpAddr>,
    /// Load a target beyond loopback and private networks, which must be yours: its name once more.
    #[arg(long, value_name = "NAME")]
    i_own_this_target: Vec<String>,
    /// One short JSON object on the standard output instead of text. All of it goes to --output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) outputs: OutputArguments,
}

/// What may be said beside a file, by the names that clap knows them by: where the results go.
const FLAGS_BESIDE_A_FILE: [&str; 10] = [
    "target",
    "json",
    "output",
    "html",
    "csv",
    "hdr",
    "metrics",
    "quiet",
    "RunArguments",
    "OutputArguments",
];

impl RunArguments {
    /// Is the scenario in a file?
    fn is_file(&self) -> bool {
        !self.target.starts_with("https:") && self.target.ends_with(".toml")
    }

    /// What the flags say, or the file.
    ///
    /// # Errors
    /// The file is wrong, or flags would say something else than it does.
    pub(crate) fn draft(&self, given: &ArgMatches) -> Result<Draft, ScenarioError> {
        if self.is_file() {
            let on_command_line = |id: &&clap::Id| {
                let says_more = !FLAGS_BESIDE_A_FILE.contains(&id.as_str());
                says_more && given.value_source(id.as_str()) == Some(ValueSource::CommandLine)
            };
            if let Some(flag) = given.ids().find(on_command_line) {
                let text = format!(
                    "--{} and a file: the file says everything",
                    flag.as_str().replace('_', "-")
                );
                return Err(ScenarioError::Contradiction(text));
            }
            return super::file::read(Path::new(&self.target));
        }
        if self.ca.is_none() {
            let text = "--ca FILE is missing: the authority that signed the server's certificate";
            return Err(ScenarioError::Contradiction(text.to_owned()));
        }
        Ok(Draft::from(self))
    }
}

impl From<&RunArguments> for Draft {
    fn from(arguments: &RunArguments) -> Self {
        let step = StepDraft {
            name: arguments
                .mode
                .to_possible_value()
                .map_or_else(String::new, |it| it.get_name().into()),
            mode: arguments.mode,
            status: arguments.status,
            length: arguments.length,
            size: arguments.size,
            piece: arguments.piece,
            every: arguments.every,
            ..StepDraft::default()
        };
        let groups: &[&str] = match arguments.group {
            Group::Default => &[],
            Group::Classical => &["X25519", "secp256r1"],
        };
        // An echo is no HTTP.
        let alpn = if arguments.mode == Mode::Echo { vec![] } else { vec!["http/1.1".to_owned()] };
        Self {
            url: arguments.target.clone(),
            connect: arguments.connect,
            connections: arguments.connections,
            workers: arguments.workers,
            timeout: arguments.timeout,
            seed: arguments.seed,
            spacing: if arguments.poisson { Spacing::Poisson } else { Spacing::Constant },
            phases: phases(arguments),
            steps: vec![step],
            tls: TlsDraft {
                ca: arguments.ca.clone().unwrap_or_default(),
                groups: groups.iter().map(|name| (*name).to_owned()).collect(),
                alpn,
                ..TlsDraft::default()
            },
            names: Vec::new(),
            zipf: 0.0,
            resume: arguments.resume,
            transport: arguments.transport,
            xdp: xdp(arguments),
            owned: arguments.i_own_this_target.clone(),
        }
    }
}

/// The addresses of one `--source`.
#[derive(Clone, Debug)]
struct Sources(Vec<IpAddr>);

fn parse_source_flag(text: &str) -> Result<Sources, String> {
    parse_source(text).map(Sources)
}

fn xdp(arguments: &RunArguments) -> Option<XdpPlan> {
    let sources = arguments.source.iter().flat_map(|Sources(addresses)| addresses).copied();
    Some(XdpPlan {
        interface: arguments.interface.clone()?,
        sources: sources.take(SOURCES_MAX).collect(),
        gateway: arguments.gateway,
    })
}

/// A warm-up, and what is measured.
fn phases(arguments: &RunArguments) -> Vec<PhaseDraft> {
    let pace = match arguments.rate {
        None => Pace::Closed,
        Some(rate) => Pace::Open { from: rate as f64, to: rate as f64 },
    };
    let phase = |name: &str, measured, length| PhaseDraft {
        name: name.to_owned(),
        measured,
        pieces: vec![(length, pace)],
    };
    vec![phase("warm-up", false, arguments.warmup), phase("hold", true, arguments.duration)]
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is no share from 0 to 1"))
}
