//! Axes: from values to places, and which values are marked.

use super::super::units::{Amount, Micros};

/// How far apart values are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scale {
    Linear,
    Log,
}

/// One axis of a plot.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// Values that are marked, and how they are written.
    pub(super) ticks: Vec<(f64, String)>,
    /// What it measures, with its unit.
    pub(super) title: String,
}

/// About as many marks as an axis takes.
const TICKS: f64 = 4.0;

/// A range of latencies wider than this is drawn on a logarithmic scale.
const LINEAR_RANGE_MAX: f64 = 20.0;

impl Axis {
    /// Seconds from 0 to `end_s`.
    pub(super) fn time(end_s: f64) -> Self {
        let high = if end_s > 0.0 { end_s } else { 1.0 };
        let ticks = steps(high, 6.0).map(|value| (value, format!("{}", Amount(value)))).collect();
        Self { scale: Scale::Linear, low: 0.0, high, ticks, title: "time (s)".to_owned() }
    }

    /// From 0 to `highest` or a little more.
    pub(super) fn count(highest: f64, title: &str) -> Self {
        let high = if highest > 0.0 { highest * 1.08 } else { 1.0 };
        let ticks = steps(high, TICKS).map(|value| (value, Amount(value).to_string())).collect();
        Self { scale: Scale::Linear, low: 0.0, high, ticks, title: title.to_owned() }
    }

    /// A share from 0 to 1.
    pub(super) fn share(title: &str) -> Self {
        let ticks =
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|value| (value, format!("{} %", value * 100.0)));
        let (scale, ticks) = (Scale::Linear, ticks.into());
        Self { scale, low: 0.0, high: 1.05, ticks, title: title.to_owned() }
    }

    /// Latencies in microseconds. Not every plot is read best on the same scale.
    pub(super) fn latency(lowest: f64, highest: f64) -> Self {
        if lowest <= 0.0 || highest / lowest <= LINEAR_RANGE_MAX {
            let high = if highest > 0.0 { highest * 1.08 } else { 1.0 };
            let ticks = steps(high, TICKS).map(|value| (value, short(value))).collect();
            let title = "latency".to_owned();
            return Self { scale: Scale::Linear, low: 0.0, high, ticks, title };
        }
        let (low, high) = (lowest / 1.15, highest * 1.15);
        let decades = (high / low).log10();
        let parts: &[f64] = if decades < 1.7 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = if decades > 6.0 { 2.0 } else { 1.0 };
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(low.log10().floor());
        while decade <= high {
            let marked = parts.iter().map(|part| decade * part);
            let marked = marked.filter(|value| (low..=high).contains(value));
            ticks.extend(marked.map(|value| (value, short(value))));
            decade *= 10_f64.powf(every);
        }
        let title = "latency (logarithmic)".to_owned();
        Self { scale: Scale::Log, low, high, ticks, title }
    }

    /// Shares of all values, those near 1 drawn out: see [`percentile_place`].
    pub(super) fn percentile(count: u64) -> Self {
        let high = percentile_place(1.0 - 1.0 / (count.max(10) as f64));
        let marks = [
            (0.0, "0"),
            (0.5, "50"),
            (0.9, "90"),
            (0.99, "99"),
            (0.999, "99.9"),
            (0.9999, "99.99"),
            (0.99999, "99.999"),
            (0.999_999, "99.9999"),
        ];
        let ticks = marks
            .map(|(quantile, label)| (percentile_place(quantile), label.to_owned()))
            .into_iter()
            .filter(|(place, _)| *place <= high)
            .collect();
        let title = "percentile (%)".to_owned();
        Self { scale: Scale::Linear, low: 0.0, high, ticks, title }
    }

    /// Where a value lies: 0 at the low end, 1 at the high one.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        place.clamp(0.0, 1.0)
    }
}

/// Each further nine takes the same room.
pub(super) fn percentile_place(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-12).log10()
}

/// A latency in microseconds, with its unit.
pub(super) fn micros(value: f64) -> String {
    Micros(value).to_string().replace("us", "µs")
}

/// The same without zeros behind the point.
fn short(value: f64) -> String {
    format!("{:#}", Micros(value)).replace("us", "µs")
}

/// Round values from 0 to `high`, about `count` of them.
fn steps(high: f64, count: f64) -> impl Iterator<Item = f64> {
    let rough = high / count;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|part| part * decade)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(decade * 10.0);
    (0_u32..).map(move |number| f64::from(number) * step).take_while(move |value| *value <= high)
}
