//! Figures with their units, as short as they can be read.

use std::fmt;

/// A time given in microseconds. With `{:#}` without zeros behind the point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Micros(pub(crate) f64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0;
        let (value, unit) = match micros.abs() {
            it if it < 999.5 => (micros, "us"),
            it if it < 999_500.0 => (micros / 1e3, "ms"),
            _ => (micros / 1e6, "s"),
        };
        let digits = three_digits(value);
        let digits = if f.alternate() { without_zeros(&digits) } else { &digits };
        write!(f, "{digits} {unit}")
    }
}

/// A count or a rate: `950`, `12.3 k`, `1.05 M`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Amount(pub(crate) f64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0.abs() {
            it if it < 9_999.5 => (self.0, ""),
            it if it < 999_500.0 => (self.0 / 1e3, " k"),
            it if it < 999_500_000.0 => (self.0 / 1e6, " M"),
            _ => (self.0 / 1e9, " G"),
        };
        write!(f, "{}{unit}", without_zeros(&three_digits(value)))
    }
}

/// More than three where they stand before the point.
fn three_digits(value: f64) -> String {
    match value.abs() {
        it if it >= 99.95 => format!("{value:.0}"),
        it if it >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}
