//! Numbers with units, as a command line has them. Integers throughout: what can't be kept exactly
//! is refused.

use std::fmt;

use netstack::Span;

/// Something that is no number with a unit that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum UnitError {
    /// It does not begin with a decimal number.
    NotANumber,
    /// The unit is none of these.
    UnknownUnit(&'static str),
    /// It is too large, or finer than this.
    OutOfRange(&'static str),
    /// A range that ends before it begins.
    Backwards,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("it does not begin with a number such as 20 or 0.5"),
            Self::UnknownUnit(units) => write!(f, "the unit has to be one of {units}"),
            Self::OutOfRange(range) => write!(f, "it has to be {range}"),
            Self::Backwards => f.write_str("the range ends before it begins"),
        }
    }
}

impl std::error::Error for UnitError {}

/// What may wait before a bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// So many bytes.
    Bytes(u64),
    /// So many thousandths of what the path itself holds: rate x round trip.
    BdpThousandths(u64),
}

/// A share of 1, such as `0.02`, in thousandths.
///
/// # Errors
/// It is no number from 0 to 1 in steps of 0.001.
pub fn parse_share(text: &str) -> Result<u64, UnitError> {
    const RANGE: &str = "from 0 to 1 in steps of 0.001";
    let share = scaled(text, &[("", 1_000)], "none", RANGE)?;
    if share <= 1_000 { Ok(share) } else { Err(UnitError::OutOfRange(RANGE)) }
}

/// A duration such as `20ms`.
///
/// # Errors
/// It is no number with a unit of time, or longer than an hour.
pub fn parse_span(text: &str) -> Result<Span, UnitError> {
    const RANGE: &str = "from 0 to 3600s in steps of 1ns";
    let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let nanos = scaled(text, &units, "ns, us, ms, s", RANGE)?;
    if nanos > 3_600_000_000_000 {
        return Err(UnitError::OutOfRange(RANGE));
    }
    Ok(Span::from_nanos(nanos))
}

/// A duration or a range of them, such as `20ms..80ms`.
///
/// # Errors
/// One of the two is no duration, or the second is the shorter one.
pub fn parse_span_range(text: &str) -> Result<[Span; 2], UnitError> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let [from, to] = [parse_span(from)?, parse_span(to)?];
    if from <= to { Ok([from, to]) } else { Err(UnitError::Backwards) }
}

/// A rate such as `100mbit`, a second, in bytes a millisecond.
///
/// # Errors
/// It is no number with a unit of rates, or below `8kbit`.
pub fn parse_rate(text: &str) -> Result<u64, UnitError> {
    const RANGE: &str = "from 8kbit to 1000gbit in steps of 8kbit";
    let units = [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];
    let bits_per_s = scaled(text, &units, "kbit, mbit, gbit", RANGE)?;
    let in_range = (8_000..=1_000_000_000_000).contains(&bits_per_s);
    if in_range && bits_per_s % 8_000 == 0 {
        Ok(bits_per_s / 8_000)
    } else {
        Err(UnitError::OutOfRange(RANGE))
    }
}

/// A size such as `64KiB` or `100000`.
///
/// # Errors
/// It is no number with a unit of sizes.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let units = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    scaled(text, &units, "B, kB, MB, KiB, MiB, GiB", "a whole number of bytes")
}

/// The room before a bottleneck, such as `64KiB` or `0.5bdp`.
///
/// # Errors
/// It is neither a size nor a number of bandwidth-delay products.
pub fn parse_buffer(text: &str) -> Result<Buffer, UnitError> {
    match text.strip_suffix("bdp") {
        Some(count) => {
            scaled(count, &[("", 1_000)], "bdp", "in steps of 0.001bdp").map(Buffer::BdpThousandths)
        }
        None => parse_bytes(text).map(Buffer::Bytes),
    }
}

/// A decimal number with a unit, times what the unit stands for.
fn scaled(
    text: &str,
    units: &[(&str, u64)],
    names: &'static str,
    range: &'static str,
) -> Result<u64, UnitError> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || part.contains('.') {
        return Err(UnitError::NotANumber);
    }
    let known = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let &(_, factor) = known.ok_or(UnitError::UnknownUnit(names))?;
    let exact = || {
        let product = digits.parse::<u128>().ok()?.checked_mul(u128::from(factor))?;
        let divisor = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
        u64::try_from(product / divisor).ok().filter(|_| product.is_multiple_of(divisor))
    };
    exact().ok_or(UnitError::OutOfRange(range))
}
