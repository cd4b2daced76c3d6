//! What a run's figures depend on.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::report::TlsFacts;
use crate::scenario;
use crate::schedule::{Pace, Piece, Spacing};
use crate::seconds::Place;

/// The commit that was built, where the build was told.
const COMMIT: Option<&str> = option_env!("WEIR_COMMIT");

/// Everything that is known of a run beside what it measured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Facts {
    /// When the clock began to run, in seconds since 1970.
    pub(crate) started_unix_s: f64,
    /// When the last connection had closed, in seconds since the clock began to run.
    pub(crate) ended_s: f64,
    /// The user ended it before its time.
    pub(crate) stopped: bool,
    pub(crate) scenario: Scenario,
    /// What a connection negotiated; nothing if none got so far.
    pub(crate) tls: Option<TlsFacts>,
    /// The first failure in words.
    pub(crate) first_failure: Option<String>,
    pub(crate) machine: Machine,
}

/// What was loaded, and how.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Scenario {
    /// The target, as the user named it.
    pub(crate) target: String,
    /// The address that its connections went to.
    pub(crate) address: String,
    /// `kernel` or `xdp`.
    pub(crate) transport: String,
    /// Connections at once, of all workers.
    pub(crate) connections: u32,
    pub(crate) workers: u32,
    pub(crate) seed: u64,
    /// By [`Place::phase`].
    pub(crate) phases: Vec<PhaseFacts>,
    /// Names of the steps, by [`Place::step`].
    pub(crate) steps: Vec<String>,
}

/// One phase of a scenario.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct PhaseFacts {
    pub(crate) name: String,
    /// In seconds since the clock began to run.
    pub(crate) begin_s: f64,
    pub(crate) end_s: f64,
    /// How operations are timed, in words: `closed loop`, `5000/s`, `100/s to 5000/s`.
    pub(crate) pace: String,
    /// Were operations due at times of a schedule?
    pub(crate) open_loop: bool,
    /// Does it count? A warm-up does not.
    pub(crate) measured: bool,
}

/// The machine that the load came from.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Runnable tasks before the run, on average over 1, 5 and 15 minutes.
    pub(crate) load_before: Vec<f64>,
    /// Of weir-bench.
    pub(crate) version: String,
    /// The commit of the build, or of the folder that it ran in.
    pub(crate) commit: Option<String>,
}

impl Machine {
    /// The machine that this runs on. To be asked before the run: it has its load.
    pub(crate) fn of_this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned());
        let load = read("/proc/loadavg");
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor,
            cores: thread::available_parallelism().map_or(1, usize::from),
            load_before: load.split(' ').take(3).filter_map(|it| it.parse().ok()).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: COMMIT.map(str::to_owned).or_else(commit_of_folder),
        }
    }
}

impl Facts {
    /// The present time, as [`started_unix_s`](Self::started_unix_s) counts it.
    pub(crate) fn unix_now() -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    /// Does what happened at `place` count?
    pub(crate) fn measures(&self, place: Place) -> bool {
        self.scenario.phases.get(usize::from(place.phase)).is_none_or(|phase| phase.measured)
    }

    /// How long a phase went on, in seconds: an early end cuts it off.
    pub(crate) fn length_s(&self, phase: &PhaseFacts) -> f64 {
        let end_s = if self.stopped { phase.end_s.min(self.ended_s) } else { phase.end_s };
        (end_s - phase.begin_s).max(0.0)
    }

    /// How long was measured.
    pub(crate) fn measured_s(&self) -> f64 {
        let measured = self.scenario.phases.iter().filter(|phase| phase.measured);
        measured.map(|phase| self.length_s(phase)).sum()
    }

    /// Was every measured operation due by a schedule?
    pub(crate) fn open_loop(&self) -> bool {
        let mut measured = self.scenario.phases.iter().filter(|phase| phase.measured);
        measured.all(|phase| phase.open_loop)
    }
}

impl From<&scenario::Scenario> for Scenario {
    fn from(scenario: &scenario::Scenario) -> Self {
        let plan = &scenario.plan;
        let mut begin_s = 0.0;
        let mut phases = Vec::new();
        for (number, phase) in (0_u16..).zip(&scenario.phases) {
            let pieces = plan.course.pieces.iter().filter(|piece| piece.phase == number);
            let pieces: Vec<&Piece> = pieces.collect();
            let end_s = begin_s + phase.length.as_secs_f64();
            phases.push(PhaseFacts {
                name: phase.name.clone(),
                begin_s,
                end_s,
                pace: pace_of(&pieces, plan.spacing),
                open_loop: pieces.iter().all(|piece| piece.pace != Pace::Closed),
                measured: phase.measured,
            });
            begin_s = end_s;
        }
        Self {
            target: scenario.url.clone(),
            address: plan.address.to_string(),
            transport: scenario.transport.name().to_owned(),
            connections: plan.connections,
            workers: plan.workers,
            seed: plan.seed,
            phases,
            steps: scenario.steps.clone(),
        }
    }
}

/// In words: `5000/s`, `100/s to 5000/s, Poisson`, `closed loop`.
fn pace_of(pieces: &[&Piece], spacing: Spacing) -> String {
    let mut words: Vec<String> = pieces
        .iter()
        .map(|piece| match piece.pace {
            Pace::Closed => "closed loop".to_owned(),
            Pace::Open { from, to } if from == to => format!("{from:.0}/s"),
            Pace::Open { from, to } => format!("{from:.0}/s to {to:.0}/s"),
        })
        .collect();
    words.dedup();
    let spaced = spacing == Spacing::Poisson && pieces.iter().any(|it| it.pace != Pace::Closed);
    words.join(", ") + if spaced { ", Poisson" } else { "" }
}

fn commit_of_folder() -> Option<String> {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success()).then(|| said.trim().to_owned())
}
