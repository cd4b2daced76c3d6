//! Which plots there are, and what they are made of.

use hdrhistogram::Histogram;

use super::super::file::{Places, Results};
use super::super::summary::{Percentiles, Scope};
use super::axis::{Axis, micros, percentile_place};
use super::plot::{Look, Plot, Series, Span, SpanKind};
use crate::seconds::{Cell, ConnectionState, HandshakeKind, Latencies, Reason, Second};

/// A second shorter than this says little of a rate or a percentile.
const LENGTH_MIN_S: f64 = 0.5;

/// Reasons with a line of their own.
const REASONS_MAX: usize = 5;

/// A second with what happened in it.
struct Row<'a> {
    second: &'a Second,
    cell: Cell,
    length_s: f64,
}

impl Row<'_> {
    /// Its middle.
    fn x(&self) -> f64 {
        f64::from(self.second.number) + self.length_s / 2.0
    }

    /// A count as a rate.
    fn rate(&self, count: u64) -> (f64, Option<f64>) {
        let rate = (self.length_s >= LENGTH_MIN_S).then(|| count as f64 / self.length_s);
        (self.x(), rate)
    }
}

/// All plots of a page.
pub(super) fn all(results: &Results) -> Vec<Plot> {
    let rows: Vec<Row<'_>> = results
        .seconds
        .iter()
        .map(|second| Row {
            second,
            cell: results.sum_of(second, Places::All),
            length_s: results.length_of(second),
        })
        .collect();
    let base = OverTime { spans: spans(results), end_s: end_s(results, &rows) };
    vec![
        percentile_curve(results),
        latency(&rows, &base),
        throughput(results, &rows, &base),
        handshakes(&rows, &base),
        errors(results, &rows, &base),
        states(&rows, &base),
        generator(results, &rows, &base),
    ]
}

/// What plots over time have in common.
struct OverTime {
    spans: Vec<Span>,
    end_s: f64,
}

impl OverTime {
    fn plot(&self, id: &'static str, title: &'static str, caption: &str, y: Axis) -> Plot {
        Plot {
            id,
            title,
            caption: caption.to_owned(),
            x: Axis::time(self.end_s),
            y,
            series: Vec::new(),
            spans: self.spans.clone(),
        }
    }
}

fn end_s(results: &Results, rows: &[Row<'_>]) -> f64 {
    let seconds = rows.iter().map(|row| f64::from(row.second.number) + row.length_s);
    let phases = results.facts.scenario.phases.iter().map(|phase| phase.end_s);
    let last = seconds.fold(0.0, f64::max);
    if results.facts.stopped { last } else { phases.fold(last, f64::max) }
}

fn spans(results: &Results) -> Vec<Span> {
    let phases = results.facts.scenario.phases.iter().map(|phase| Span {
        from_s: phase.begin_s,
        to_s: phase.end_s,
        kind: SpanKind::Phase { name: phase.name.clone(), measured: phase.measured },
    });
    let limited = results.limited.iter().map(|second| Span {
        from_s: f64::from(second.number),
        to_s: f64::from(second.number) + 1.0,
        kind: SpanKind::Limited,
    });
    phases.chain(limited).collect()
}

fn percentile_curve(results: &Results) -> Plot {
    let mut sum = Cell::default();
    for second in &results.seconds {
        sum.merge(&results.sum_of(second, Places::Measured));
    }
    let curves = [("response", 0, &sum.response), ("service", 1, &sum.service)];
    let series: Vec<Series> = curves
        .into_iter()
        .filter(|(name, ..)| *name == "response" || results.facts.open_loop())
        .map(|(name, colour, latencies)| {
            let points = curve(latencies);
            Series { label: name.to_owned(), colour, points, look: Look::Line }
        })
        .collect();
    let caption = if results.facts.open_loop() {
        "Response time counts from when an operation was due, service time from when it was sent."
    } else {
        "Closed loop: a connection waits for its answer before it asks again, so a stall hides what \
         would have come."
    };
    let values = series.iter().flat_map(|it| &it.points).filter_map(|(_, y)| *y);
    let (low, high) = bounds(values);
    Plot {
        id: "percentiles",
        title: "Latency by percentile",
        caption: caption.to_owned(),
        x: Axis::percentile(sum.response.count()),
        y: Axis::latency(low, high),
        series,
        spans: Vec::new(),
    }
}

/// Quantiles at even distances on the page.
fn curve(latencies: &Latencies) -> Vec<(f64, Option<f64>)> {
    let mut histogram: Histogram<u64> = Latencies::histogram();
    latencies.add_to(&mut histogram);
    if histogram.is_empty() {
        return Vec::new();
    }
    let end = percentile_place(1.0 - 1.0 / (histogram.len().max(10) as f64));
    let places = (0..=160).map(|step| end * f64::from(step) / 160.0);
    places
        .map(|place| {
            let quantile = 1.0 - 10_f64.powf(-place);
            (place, Some(histogram.value_at_quantile(quantile) as f64 / 1_000.0))
        })
        .collect()
}

fn latency(rows: &[Row<'_>], base: &OverTime) -> Plot {
    let of: Vec<Percentiles> = rows.iter().map(|row| Percentiles::of(&row.cell.response)).collect();
    let line = |label: &str, colour, value: fn(&Percentiles) -> f64| Series {
        label: label.to_owned(),
        colour,
        points: rows
            .iter()
            .zip(&of)
            .filter(|(row, _)| row.length_s >= LENGTH_MIN_S || rows.len() == 1)
            .map(|(row, it)| (row.x(), (it.count > 0).then(|| value(it))))
            .collect(),
        look: Look::Line,
    };
    let series =
        vec![line("max", 3, |it| it.max), line("p99", 1, |it| it.p99), line("p50", 0, |it| it.p50)];
    let (low, high) = bounds(series.iter().flat_map(|it| &it.points).filter_map(|(_, y)| *y));
    let caption = "Response times of the operations that ended in each second.";
    let plot = base.plot("latency", "Latency over time", caption, Axis::latency(low, high));
    Plot { series, ..plot }
}

fn throughput(results: &Results, rows: &[Row<'_>], base: &OverTime) -> Plot {
    let mut series = Vec::new();
    if results.facts.open_loop() {
        let points = rows.iter().map(|row| row.rate(row.cell.due)).collect();
        series.push(Series { label: "due".to_owned(), colour: 5, points, look: Look::Reference });
    }
    let points = rows.iter().map(|row| row.rate(row.cell.done)).collect();
    series.push(Series { label: "done".to_owned(), colour: 0, points, look: Look::Line });
    let run = results.summary(Scope::Run);
    let caption = format!(
        "Operations that ended well in each second; {} of {} that were due were never begun.",
        run.not_begun, run.due
    );
    rates("throughput", "Throughput", &caption, ("operations/s", series), base)
}

fn handshakes(rows: &[Row<'_>], base: &OverTime) -> Plot {
    let kinds = [
        (HandshakeKind::Full, "full", 0),
        (HandshakeKind::Resumed, "resumed", 2),
        (HandshakeKind::Retried, "retried", 1),
    ];
    let count = |row: &Row<'_>, kind| row.cell.handshakes.get(&kind).copied().unwrap_or_default();
    let series = kinds
        .into_iter()
        .filter(|(kind, ..)| rows.iter().any(|row| count(row, *kind) > 0))
        .map(|(kind, name, colour)| Series {
            label: name.to_owned(),
            colour,
            points: rows.iter().map(|row| row.rate(count(row, kind))).collect(),
            look: Look::Line,
        })
        .collect();
    let caption = "TLS handshakes done in each second, by kind.";
    rates("handshakes", "Handshakes", caption, ("handshakes/s", series), base)
}

fn errors(results: &Results, rows: &[Row<'_>], base: &OverTime) -> Plot {
    let total = |reason| rows.iter().map(|row| row.cell.failures.get(reason)).sum::<u64>();
    let mut reasons: Vec<(Reason, u64)> = Reason::ALL.map(|reason| (reason, total(reason))).into();
    reasons.retain(|(_, count)| *count > 0);
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let series = reasons
        .iter()
        .take(REASONS_MAX)
        .zip([3, 1, 0, 2, 4])
        .map(|((reason, _), colour)| Series {
            label: reason.name().replace('_', " "),
            colour,
            points: rows.iter().map(|row| row.rate(row.cell.failures.get(*reason))).collect(),
            look: Look::Line,
        })
        .collect();
    let counts: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{count} {}", reason.name())).collect();
    let run = results.summary(Scope::Run);
    let caption = if counts.is_empty() {
        format!("None of {} operations failed.", run.ended())
    } else {
        format!("Failed operations: {}.", counts.join(", "))
    };
    rates("errors", "Errors by reason", &caption, ("errors/s", series), base)
}

fn states(rows: &[Row<'_>], base: &OverTime) -> Plot {
    let seen = |state: &ConnectionState| rows.iter().any(|row| row.second.states.get(*state) > 0);
    let order = [
        (ConnectionState::Busy, 0),
        (ConnectionState::Idle, 4),
        (ConnectionState::Handshaking, 2),
        (ConnectionState::Connecting, 1),
        (ConnectionState::Closing, 5),
    ];
    let series = order
        .into_iter()
        .filter(|(state, _)| seen(state))
        .map(|(state, colour)| Series {
            label: state.name().to_owned(),
            colour,
            points: rows
                .iter()
                .map(|row| (row.x(), Some(row.second.states.get(state) as f64)))
                .collect(),
            look: Look::Band,
        })
        .collect();
    let highest = rows.iter().map(|row| row.second.states.total()).max().unwrap_or_default();
    let caption = "Where the generator's connections were at the end of each second.";
    let y = Axis::count(highest as f64, "connections");
    Plot { series, ..base.plot("states", "Connection states", caption, y) }
}

fn generator(results: &Results, rows: &[Row<'_>], base: &OverTime) -> Plot {
    let points = rows
        .iter()
        .map(|row| (row.x(), Some(row.second.own.cpu_share())))
        .filter(|_| rows.len() > 1)
        .collect();
    let own = results.own();
    let late = Percentiles::of(&own.lateness);
    let caption = if late.count > 0 {
        format!(
            "How busy its workers' cores were. It noticed operations {} after they were due at p99, {} \
             at most; {} frames were dropped.",
            micros(late.p99),
            micros(late.max),
            own.ring_drops
        )
    } else {
        format!("How busy its workers' cores were; {} frames were dropped.", own.ring_drops)
    };
    let series = vec![Series { label: "CPU".to_owned(), colour: 0, points, look: Look::Line }];
    let plot =
        base.plot("generator", "The generator itself", &caption, Axis::share("of its cores"));
    Plot { series, ..plot }
}

fn rates(
    id: &'static str,
    title: &'static str,
    caption: &str,
    (unit, series): (&str, Vec<Series>),
    base: &OverTime,
) -> Plot {
    let (_, high) = bounds(series.iter().flat_map(|it| &it.points).filter_map(|(_, y)| *y));
    Plot { series, ..base.plot(id, title, caption, Axis::count(high, unit)) }
}

/// The lowest and the highest of some values.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    (if low.is_finite() { low } else { 0.0 }, high)
}
