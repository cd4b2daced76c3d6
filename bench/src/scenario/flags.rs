//! A scenario in flags.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::units::{parse_count, parse_duration, parse_rate, parse_size};
use super::{Draft, Mode, PhaseDraft, StepDraft, TlsDraft, TransportKind};
use crate::results::OutputArguments;
use crate::schedule::{Pace, Spacing};

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
    /// Load a target beyond loopback and private networks, which must be yours: its name once more.
    #[arg(long, value_name = "NAME")]
    i_own_this_target: Vec<String>,
    /// One short JSON object on the standard output instead of text. All of it goes to --output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) outputs: OutputArguments,
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
            url: arguments.url.clone(),
            connect: arguments.connect,
            connections: arguments.connections,
            workers: arguments.workers,
            timeout: arguments.timeout,
            seed: arguments.seed,
            spacing: if arguments.poisson { Spacing::Poisson } else { Spacing::Constant },
            phases: phases(arguments),
            steps: vec![step],
            tls: TlsDraft {
                ca: arguments.ca.clone(),
                groups: groups.iter().map(|name| (*name).to_owned()).collect(),
                alpn,
                ..TlsDraft::default()
            },
            names: Vec::new(),
            zipf: 0.0,
            resume: arguments.resume,
            transport: arguments.transport,
            owned: arguments.i_own_this_target.clone(),
        }
    }
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
