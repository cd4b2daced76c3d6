//! Figures with their units, as short as they can be read.

use std::fmt;

/// A time given in microseconds.
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
        write!(f, "{} {unit}", Digits(value))
    }
}

/// A count or a rate: `950`, `12.3 k`, `1.05 M`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Amount(pub(crate) f64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0.abs() {
            it if it < 9_999.5 => return write!(f, "{}", Digits(self.0)),
            it if it < 999_500.0 => (self.0 / 1e3, "k"),
            it if it < 999_500_000.0 => (self.0 / 1e6, "M"),
            _ => (self.0 / 1e9, "G"),
        };
        write!(f, "{} {unit}", Digits(value))
    }
}

/// Three digits, and no zeros behind the point.
struct Digits(f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        let decimals = match value.abs() {
            it if it >= 99.95 => 0,
            it if it >= 9.995 => 1,
            _ => 2,
        };
        let text = format!("{value:.decimals$}");
        let text =
            if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        f.write_str(text)
    }
}
