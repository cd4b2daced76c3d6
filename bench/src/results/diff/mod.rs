//! Two runs held against each other: `weir-bench diff A.json B.json`.
//!
//! A figure of a run is one draw of what the run could have brought. How far it might have been off is
//! found by a bootstrap over the run's seconds ([`bootstrap`]): seconds that follow one another are
//! alike, so they are drawn in blocks. The verdict rests on the ratio of both runs' figures. What
//! differs from one run to the next (another memory layout, another neighbour on the machine) no second
//! of one run knows of: several runs of each side say more, and are then what is drawn.

mod bootstrap;
mod figure;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::facts::PhaseFacts;
use super::file::Results;
use super::units::{Amount, Micros};
use bootstrap::{Interval, Unit, ratio_interval};
use figure::Figure;

/// Fewer full seconds than this say nothing of how much they differ.
const SECONDS_MIN: usize = 10;

/// Fewer runs than this of each side are not drawn; their seconds are.
const RUNS_MIN: usize = 5;

const EXAMPLE_AND_STATUS: &str = "Example:
  weir-bench diff before.json after.json

Exit status:
  0  B is better than A
  3  B is worse than A
  4  no verdict: the difference may be chance, or the runs do not allow one
  1  a file could not be read
  2  wrong arguments

Method: the 95 % interval of each ratio B/A, by a bootstrap of 2000 draws over the full measured seconds,
in circular blocks of the cube root of their number, widened for small numbers as by Student's t. With
five or more runs of each side (--more), whole runs are drawn instead. Figures that decide share the 5 %
between them (Bonferroni); one that moved by less than --margin does not decide.";

/// Arguments of `weir-bench diff`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE_AND_STATUS)]
pub(crate) struct DiffArguments {
    /// Results of before.
    a: PathBuf,
    /// Results of after.
    b: PathBuf,
    /// Two more files, of one more run of A and of B.
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    more: Vec<PathBuf>,
    /// Changes smaller than this, in percent, decide nothing.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    margin: f64,
    /// Of the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    None,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::None => "no verdict",
        }
    }

    fn exit_code(self) -> ExitCode {
        match self {
            Self::Better => ExitCode::SUCCESS,
            Self::Worse => ExitCode::from(3),
            Self::None => ExitCode::from(4),
        }
    }
}

/// Reads, compares, prints.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<ExitCode, Box<dyn Error>> {
    let mut sides = (vec![Results::load(&arguments.a)?], vec![Results::load(&arguments.b)?]);
    for pair in arguments.more.chunks_exact(2) {
        sides.0.push(Results::load(&pair[0])?);
        sides.1.push(Results::load(&pair[1])?);
    }
    let how = How { margin: arguments.margin / 100.0, seed: arguments.seed };
    let difference = Difference::of(&sides.0, &sides.1, &how);
    print!("{difference}");
    Ok(difference.verdict.exit_code())
}

/// How to compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// The smallest change that decides, as a share.
    pub(crate) margin: f64,
    pub(crate) seed: u64,
}

/// One figure of both sides.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) figure: Figure,
    pub(crate) a: f64,
    pub(crate) b: f64,
    /// Of the ratio b / a; none where it can't be told.
    pub(crate) interval: Option<Interval>,
    pub(crate) verdict: Verdict,
}

/// Everything that is told.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) rows: Vec<Row>,
    pub(crate) verdict: Verdict,
    /// Why there is no verdict, whatever the figures say.
    pub(crate) objections: Vec<String>,
    /// What differs between the sides beside what was measured.
    pub(crate) notes: Vec<String>,
    units: (usize, usize, &'static str),
}

impl Difference {
    pub(crate) fn of(a: &[Results], b: &[Results], how: &How) -> Self {
        let whole_runs = a.len().min(b.len()) >= RUNS_MIN;
        let units = |side: &[Results]| -> Vec<Unit> {
            let seconds = side.iter().map(figure::units);
            if whole_runs { seconds.map(Unit::sum).collect() } else { seconds.flatten().collect() }
        };
        let (units_a, units_b) = (units(a), units(b));
        let mut objections = objections(a, b);
        if !whole_runs && units_a.len().min(units_b.len()) < SECONDS_MIN {
            objections.push(format!("fewer than {SECONDS_MIN} full seconds were measured"));
        }
        let figures = figure::of(a, b);
        let deciding = figures.iter().filter(|figure| figure.decides()).count().max(1);
        let mut rows = Vec::new();
        for figure in figures {
            let value = |units: &[Unit]| figure.value(&Unit::sum(units.to_vec()));
            let shared = if figure.decides() { deciding } else { 1 };
            let alpha = 0.05 / shared as f64;
            let block = if whole_runs { 1 } else { 0 };
            let interval = (objections.is_empty())
                .then(|| ratio_interval(&units_a, &units_b, figure, (alpha, how.seed, block)))
                .flatten();
            let verdict = interval.map_or(Verdict::None, |it| judge(figure, it, how.margin));
            rows.push(Row { figure, a: value(&units_a), b: value(&units_b), interval, verdict });
        }
        let decided = |wanted| rows.iter().any(|row| row.figure.decides() && row.verdict == wanted);
        let verdict = match (decided(Verdict::Worse), decided(Verdict::Better)) {
            _ if !objections.is_empty() => Verdict::None,
            (true, _) => Verdict::Worse,
            (false, true) => Verdict::Better,
            (false, false) => Verdict::None,
        };
        let what = if whole_runs { "runs" } else { "seconds" };
        let units = (units_a.len(), units_b.len(), what);
        Self { rows, verdict, objections, notes: notes(&a[0], &b[0]), units }
    }
}

/// The whole interval lies on one side, and it moved by the margin at least.
fn judge(figure: Figure, interval: Interval, margin: f64) -> Verdict {
    let Interval { low, ratio, high } = interval;
    let moved = (ratio - 1.0).abs() >= margin;
    let (grown, shrunk) = (moved && low > 1.0, moved && high < 1.0);
    match (grown, shrunk, figure.more_is_better()) {
        (true, _, true) | (_, true, false) => Verdict::Better,
        (true, _, false) | (_, true, true) => Verdict::Worse,
        (false, false, _) => Verdict::None,
    }
}

/// Runs that allow no verdict.
fn objections(a: &[Results], b: &[Results]) -> Vec<String> {
    let mut objections = Vec::new();
    for (name, side) in [("A", a), ("B", b)] {
        if let Some(sentence) = side.iter().find_map(|run| run.judgement().sentence()) {
            objections.push(format!("{name}: {sentence}"));
        }
    }
    let open = |side: &[Results]| side.iter().all(|run| run.facts.open_loop());
    if open(a) != open(b) {
        objections.push("one is of an open loop, the other of a closed one".to_owned());
    }
    objections
}

fn notes(a: &Results, b: &Results) -> Vec<String> {
    let (mine, theirs) = (&a.facts, &b.facts);
    let pair = |what: &str, one: String, other: String| {
        (one != other).then(|| format!("{what} differ: {one}; {other}"))
    };
    let paces = |results: &Results| {
        let phases = results.facts.scenario.phases.iter().filter(|phase| phase.measured);
        let pace =
            |phase: &PhaseFacts| format!("{} for {:.0} s", phase.pace, phase.end_s - phase.begin_s);
        phases.map(pace).collect::<Vec<_>>().join(", ")
    };
    let (machine, other) = (&mine.machine, &theirs.machine);
    [
        pair("targets", mine.scenario.target.clone(), theirs.scenario.target.clone()),
        pair("transports", mine.scenario.transport.clone(), theirs.scenario.transport.clone()),
        pair(
            "connections",
            mine.scenario.connections.to_string(),
            theirs.scenario.connections.to_string(),
        ),
        pair("paces", paces(a), paces(b)),
        pair("kernels", machine.kernel.clone(), other.kernel.clone()),
        pair("processors", machine.processor.clone(), other.processor.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units_a, units_b, what) = self.units;
        writeln!(f, "{:<16}{:>12}{:>12}{:>10}  {:<20}", "", "A", "B", "B/A", "interval of B/A")?;
        for Row { figure, a, b, interval, verdict } in &self.rows {
            let mut line =
                format!("{:<16}{:>12}{:>12}", figure.name(), figure.show(*a), figure.show(*b));
            if let Some(Interval { low, ratio, high }) = interval {
                write!(line, "{ratio:>10.3}  {:<20}", format!("{low:.3} to {high:.3}"))?;
                let aside = if figure.decides() { "" } else { " (does not decide)" };
                write!(line, " {}{aside}", verdict.word())?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "intervals from {units_a} {what} of A and {units_b} of B")?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for objection in &self.objections {
            writeln!(f, "no verdict: {objection}")?;
        }
        writeln!(f, "verdict: {}", self.verdict.word())
    }
}

impl Figure {
    /// A value with its unit.
    fn show(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{}/s", Amount(value)),
            Self::Failures => format!("{:.3} %", value * 100.0),
            Self::Quantile(_) => Micros(value / 1_000.0).to_string(),
        }
    }
}
