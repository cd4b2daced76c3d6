//! Numbers with units, as flags and files have them.

use std::time::Duration;

/// Units of time with their length in microseconds.
const TIME_UNITS: [(&str, u64); 5] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];

/// Units of size with their bytes.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Prefixes of plain numbers.
const COUNT_UNITS: [(&str, u64); 3] = [("", 1), ("k", 1_000), ("M", 1_000_000)];

/// Longest time that a run, a phase or a pause may take.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// Most operations a second.
const RATE_MAX: u64 = 10_000_000;

/// A duration with its unit: `250ms`, `10s`, `2m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let microseconds = number_with_unit(text, &TIME_UNITS)
        .ok_or_else(|| format!("{text:?} is no duration: a whole number and us, ms, s, m or h"))?;
    let duration = Duration::from_micros(microseconds);
    if duration > DURATION_MAX {
        return Err(format!("{text:?} is longer than a day"));
    }
    Ok(duration)
}

/// A size with its unit: `16KiB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    number_with_unit(text, &SIZE_UNITS).ok_or_else(|| {
        format!("{text:?} is no size: a whole number and B, KiB, MiB, GiB, kB, MB or GB")
    })
}

/// A number that may be large: `500`, `10k`, `1M`.
pub(crate) fn parse_count(text: &str) -> Result<u32, String> {
    number_with_unit(text, &COUNT_UNITS)
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("{text:?} is no number of them: a whole number, maybe with k or M"))
}

/// Operations a second: `5000`, `50k/s`.
pub(crate) fn parse_rate(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number_with_unit(number, &COUNT_UNITS).filter(|rate| *rate <= RATE_MAX).ok_or_else(|| {
        format!("{text:?} is no rate: a number such as 500, 50k/s or 1M/s, up to 10M/s")
    })
}

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}
