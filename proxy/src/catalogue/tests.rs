//! Every metric, as scrapers see it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use metrics::{Bytes, Catalogue, Registry, Shards};

use super::families::VHOSTS_MAX;
use super::{Facts, Families, LabelValues};
use crate::admin::reload::ReloadFacts;
use crate::admin::{Exposition, Format};
use crate::config::tests::support::Site;

fn values() -> LabelValues {
    LabelValues {
        listeners: vec!["https".to_owned()],
        queues: vec!["eth0/0".to_owned(), "eth0/1".to_owned()],
        vhosts: (0..VHOSTS_MAX + 5).map(|host| format!("host-{host}.example")).collect(),
        tcp_close_reasons: vec!["fin", "reset"],
        tcp_drop_reasons: vec!["checksum", "truncated"],
        retransmit_causes: vec!["rto", "fast"],
        tls_failure_reasons: vec!["unknown_name", "timeout"],
        xdp_drop_reasons: vec!["no_frame"],
        backend_results: vec!["connected", "refused"],
        memory_pools: vec!["frames", "records"],
    }
}

fn registry() -> (Families, Registry, Shards) {
    let site = Site::new();
    site.certificate("example.com", &["example.com"]);
    site.write_minimal("");
    let mut loader = site.loader();
    let snapshot = loader.load(SystemTime::now()).expect("it is right").snapshot;
    let facts = Facts {
        started: Instant::now(),
        snapshot: Arc::new(ArcSwap::new(snapshot)),
        tickets: Arc::clone(loader.tickets()),
        reloads: ReloadFacts::new(SystemTime::now()),
    };
    let mut catalogue = Catalogue::new("weir");
    let families =
        Families::declare(&mut catalogue, &values(), facts).expect("the names are right");
    let (registry, shards) = Registry::new(catalogue, 2);
    (families, registry, shards)
}

#[test]
fn promtool_finds_nothing() {
    let (_families, registry, _shards) = registry();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed (Debian: prometheus)");
    let mut input = promtool.stdin.take().expect("it is piped");
    input.write_all(registry.encode(Format::Classic).as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(output.status.success());
}

#[test]
fn every_series_is_there_at_zero() {
    let (_families, registry, _shards) = registry();
    let text = registry.encode(Format::OpenMetrics);
    for line in [
        "weir_tcp_connections{listener=\"https\",state=\"time_wait\"} 0",
        "weir_tcp_closes_total{listener=\"https\",reason=\"reset\"} 0",
        "weir_tls_handshakes_total{listener=\"https\",version=\"1.3\",resumption=\"full\",\
         group=\"X25519MLKEM768\"} 0",
        "weir_tls_handshakes_total{listener=\"https\",version=\"1.2\",resumption=\"resumed\",\
         group=\"none\"} 0",
        "weir_xdp_mode{queue=\"eth0/1\",mode=\"zero-copy\"} 0",
        "weir_memory_bytes{pool=\"frames\"} 0",
        "weir_vhost_connections{vhost=\"__other__\"} 0",
        "weir_tls_tickets_total{result=\"refused\"} 0",
        "weir_config_last_reload_successful 1",
        "weir_cert_not_after_min_timestamp_seconds 2208988800",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("weir_build_info{version="));
    assert!(text.contains("\nweir_memory_resident_bytes "));
    assert!(text.contains("\nweir_memory_unaccounted_bytes "));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn virtual_hosts_beyond_the_list_share_a_series() {
    let (families, registry, shards) = registry();
    let worker = shards.workers.first().expect("two workers");
    for index in [0, 49, 50, 1_000_000] {
        worker.adjust(families.vhost.connections.at(&[families.vhost(index)]), 1);
    }
    let text = registry.encode(Format::Classic);
    for line in [
        "weir_vhost_connections{vhost=\"host-0.example\"} 1",
        "weir_vhost_connections{vhost=\"host-49.example\"} 1",
        "weir_vhost_connections{vhost=\"__other__\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("host-50.example"));
}

#[test]
fn group_without_key_exchange_has_its_place() {
    let (families, _registry, _shards) = registry();
    let groups = [Some("X25519MLKEM768"), Some("x25519"), None];
    let [hybrid, x25519, none] = groups.map(|group| families.group(group));
    assert!(hybrid != x25519 && x25519 != none && hybrid != none);
}

#[test]
fn memory_is_said_by_pool() {
    let (families, registry, shards) = registry();
    let worker = shards.workers.first().expect("two workers");
    let frames = families.memory.pool("frames").expect("it is declared");
    families.memory.set(worker, frames, Bytes { reserved: 8_192, touched: 4_096 });
    let text = registry.encode(Format::Classic);
    assert!(text.lines().any(|line| line == "weir_memory_bytes{pool=\"frames\"} 4096"), "{text}");
}
