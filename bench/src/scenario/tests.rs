use std::time::Duration;

use super::units::{parse_count, parse_duration, parse_rate, parse_size};
use super::url::Url;

#[test]
fn url_has_name_port_and_path() {
    let parsed = |host: &str, port, path: &str| {
        Some(Url { host: host.to_owned(), port, path: path.to_owned() })
    };
    assert_eq!(Url::parse("https://one.example"), parsed("one.example", 443, "/"));
    assert_eq!(Url::parse("https://one.example:8443"), parsed("one.example", 8443, "/"));
    assert_eq!(Url::parse("https://one.example:1/a/b?c"), parsed("one.example", 1, "/a/b?c"));
    for bad in ["http://a", "https://", "https://a:x", "https://a:70000", "https://a/\r\nX: y", "a"]
    {
        assert_eq!(Url::parse(bad), None, "{bad}");
    }
}

#[test]
fn duration_needs_its_unit() {
    assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
    assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
    for bad in ["10", "s", "", "1h30m", "-1s", "1.5s", "25h", "18446744073709551615h"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn counts_rates_and_sizes_have_units() {
    assert_eq!(parse_count("500"), Ok(500));
    assert_eq!(parse_count("10k"), Ok(10_000));
    assert_eq!(parse_rate("50k/s"), Ok(50_000));
    assert_eq!(parse_rate("5000"), Ok(5_000));
    assert_eq!(parse_rate("1M/s"), Ok(1_000_000));
    assert_eq!(parse_size("16KiB"), Ok(16_384));
    for bad in ["0", "", "k", "5000M", "10 k", "-1"] {
        assert!(parse_count(bad).is_err(), "{bad}");
    }
    for bad in ["", "/s", "11M/s", "5/m", "1.5k/s"] {
        assert!(parse_rate(bad).is_err(), "{bad}");
    }
    assert!(parse_size("16").is_err() && parse_size("1TB").is_err());
}
