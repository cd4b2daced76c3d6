use std::collections::BTreeMap;

use super::{Loop, Machine, Report, TlsFacts};
use crate::record::Percentiles;
use crate::scenario::Mode;
use crate::seconds::Limit;

pub(crate) fn report() -> Report {
    Report {
        url: "https://one.example/".to_owned(),
        address: "192.0.2.1:443".to_owned(),
        mode: Mode::Keepalive,
        looped: Loop::Closed,
        connections_at_once: 10,
        seconds: 2.0,
        operations: 3000,
        connections: 10,
        bytes: 1_000_000_000,
        latency_us: Percentiles { count: 3000, p50: 100.0, ..Percentiles::default() },
        service_us: Percentiles { count: 3000, p50: 100.0, ..Percentiles::default() },
        handshake_us: Percentiles::default(),
        lateness_us: Percentiles::default(),
        generator_cpu: 0.5,
        generator_limits: Vec::new(),
        failures: BTreeMap::new(),
        first_failure: None,
        not_begun: 0,
        reconnects: 0,
        tls: TlsFacts::default(),
        machine: Machine { kernel: "6.1".to_owned(), processor: "x".to_owned(), cores: 2 },
    }
}

#[test]
fn rates_are_over_the_measured_time() {
    assert_eq!(report().operations_per_second(), 1500.0);
    assert_eq!(report().gigabits_per_second(), 4.0);
}

#[test]
fn text_says_which_loop_it_was() {
    assert!(report().to_string().contains("closed loop"));
    let open = Report { looped: Loop::Open { rate: 500 }, ..report() }.to_string();
    assert!(open.contains("open loop: 500 operations a second, latency from the intended time"));
    assert!(!open.contains("closed loop"));
}

#[test]
fn text_tells_failures_and_what_was_not_begun() {
    assert!(report().to_string().contains("failures     none"));
    let failures = BTreeMap::from([("handshake".to_owned(), 7)]);
    let bad = Report { failures, not_begun: 9, ..report() }.to_string();
    assert!(bad.contains("7 handshake") && bad.contains("not begun    9"), "{bad}");
}

#[test]
fn json_is_read_back_as_it_was() {
    let parsed: Report = serde_json::from_str(&report().to_json()).expect("its own JSON");
    assert_eq!(parsed, report());
}

#[test]
fn text_says_when_the_generator_was_the_bottleneck() {
    assert!(!report().to_string().contains("BOTTLENECK"));
    let slow = Report { generator_limits: vec![Limit::Cpu], ..report() }.to_string();
    assert!(slow.contains("IT WAS THE BOTTLENECK: its workers used up their cores"), "{slow}");
}
