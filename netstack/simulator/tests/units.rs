//! What a command line may say, and what is refused.

use netstack::Span;
use netstack_simulator::{
    Buffer, UnitError, parse_buffer, parse_bytes, parse_rate, parse_share, parse_span,
    parse_span_range,
};

#[test]
fn numbers_with_units_are_exact() {
    assert_eq!(parse_share("0.02"), Ok(20));
    assert_eq!(parse_share("1"), Ok(1_000));
    assert_eq!(parse_span("1.5ms"), Ok(Span::from_micros(1_500)));
    let range = [Span::from_millis(20), Span::from_millis(80)];
    assert_eq!(parse_span_range("20ms..80ms"), Ok(range));
    assert_eq!(parse_span_range("20ms"), Ok([range[0]; 2]));
    assert_eq!(parse_rate("100mbit"), Ok(12_500));
    assert_eq!(parse_bytes("64KiB"), Ok(65_536));
    assert_eq!(parse_bytes("100000"), Ok(100_000));
    assert_eq!(parse_buffer("0.5bdp"), Ok(Buffer::BdpThousandths(500)));
    assert_eq!(parse_buffer("1MB"), Ok(Buffer::Bytes(1_000_000)));
}

#[test]
fn what_is_no_number_with_a_known_unit_is_refused() {
    assert_eq!(parse_span("ms"), Err(UnitError::NotANumber));
    assert_eq!(parse_span(""), Err(UnitError::NotANumber));
    assert_eq!(parse_span("1.2.3ms"), Err(UnitError::NotANumber));
    assert!(matches!(parse_span("20"), Err(UnitError::UnknownUnit(_))));
    assert!(matches!(parse_rate("100mb"), Err(UnitError::UnknownUnit(_))));
    assert!(matches!(parse_share("1.5"), Err(UnitError::OutOfRange(_))));
    assert!(matches!(parse_share("0.0005"), Err(UnitError::OutOfRange(_))));
    assert!(matches!(parse_rate("1kbit"), Err(UnitError::OutOfRange(_))));
    assert!(matches!(parse_bytes("99999999999999999999999"), Err(UnitError::OutOfRange(_))));
    assert_eq!(parse_span_range("80ms..20ms"), Err(UnitError::Backwards));
}
