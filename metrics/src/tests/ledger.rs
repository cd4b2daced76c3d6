//! The ledger adds up.

use super::samples;
use crate::ledger::parse_resident;
use crate::{Bytes, Catalogue, Ledger, PoolReport, Registry, resident_bytes};

fn value(text: &str, name: &str) -> i64 {
    let lines = samples(text, name);
    assert_eq!(lines.len(), 1, "{name}");
    lines[0].rsplit(' ').next().expect("a value").parse().expect("a number")
}

#[test]
fn pools_and_the_unaccounted_are_the_resident_memory_within_a_scrape() {
    let mut catalogue = Catalogue::new("weir");
    let ledger = Ledger::declare(&mut catalogue, &["frames", "tcbs"]).expect("declared");
    let (registry, shards) = Registry::new(catalogue, 2);
    let frames = ledger.pool("frames").expect("declared");
    let tcbs = ledger.pool("tcbs").expect("declared");
    assert_eq!(ledger.pool("none"), None);
    for worker in &shards.workers {
        ledger.set(worker, frames, Bytes { reserved: 4 << 20, touched: 1 << 20 });
    }
    ledger.set(&shards.control, tcbs, Bytes { reserved: 300, touched: 200 });
    for _ in 0..100 {
        let text = registry.encode_openmetrics();
        let pools = value(&text, "weir_memory_bytes{pool=\"frames\"}")
            + value(&text, "weir_memory_bytes{pool=\"tcbs\"}");
        assert_eq!(pools, (2 << 20) + 200);
        let resident = value(&text, "weir_memory_resident_bytes");
        assert_eq!(pools + value(&text, "weir_memory_unaccounted_bytes"), resident);
    }
    let text = registry.encode_openmetrics();
    assert_eq!(value(&text, "weir_memory_reserved_bytes{pool=\"frames\"}"), 8 << 20);
}

#[test]
fn pools_come_in_the_order_of_declaration() {
    let mut catalogue = Catalogue::new("weir");
    let ledger = Ledger::declare(&mut catalogue, &["frames", "tcbs"]).expect("declared");
    let named = ["frames", "tcbs"].map(|name| ledger.pool(name).expect("declared"));
    assert_eq!(ledger.pools().collect::<Vec<_>>(), named);
}

#[test]
fn report_says_the_same() {
    let mut catalogue = Catalogue::new("weir");
    let ledger = Ledger::declare(&mut catalogue, &["frames", "tcbs"]).expect("declared");
    let (registry, shards) = Registry::new(catalogue, 1);
    let bytes = Bytes { reserved: 10, touched: i64::MAX as u64 };
    ledger.set(&shards.workers[0], ledger.pool("frames").expect("declared"), bytes);
    let report = ledger.report(&registry).expect("the kernel says");
    let pool = |name: &str, bytes| PoolReport { name: name.to_owned(), bytes };
    assert_eq!(report.pools, [pool("frames", bytes), pool("tcbs", Bytes::default())]);
    let resident = i64::try_from(report.resident_bytes).expect("less than 2^63");
    assert_eq!(report.unaccounted_bytes, resident - i64::MAX, "it admits a count too high");
}

#[test]
fn resident_is_ordinary_and_huge_pages() {
    let status = "Name:\tweir\nVmRSS:\t    1234 kB\nRssAnon:\t 1 kB\nHugetlbPages:\t    2048 kB\n";
    assert_eq!(parse_resident(status), Some((1234 + 2048) * 1024));
    assert_eq!(parse_resident("VmRSS:\t 7 kB\n"), Some(7 * 1024));
    assert_eq!(parse_resident("HugetlbPages:\t 7 kB\n"), None);
    assert_eq!(parse_resident("VmRSS:\t lots kB\n"), None);
    assert!(resident_bytes().expect("the kernel says") > 100 * 1024);
}

#[test]
fn pool_is_declared_once() {
    assert!(Ledger::declare(&mut Catalogue::new("weir"), &["a", "a"]).is_err());
    let mut catalogue = Catalogue::new("weir");
    Ledger::declare(&mut catalogue, &["a"]).expect("declared");
    assert!(Ledger::declare(&mut catalogue, &["b"]).is_err(), "one ledger a process");
}
