//! Confidence intervals by drawing again from what was measured.
//!
//! B. Efron, "Bootstrap methods: another look at the jackknife", 1979; blocks after D. Politis and
//! J. Romano, "A circular block-resampling procedure for stationary data", 1992; the widening after
//! T. Hesterberg, "What teachers should know about the bootstrap", 2015, section 5.3.

use super::figure::Figure;
use crate::seconds::Latencies;

/// How often is drawn.
const DRAWS: usize = 2000;

/// What is drawn: a second, or a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    pub(crate) length_s: f64,
    pub(crate) done: u64,
    /// Failed, or never begun.
    pub(crate) lost: u64,
    pub(crate) response: Latencies,
}

impl Unit {
    /// All of them in one.
    pub(crate) fn sum(units: Vec<Self>) -> Self {
        units.into_iter().fold(Self::default(), |mut sum, unit| {
            sum.length_s += unit.length_s;
            sum.done += unit.done;
            sum.lost += unit.lost;
            sum.response.merge(&unit.response);
            sum
        })
    }

    /// A quantile of the response times, in nanoseconds.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        let values = self.response.iter().map(|(value, count)| (value.as_nanos() as f64, count));
        quantile_of(values, self.response.count(), quantile)
    }
}

/// The lowest of ascending values that has at least this share of them all up to it.
fn quantile_of(values: impl Iterator<Item = (f64, u64)>, count: u64, quantile: f64) -> f64 {
    let wanted = (count as f64 * quantile).ceil().max(1.0);
    let mut seen = 0;
    for (value, more) in values {
        seen += more;
        if seen as f64 >= wanted {
            return value;
        }
    }
    0.0
}

/// Of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) ratio: f64,
    pub(crate) high: f64,
}

/// The interval of `figure`'s ratio b / a that misses the truth in a share `alpha` of all cases. A
/// block of 0: as long as the number of units asks for. None if a side's figure is 0.
pub(crate) fn ratio_interval(
    a: &[Unit],
    b: &[Unit],
    figure: Figure,
    (alpha, seed, block): (f64, u64, usize),
) -> Option<Interval> {
    let (mut draws_a, mut draws_b) =
        (Draws::new(a, seed, block), Draws::new(b, seed ^ 0x5bd1_e995, block));
    let value = |units: &[Unit]| figure.comparable(&Unit::sum(units.to_vec()));
    let ratio = value(b) / value(a);
    if !(ratio > 0.0 && ratio.is_finite()) {
        return None;
    }
    let mut ratios: Vec<f64> = (0..DRAWS)
        .map(|_| draws_b.draw(figure).ln() - draws_a.draw(figure).ln())
        .filter(|it| !it.is_nan())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let count = a.len().min(b.len());
    let block = if block == 0 { block_of(count) } else { block };
    let tail = widened(alpha / 2.0, count, block);
    let at = |share: f64| {
        let place = (share * (ratios.len() as f64 - 1.0)).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in the list, from 0 to its length less one"
        )]
        ratios.get(place as usize).map(|it| it.exp())
    };
    Some(Interval { low: at(tail)?.min(ratio), ratio, high: at(1.0 - tail)?.max(ratio) })
}

/// Draws from one side. Counts by value are laid out once: a draw is then a sum of rows.
struct Draws<'a> {
    units: &'a [Unit],
    /// All values, ascending.
    values: Vec<f64>,
    /// For each unit, places in `values` and counts.
    rows: Vec<Vec<(usize, u64)>>,
    block: usize,
    random: SplitMix,
    /// Kept from draw to draw.
    counts: Vec<u64>,
}

impl<'a> Draws<'a> {
    fn new(units: &'a [Unit], seed: u64, block: usize) -> Self {
        let mut all = Latencies::default();
        for unit in units {
            all.merge(&unit.response);
        }
        let values: Vec<f64> = all.iter().map(|(value, _)| value.as_nanos() as f64).collect();
        let place = |value: f64| values.partition_point(|it| *it < value);
        let row = |unit: &Unit| {
            let filled = unit.response.iter();
            filled.map(|(value, count)| (place(value.as_nanos() as f64), count)).collect()
        };
        let rows = units.iter().map(row).collect();
        let block = if block == 0 { block_of(units.len()) } else { block };
        let counts = vec![0; values.len()];
        Self { units, values, rows, block, random: SplitMix(seed), counts }
    }

    /// The figure of as many units as there are, drawn in blocks; behind the last comes the first.
    fn draw(&mut self, figure: Figure) -> f64 {
        let count = self.units.len();
        let mut sum = Unit::default();
        self.counts.fill(0);
        let mut drawn = 0;
        while drawn < count {
            let first = self.random.below(count);
            for at in (first..first + self.block).take(count - drawn) {
                let unit = &self.units[at % count];
                sum.length_s += unit.length_s;
                sum.done += unit.done;
                sum.lost += unit.lost;
                if matches!(figure, Figure::Quantile(_)) {
                    for (place, more) in &self.rows[at % count] {
                        self.counts[*place] += more;
                    }
                }
            }
            drawn += self.block;
        }
        let Figure::Quantile(quantile) = figure else { return figure.comparable(&sum) };
        let values = self.values.iter().copied().zip(self.counts.iter().copied());
        quantile_of(values, sum.done, quantile.share())
    }
}

/// The cube root, rounded up.
fn block_of(units: usize) -> usize {
    (1..).find(|it: &usize| it.pow(3) >= units).unwrap_or(1)
}

/// The share to cut off on each side so that few units make an interval as wide as Student's t would:
/// drawing again from n units in blocks of b spreads by a factor sqrt((n - b) / n) too little, and by
/// the normal distribution.
pub(super) fn widened(tail: f64, units: usize, block: usize) -> f64 {
    let count = units.max(2) as f64;
    let z = normal_quantile(1.0 - tail);
    let freedom = count - 1.0;
    // Student's quantile by its expansion around the normal one.
    let t = z
        + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom * freedom);
    1.0 - normal(t * (count / (count - block as f64).max(1.0)).sqrt())
}

/// Share of a normal distribution below `z`; to 1e-7 (Abramowitz and Stegun, 26.2.17).
pub(super) fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let sum = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530]
        .iter()
        .fold(0.0, |sum, factor| (sum + factor) * t);
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let above = density * sum;
    if z >= 0.0 { 1.0 - above } else { above }
}

/// Where a normal distribution has `share` below it.
pub(super) fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal(middle) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// SplitMix64, for the draws.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        let scaled = (u128::from(bits) * bound as u128) >> 64;
        usize::try_from(scaled).unwrap_or_default()
    }
}
