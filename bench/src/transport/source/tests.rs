use std::net::IpAddr;

use super::{SOURCES_MAX, common_prefix, parse_source};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn networks_are_their_hosts() {
    let ends = |text: &str| {
        let all = parse_source(text).expect("right");
        let ends =
            [all.first(), all.last()].map(|it| it.map(ToString::to_string).unwrap_or_default());
        (all.len(), ends.join(" "))
    };
    assert_eq!(ends("10.0.0.7"), (1, "10.0.0.7 10.0.0.7".to_owned()));
    assert_eq!(ends("10.0.0.7/32"), (1, "10.0.0.7 10.0.0.7".to_owned()));
    assert_eq!(ends("10.0.0.6/31"), (2, "10.0.0.6 10.0.0.7".to_owned()));
    assert_eq!(ends("192.0.2.64/26"), (62, "192.0.2.65 192.0.2.126".to_owned()));
    assert_eq!(ends("192.0.2.70/26"), (62, "192.0.2.65 192.0.2.126".to_owned()));
    assert_eq!(ends("10.9.0.0/16"), (SOURCES_MAX, "10.9.0.1 10.9.4.0".to_owned()));
    assert_eq!(ends("2001:db8::/126"), (3, "2001:db8::1 2001:db8::3".to_owned()));
    assert_eq!(ends("2001:db8::/0").0, SOURCES_MAX);
    for bad in ["", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "10.0.0.0/", "a/8"] {
        assert!(parse_source(bad).is_err(), "{bad}");
    }
}

#[test]
fn prefix_puts_both_on_one_network() {
    let common = |one, other| common_prefix(address(one), address(other));
    assert_eq!(common("192.0.2.65", "192.0.2.1"), Some(25));
    assert_eq!(common("192.0.2.1", "192.0.2.1"), Some(32));
    assert_eq!(common("10.0.0.1", "192.0.2.1"), Some(0));
    assert_eq!(common("2001:db8::1", "2001:db8::2"), Some(126));
    assert_eq!(common("2001:db8::1", "192.0.2.1"), None);
}
