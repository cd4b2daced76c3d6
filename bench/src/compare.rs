//! weir beside nginx: one run, one topology, the same work for both, round by round.

mod cpu;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod topology;

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hosts::HostError;

use crate::report::Report;
use crate::scenario::{Mode, parse_duration};
use cpu::CpuTime;
use subject::Subject;
use topology::Topology;

/// Arguments of `weir-bench compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// The weir to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/weir")]
    weir: PathBuf,
    /// Where the table goes.
    #[arg(long, value_name = "FILE", default_value = "bench/RESULTS.md")]
    output: PathBuf,
    /// How often each proxy does each kind of work.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long each time.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    duration: Duration,
    /// Who is measured; both, unless named.
    #[arg(long, value_enum)]
    only: Option<Subject>,
    /// The core of the proxy.
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// The core of client and backend.
    #[arg(long, default_value_t = 1)]
    peer_core: usize,
}

/// One kind of work of one proxy in one round.
#[derive(Debug)]
struct Measurement {
    subject: Subject,
    mode: Mode,
    report: Report,
    cpu: CpuTime,
}

/// Why there is no comparison.
#[derive(Debug)]
pub(crate) enum CompareError {
    /// Namespaces, nginx or weir: what failed, in its words.
    Host(HostError),
    /// A file that was to be read or written.
    File {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program or module that is not there, and how to get it.
    Missing(&'static str),
    /// The harness wrote something else than a report.
    Report(serde_json::Error),
    /// Operations failed: how many, and who said what of the first. There is a table, but it is worth
    /// nothing.
    Failures {
        /// How many.
        count: u64,
        /// The first of them, in words.
        first: String,
    },
    /// No certificate could be made.
    Certificate(rcgen::Error),
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Missing(what) => f.write_str(what),
            Self::Report(error) => write!(f, "report of the client: {error}"),
            Self::Failures { count, first } => write!(
                f,
                "{count} operations failed: the comparison is worth nothing; the first: {first}"
            ),
            Self::Certificate(error) => write!(f, "certificate: {error}"),
        }
    }
}

impl std::error::Error for CompareError {}

impl From<HostError> for CompareError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// What each proxy does in each round: the work, and connections at once.
const WORK: [(Mode, u32); 3] = [(Mode::Keepalive, 50), (Mode::Connect, 20), (Mode::Bulk, 4)];

/// Measures and writes the table; an error if an operation failed.
pub(crate) fn compare(arguments: &CompareArguments) -> Result<(), CompareError> {
    let topology = Topology::new(arguments.proxy_core, arguments.peer_core)?;
    let subjects: Vec<Subject> = match arguments.only {
        Some(only) => vec![only],
        None => vec![Subject::Weir, Subject::Nginx],
    };
    let mut measurements = Vec::new();
    for round in 0..arguments.rounds {
        let mut order = subjects.clone();
        // Nobody is always the one that goes second on a warm machine.
        if round % 2 == 1 {
            order.reverse();
        }
        for subject in order {
            eprintln!("round {} of {}: {subject}", round + 1, arguments.rounds);
            measure(arguments, &topology, subject, &mut measurements)?;
        }
    }
    let text = table::render(arguments, &measurements, &topology.facts(&arguments.weir));
    print!("{text}");
    fs::write(&arguments.output, text)
        .map_err(|source| CompareError::File { path: arguments.output.clone(), source })?;
    judge(&measurements)
}

/// A proxy that fails has less to do: figures compare only if nothing failed.
fn judge(measurements: &[Measurement]) -> Result<(), CompareError> {
    let failed: Vec<_> = measurements.iter().filter(|it| it.report.failed() > 0).collect();
    let Some(first) = failed.first() else { return Ok(()) };
    let Measurement { subject, mode, report, cpu: _ } = first;
    let words = report.first_failure.as_deref().unwrap_or("without a word");
    let first = format!("{subject}, {mode:?}: {:?}, {words}", report.failures);
    Err(CompareError::Failures { count: failed.iter().map(|it| it.report.failed()).sum(), first })
}

/// One proxy, from its start to its end.
fn measure(
    arguments: &CompareArguments,
    topology: &Topology,
    subject: Subject,
    measurements: &mut Vec<Measurement>,
) -> Result<(), CompareError> {
    let proxy = topology.start(subject, &arguments.weir)?;
    topology.load(subject, Mode::Keepalive, 10, Duration::from_secs(1))?;
    for (mode, connections) in WORK {
        let before = CpuTime::now(proxy.id(), &topology.cores());
        let report = topology.load(subject, mode, connections, arguments.duration)?;
        let cpu = CpuTime::now(proxy.id(), &topology.cores()).since(&before);
        eprintln!(
            "    {mode:?}: {:.0}/s, {:.2} Gb/s",
            report.operations_per_second(),
            report.gigabits_per_second()
        );
        measurements.push(Measurement { subject, mode, report, cpu });
    }
    Ok(())
}
