use std::time::Duration;

use super::{ScenarioError, Url, parse_duration};

#[test]
fn url_has_name_port_and_path() {
    let parsed = |host: &str, port, path: &str| {
        Ok(Url { host: host.to_owned(), port, path: path.to_owned() })
    };
    assert_eq!(Url::parse("https://one.example"), parsed("one.example", 443, "/"));
    assert_eq!(Url::parse("https://one.example:8443"), parsed("one.example", 8443, "/"));
    assert_eq!(Url::parse("https://one.example:1/a/b?c"), parsed("one.example", 1, "/a/b?c"));
    for bad in ["http://a", "https://", "https://a:x", "https://a:70000", "https://a/\r\nX: y", "a"]
    {
        assert_eq!(Url::parse(bad), Err(ScenarioError::Url(bad.to_owned())), "{bad}");
    }
}

#[test]
fn duration_needs_its_unit() {
    assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
    assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
    for bad in ["10", "s", "", "1h30m", "-1s", "1.5s"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}
