//! How a run goes, while it does.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use hdrhistogram::Histogram;

use super::facts::{PhaseFacts, Scenario};
use super::summary::Percentiles;
use super::units::{Amount, Micros};
use crate::seconds::{Cell, ConnectionState, Latencies, Reasons, Second};

/// Cells of the bar.
const BAR: usize = 30;

/// What is shown where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum View {
    /// A few lines that are written over and over.
    Terminal,
    /// A line a second.
    Lines,
    Nothing,
}

impl View {
    /// What suits an output; `--quiet` wants nothing.
    pub(crate) fn for_output(output: &impl IsTerminal, quiet: bool) -> Self {
        match (quiet, output.is_terminal()) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Terminal,
            (false, false) => Self::Lines,
        }
    }
}

/// Shows seconds as they come.
pub(crate) struct Live<W> {
    view: View,
    output: W,
    /// Response times of all that counts so far.
    response: Histogram<u64>,
    failures: Reasons,
    /// Lines on the terminal that are to be written over.
    drawn: usize,
}

impl<W: Write> Live<W> {
    pub(crate) fn new(view: View, output: W) -> Self {
        Self {
            view,
            output,
            response: Latencies::histogram(),
            failures: Reasons::default(),
            drawn: 0,
        }
    }

    /// A second is over. An output that is gone is no reason to end a run.
    pub(super) fn show(&mut self, scenario: &Scenario, second: &Second) {
        let mut cell = Cell::default();
        for (place, part) in &second.cells {
            let phase = scenario.phases.get(usize::from(place.phase));
            if phase.is_none_or(|phase| phase.measured) {
                part.response.add_to(&mut self.response);
            }
            cell.merge(part);
        }
        self.failures.merge(&cell.failures);
        let text = match self.view {
            View::Nothing => return,
            View::Lines => self.line(scenario, second, &cell),
            View::Terminal => self.block(scenario, second, &cell),
        };
        drop(self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()));
    }

    /// The last state stays where it is.
    pub(super) fn finish(&mut self) {
        if self.drawn > 0 {
            self.drawn = 0;
            drop(writeln!(self.output));
        }
    }

    /// One second in one line.
    fn line(&self, scenario: &Scenario, second: &Second, cell: &Cell) -> String {
        let phase = phase_of(scenario, second);
        let Percentiles { p50, p99, .. } = Percentiles::of_histogram(&self.response);
        let mut line = format!(
            "{:4} s {}: {} operations",
            second.number + 1,
            phase.map_or("", |phase| &phase.name),
            cell.done
        );
        let written = if phase.is_some_and(|phase| phase.open_loop) {
            write!(line, " of {} due", cell.due)
        } else {
            Ok(())
        };
        written.expect("a string takes everything");
        let so_far = if self.response.is_empty() {
            String::new()
        } else {
            format!("; so far p50 {}, p99 {}", Micros(p50), Micros(p99))
        };
        let failures = cell.failures.total();
        let connections = second.states.total();
        writeln!(line, ", {failures} failures, {connections} connections{so_far}")
            .expect("a string takes everything");
        line
    }

    /// Everything in a block that is drawn over the last one. A line that is too long for the terminal
    /// is cut by it, not wrapped: the block would move.
    fn block(&mut self, scenario: &Scenario, second: &Second, cell: &Cell) -> String {
        let lines = self.block_lines(scenario, second, cell);
        let mut text = String::from("\x1b[?7l");
        if self.drawn > 0 {
            write!(text, "\x1b[{}F", self.drawn).expect("a string takes everything");
        }
        for line in &lines {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[?7h");
        self.drawn = lines.len();
        text
    }

    fn block_lines(&self, scenario: &Scenario, second: &Second, cell: &Cell) -> Vec<String> {
        let now_s = f64::from(second.number) + 1.0;
        let end_s = scenario.phases.iter().map(|phase| phase.end_s).fold(0.0, f64::max);
        let phase = phase_of(scenario, second);
        let name = phase.map_or("", |phase| &phase.name);
        let note = if phase.is_none_or(|phase| phase.measured) { "" } else { " (not measured)" };
        let due = if phase.is_some_and(|phase| phase.open_loop) {
            format!(" of {} due", Amount(cell.due as f64))
        } else {
            String::new()
        };
        let response = Percentiles::of_histogram(&self.response);
        let percentiles = [
            ("p50", response.p50),
            ("p90", response.p90),
            ("p99", response.p99),
            ("p99.9", response.p99_9),
            ("max", response.max),
        ]
        .map(|(name, value)| format!("{name} {}", Micros(value)));
        let response = if self.response.is_empty() {
            "response     none that counts so far".to_owned()
        } else {
            format!("response     {} (so far)", percentiles.join("  "))
        };
        let failures: Vec<String> = self
            .failures
            .iter()
            .map(|(reason, count)| format!("{} {count}", reason.name()))
            .collect();
        let failures = if failures.is_empty() { "none".to_owned() } else { failures.join(", ") };
        let states: Vec<String> = ConnectionState::ALL
            .into_iter()
            .map(|state| (state.name(), second.states.get(state)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let generator = match second.own.limits().as_slice() {
            [] => format!("{:.0} % of its cores", second.own.cpu_share() * 100.0),
            limits => {
                let limits: Vec<_> = limits.iter().map(|limit| limit.text()).collect();
                format!("AT ITS LIMIT: {}", limits.join("; "))
            }
        };
        vec![
            format!("{} {now_s:.0} of {end_s:.0} s  {name}{note}", bar(now_s / end_s)),
            format!("rate         {}/s{due}", Amount(cell.done as f64)),
            response,
            format!("failures     {failures} (so far)"),
            format!("connections  {}", states.join(", ")),
            format!("generator    {generator}"),
        ]
    }
}

/// The phase in which a second begins.
fn phase_of<'a>(scenario: &'a Scenario, second: &Second) -> Option<&'a PhaseFacts> {
    let begin_s = f64::from(second.number);
    scenario.phases.iter().find(|phase| begin_s < phase.end_s).or_else(|| scenario.phases.last())
}

fn bar(share: f64) -> String {
    let filled = (0..BAR).filter(|cell| (*cell as f64 + 0.5) / (BAR as f64) < share).count();
    format!("[{}{}]", "#".repeat(filled), " ".repeat(BAR - filled))
}
