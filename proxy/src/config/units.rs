//! Durations and byte sizes with units.

use std::time::Duration;

/// Units of time with their length in ms.
const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

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

/// The longest duration that a configuration may ask for: longer ones are slips of the pen.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(365 * 86_400);

/// A number of bytes, as in `"16KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(pub(crate) u64);

/// Reads `"30s"`: a whole number and one of ms, s, m, h, d. `None` for anything else, or for more
/// than [`DURATION_MAX`].
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let duration = Duration::from_millis(number_with_unit(text, &TIME_UNITS)?);
    (duration <= DURATION_MAX).then_some(duration)
}

/// Reads `"16KiB"`: a whole number and one of B, KiB, MiB, GiB, kB, MB, GB. `None` for anything
/// else.
pub(crate) fn byte_size(text: &str) -> Option<ByteSize> {
    number_with_unit(text, &SIZE_UNITS).map(ByteSize)
}

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}
