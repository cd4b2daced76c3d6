//! HdrHistogram logs: a histogram for each second, as the standard tools read them.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::file::{Places, Results};
use crate::seconds::{Cell, Latencies};

/// Milliseconds: the unit in which the tools expect to find an interval's maximum. Values are
/// nanoseconds.
const MAX_DIVISOR: f64 = 1_000_000.0;

/// Which latency of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Time {
    Response,
    Service,
}

impl Time {
    pub(crate) const ALL: [Self; 2] = [Self::Response, Self::Service];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
        }
    }

    pub(crate) fn of(self, cell: &Cell) -> &Latencies {
        match self {
            Self::Response => &cell.response,
            Self::Service => &cell.service,
        }
    }
}

/// A line for each second. Without tags: not every tool looks at them.
pub(super) fn write_seconds(
    results: &Results,
    time: Time,
    to: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let rows = results.seconds.iter().map(|second| {
        let cell = results.sum_of(second, Places::Measured);
        Row {
            tag: None,
            begin_s: f64::from(second.number),
            length_s: results.length_of(second),
            latencies: time.of(&cell).clone(),
        }
    });
    write(results, &format!("{} times, second by second", time.name()), rows, to)
}

/// A line for the whole run's response times and one for its service times, told apart by tags.
pub(super) fn write_totals(results: &Results, to: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut sum = Cell::default();
    for second in &results.seconds {
        sum.merge(&results.sum_of(second, Places::Measured));
    }
    let begins = results.facts.scenario.phases.iter().filter(|phase| phase.measured);
    let begin_s = begins.map(|phase| phase.begin_s).fold(f64::INFINITY, f64::min);
    let rows = Time::ALL.map(|time| Row {
        tag: Tag::new(time.name()),
        begin_s: if begin_s.is_finite() { begin_s } else { 0.0 },
        length_s: results.facts.measured_s(),
        latencies: time.of(&sum).clone(),
    });
    write(results, "response and service times of the whole run", rows, to)
}

struct Row {
    tag: Option<Tag<'static>>,
    begin_s: f64,
    length_s: f64,
    latencies: Latencies,
}

fn write(
    results: &Results,
    what: &str,
    rows: impl IntoIterator<Item = Row>,
    to: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let started = SystemTime::UNIX_EPOCH + seconds(results.facts.started_unix_s);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new();
    log.add_comment("[Histogram log format version 1.3]");
    log.add_comment(&format!("weir-bench: {what} of {}, ns", results.facts.scenario.target));
    if let Some(sentence) = results.judgement().sentence() {
        log.add_comment(&sentence);
    }
    log.with_start_time(started).with_base_time(started).with_max_value_divisor(MAX_DIVISOR);
    let mut log = log.begin_log_with(to, &mut serializer)?;
    for Row { tag, begin_s, length_s, latencies } in rows {
        let mut histogram = Latencies::histogram();
        latencies.add_to(&mut histogram);
        log.write_histogram(&histogram, seconds(begin_s), seconds(length_s), tag)
            .map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}

fn seconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count).unwrap_or_default()
}
