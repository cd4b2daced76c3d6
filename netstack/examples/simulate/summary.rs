//! The figures of all runs together.

use netstack_simulator::Report;
use serde_json::json;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One object.
    Json,
}

/// Percentiles of something: of sorted values, the nearest rank.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    min: u64,
    p1: u64,
    p10: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
    mean: u64,
}

/// The figures of all runs together.
#[derive(Debug)]
pub(crate) struct Summary {
    runs: usize,
    frames: u64,
    sent_bytes: u64,
    goodput: Spread,
    retransmitted: Spread,
    timeouts: Spread,
}

impl Spread {
    fn new(values: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = values.collect();
        sorted.sort_unstable();
        let rank = |percent: usize| {
            let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(at).copied().unwrap_or_default()
        };
        let mean = sorted.iter().sum::<u64>() / (sorted.len() as u64).max(1);
        let [min, p1, p10, p50, p90, p99, max] = [0, 1, 10, 50, 90, 99, 100].map(rank);
        Self { min, p1, p10, p50, p90, p99, max, mean }
    }

    /// As a row of a table, in units of `unit`, of which three decimals are shown.
    fn row(&self, unit: u64) -> String {
        let Self { min, p1, p10, p50, p90, p99, max, mean } = *self;
        let cells = [min, p1, p10, p50, p90, p99, max, mean];
        let cells = cells.map(|v| format!("{}.{:03}", v / unit, v % unit * 1_000 / unit));
        cells.map(|cell| format!("{cell:>10}")).concat()
    }

    fn json(&self) -> serde_json::Value {
        let Self { min, p1, p10, p50, p90, p99, max, mean } = *self;
        json!({"min": min, "p1": p1, "p10": p10, "p50": p50, "p90": p90, "p99": p99, "max": max,
               "mean": mean})
    }
}

impl Summary {
    /// Of these runs.
    pub(crate) fn new(reports: Vec<Report>) -> Self {
        Self {
            runs: reports.len(),
            frames: reports.iter().map(|report| report.frames).sum(),
            sent_bytes: reports.iter().map(|report| report.sent_bytes).sum(),
            goodput: Spread::new(reports.iter().map(Report::goodput_bits_per_s)),
            retransmitted: Spread::new(reports.iter().map(Report::retransmitted_ppm)),
            timeouts: Spread::new(reports.iter().map(|report| report.timeouts)),
        }
    }
}

/// Prints the figures.
pub(crate) fn print(summary: &Summary, format: Format) {
    let Summary { runs, frames, sent_bytes, goodput, retransmitted, timeouts } = summary;
    match format {
        Format::Text => {
            println!("{runs} runs, {frames} frames, {sent_bytes} bytes sent; none failed");
            let heads = ["min", "p1", "p10", "p50", "p90", "p99", "max", "mean"];
            let heads = heads.map(|head| format!("{head:>10}")).concat();
            println!("{:<22}{heads}", "");
            println!("{:<22}{}", "goodput, Mbit/s", goodput.row(1_000_000));
            println!("{:<22}{}", "sent again, %", retransmitted.row(10_000));
            println!("{:<22}{}", "timeouts", timeouts.row(1));
        }
        Format::Json => println!(
            "{}",
            json!({"runs": runs, "frames": frames, "sent_bytes": sent_bytes,
                   "goodput_bits_per_s": goodput.json(), "retransmitted_ppm": retransmitted.json(),
                   "timeouts": timeouts.json()})
        ),
    }
}
