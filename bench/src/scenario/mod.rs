//! What to load: the address, the kinds of work, how much of it and for how long.
//!
//! Flags and files say the same things: both make a [`Draft`], and a [`Scenario`] is a draft that was
//! checked.

mod file;
mod flags;
mod reader;
mod requests;
#[cfg(test)]
mod tests;
mod tls;
mod units;
mod url;

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::ValueEnum;
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};

pub(crate) use flags::RunArguments;
pub(crate) use tls::TlsDraft;
pub(crate) use units::parse_duration;
use url::Url;

use crate::plan::Plan;
use crate::random::Choice;
use crate::schedule::{Course, Pace, Piece, Spacing};
use crate::target;
use crate::transport::xdp::XdpPlan;

/// What one operation is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// A request and its answer on a connection that stays.
    #[default]
    Keepalive,
    /// A new connection, its handshake, one request and its answer, close.
    Connect,
    /// A large answer on a connection that stays; its bytes count as they arrive.
    Bulk,
    /// A new connection and its handshake, close.
    Handshake,
    /// Bytes that the server sends back as they are, on a connection that stays; no HTTP.
    Echo,
    /// A new connection and its handshake; then it stays open and does nothing.
    Idle,
    /// A request on a connection of its own whose answer is read in small pieces, with pauses.
    SlowRead,
    /// A request on a connection that stays, sent in small pieces, with pauses.
    SlowWrite,
    /// A request on a connection of its own, whose direction ends behind it; then the answer and the
    /// server's end.
    HalfClose,
}

/// Over which sockets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TransportKind {
    /// The kernel's, by io_uring.
    #[default]
    Kernel,
    /// weir's own, over AF_XDP, from addresses that the harness owns: a connection costs no descriptor.
    Xdp,
}

/// The same, with what it needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TransportPlan {
    Kernel,
    Xdp(XdpPlan),
}

impl TransportPlan {
    /// Its name in results.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Xdp(_) => "xdp",
        }
    }
}

/// One kind of operation, as a scenario says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepDraft {
    pub(crate) name: String,
    /// How often it is chosen, relative to the others.
    pub(crate) weight: f64,
    pub(crate) mode: Mode,
    pub(crate) method: String,
    /// Else the URL's.
    pub(crate) path: Option<String>,
    /// Lines of the head, without their ends.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// The status that an answer must have.
    pub(crate) status: u16,
    /// The length that its body must have; else that of the first one.
    pub(crate) length: Option<u64>,
    /// The hash that its body must have.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Bytes of an echo.
    pub(crate) size: u64,
    /// Bytes that are sent at once, and how long they are apart; the latter for slow readers, too.
    pub(crate) piece: u64,
    pub(crate) every: Duration,
}

impl Default for StepDraft {
    fn default() -> Self {
        Self {
            name: String::new(),
            weight: 1.0,
            mode: Mode::Keepalive,
            method: "GET".to_owned(),
            path: None,
            headers: Vec::new(),
            body: Vec::new(),
            status: 200,
            length: None,
            sha256: None,
            size: 1024,
            piece: 64,
            every: Duration::from_millis(100),
        }
    }
}

/// A part of the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PhaseDraft {
    pub(crate) name: String,
    /// Does it count in the results?
    pub(crate) measured: bool,
    /// Its lengths and paces.
    pub(crate) pieces: Vec<(Duration, Pace)>,
}

/// A scenario before it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) url: String,
    /// Address to connect to, instead of the name's.
    pub(crate) connect: Option<SocketAddr>,
    pub(crate) connections: u32,
    /// Threads; none: one for each core.
    pub(crate) workers: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
    pub(crate) spacing: Spacing,
    pub(crate) phases: Vec<PhaseDraft>,
    pub(crate) steps: Vec<StepDraft>,
    pub(crate) tls: TlsDraft,
    /// Names to ask for; none: the URL's.
    pub(crate) names: Vec<String>,
    /// How unlike one another names are in how often they are asked for: 0 is not at all.
    pub(crate) zipf: f64,
    /// Share of connections that offer to resume a session.
    pub(crate) resume: f64,
    pub(crate) transport: TransportKind,
    /// Where it leaves from, for the transport that needs it.
    pub(crate) xdp: Option<XdpPlan>,
    /// Names of targets beyond private networks that the user says are theirs.
    pub(crate) owned: Vec<String>,
}

/// A phase in the results.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) measured: bool,
    pub(crate) length: Duration,
}

/// One run, checked.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) url: String,
    /// What the first step is.
    pub(crate) mode: Mode,
    pub(crate) phases: Vec<Phase>,
    /// Names of the plan's steps.
    pub(crate) steps: Vec<String>,
    pub(crate) tls: TlsDraft,
    pub(crate) transport: TransportPlan,
    pub(crate) plan: Plan,
}

/// Why a run can't begin. The user's arguments are to blame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ScenarioError {
    /// Not `https://NAME[:PORT][/PATH]`.
    Url(String),
    /// The name has no address.
    Address(String),
    /// A file of certificates or keys can't be read, or holds none.
    Pem(String),
    /// rustls refuses the parameters.
    Tls(String),
    /// A scenario's file can't be read, or says what is wrong.
    File(String),
    /// What was asked for does not go together.
    Contradiction(String),
    /// A target that may not be one's own.
    NotYours(target::NotYours),
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}: not of the form https://NAME[:PORT][/PATH]"),
            Self::Address(what) => write!(f, "{what}; give one with --connect"),
            Self::Pem(what) | Self::File(what) | Self::Contradiction(what) => f.write_str(what),
            Self::Tls(what) => write!(f, "TLS: {what}"),
            Self::NotYours(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl TryFrom<Draft> for Scenario {
    type Error = ScenarioError;

    fn try_from(draft: Draft) -> Result<Self, ScenarioError> {
        let bad_url = || ScenarioError::Url(draft.url.clone());
        let url = Url::parse(&draft.url).ok_or_else(bad_url)?;
        let address = match draft.connect {
            Some(address) => address,
            None => resolve(&url)?,
        };
        target::check(address, &url.host, &draft.owned).map_err(ScenarioError::NotYours)?;
        let names = match draft.names.as_slice() {
            [] => std::slice::from_ref(&url.host),
            names => names,
        };
        let server_name = |name: &String| {
            let parsed = ServerName::try_from(name.clone());
            parsed.map_err(|_| ScenarioError::Tls(format!("{name:?} is no name of a server")))
        };
        let transport = transport(&draft)?;
        let workers = match &transport {
            TransportPlan::Kernel => {
                draft.workers.unwrap_or_else(cores).clamp(1, draft.connections)
            }
            TransportPlan::Xdp(_) => 1,
        };
        let plan = Plan {
            address,
            names: names.iter().map(server_name).collect::<Result<_, _>>()?,
            name_choice: Choice::zipf(names.len(), draft.zipf),
            steps: requests::plan(&draft.steps, &url, names)?,
            step_choice: Choice::weighted(draft.steps.iter().map(|step| step.weight)),
            course: course(&draft.phases),
            spacing: draft.spacing,
            connections: draft.connections,
            workers,
            timeout: draft.timeout,
            resume: draft.resume,
            seed: draft.seed,
        };
        // What is wrong with it is known before anything begins.
        draft.tls.configs()?;
        let phase = |draft: &PhaseDraft| Phase {
            name: draft.name.clone(),
            measured: draft.measured,
            length: draft.pieces.iter().map(|(length, _)| *length).sum(),
        };
        Ok(Self {
            mode: draft.steps.first().map(|step| step.mode).unwrap_or_default(),
            phases: draft.phases.iter().map(phase).collect(),
            steps: draft.steps.iter().map(|step| step.name.clone()).collect(),
            url: draft.url,
            tls: draft.tls,
            transport,
            plan,
        })
    }
}

fn transport(draft: &Draft) -> Result<TransportPlan, ScenarioError> {
    let wrong = |what: &str| Err(ScenarioError::Contradiction(what.to_owned()));
    match (draft.transport, &draft.xdp) {
        (TransportKind::Kernel, None) => Ok(TransportPlan::Kernel),
        (TransportKind::Kernel, Some(_)) => wrong(
            "an interface and source addresses are for the transport xdp: the kernel chooses its own",
        ),
        (TransportKind::Xdp, Some(plan)) if plan.sources.is_empty() => wrong(
            "the transport xdp needs source addresses that nobody else has: --source 192.0.2.64/26",
        ),
        (TransportKind::Xdp, Some(_)) if draft.workers.is_some_and(|workers| workers > 1) => wrong(
            "the transport xdp has one worker: one for each receive queue, of which there is one",
        ),
        (TransportKind::Xdp, Some(plan)) => Ok(TransportPlan::Xdp(plan.clone())),
        (TransportKind::Xdp, None) => {
            wrong("the transport xdp needs an interface that reaches the target: --interface eth0")
        }
    }
}

/// The cores that this process may use.
fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

fn course(phases: &[PhaseDraft]) -> Course {
    let pieces = (0_u16..).zip(phases).flat_map(|(phase, draft)| {
        let piece =
            move |(length, pace): &(Duration, Pace)| Piece { phase, length: *length, pace: *pace };
        draft.pieces.iter().map(piece)
    });
    Course { pieces: pieces.filter(|piece| !piece.length.is_zero()).collect() }
}

fn resolve(url: &Url) -> Result<SocketAddr, ScenarioError> {
    let Url { host, port, path: _ } = url;
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, *port));
    }
    let mut found = (host.as_str(), *port)
        .to_socket_addrs()
        .map_err(|error| ScenarioError::Address(format!("{host}: {error}")))?;
    found.next().ok_or_else(|| ScenarioError::Address(format!("{host} has no address")))
}
