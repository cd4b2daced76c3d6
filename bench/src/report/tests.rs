use std::collections::BTreeMap;

use super::{Loop, Machine, Report, TlsFacts};
use crate::record::Percentiles;
use crate::scenario::Mode;

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
fn json_is_read_back_as_it_was() {
    let parsed: Report = serde_json::from_str(&report().to_json()).expect("its own JSON");
    assert_eq!(parsed, report());
}
