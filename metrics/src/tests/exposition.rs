//! What a scrape gets, in both formats, and what independent parsers say to it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{counters, samples};
use crate::{
    Catalogue, CollectedKind, Family, Ledger, Number, Registry, Sample, Unit, collect_process,
};

/// A registry with every kind of family in it, some of them used.
fn everything() -> Registry {
    let mut catalogue = Catalogue::new("weir");
    let version = [("version", "1.2.3"), ("commit", "a \"b\" \\c\nd")];
    catalogue.info("build_info", "What runs.", &version).expect("declared");
    let states = Family::new("tcp_connections", "Connections by state.")
        .label("listener", ["https", "http"])
        .label("state", ["listen", "established"]);
    let states = catalogue.gauges(states).expect("declared");
    let bytes = Family::new("tcp_bytes_total", "Payload.")
        .unit(Unit::Bytes)
        .label("direction", ["in", "out"]);
    let bytes = catalogue.counters(bytes).expect("declared");
    let busy = Family::new("worker_busy_seconds_total", "Time at work.")
        .unit(Unit::Nanoseconds)
        .label("stage", ["receive", "tls"])
        .per_worker();
    let busy = catalogue.counters(busy).expect("declared");
    let rtt = Family::new("tcp_rtt_seconds", "Round trips.").unit(Unit::Nanoseconds);
    let rtt = catalogue.histograms(rtt, &[1_000_000, 10_000_000]).expect("declared");
    let up = Family::new("backend_up", "Whether a server answers.")
        .rows(&["pool", "server"], [["web", "10.0.0.1:80"], ["web", "[::1]:80"]]);
    let up = catalogue.gauges(up).expect("declared");
    let vhosts = Family::new("vhost_bytes_total", "Payload of the busiest names.")
        .unit(Unit::Bytes)
        .open_rows(&["vhost"], 4)
        .label("direction", ["in", "out"]);
    let vhosts = catalogue.counters(vhosts).expect("declared");
    let kinds =
        Family::new("lookups_total", "Found at the scrape.").rows::<&str, [&str; 1]>(&["kind"], []);
    catalogue
        .collect(CollectedKind::Counter, kinds, |_| {
            vec![Sample { labels: vec!["a\\b".to_owned()], value: Number::Unsigned(u64::MAX) }]
        })
        .expect("declared");
    Ledger::declare(&mut catalogue, &["frames", "tcbs"]).expect("declared");
    collect_process(&mut catalogue, Instant::now()).expect("declared");

    let (registry, shards) = Registry::new(catalogue, 2);
    registry.name_row(&vhosts, 2, &["__other__"]).expect("named");
    let [first, second] = &shards.workers[..] else { panic!("two workers") };
    first.set(states.at(&[1, 0]), 5);
    second.adjust(states.at(&[1, 0]), -2);
    first.add(bytes.at(&[0]), 1 << 60);
    second.add(busy.at(&[1]), 1_500_000_000);
    shards.control.set(up.at(&[1]), 1);
    first.add(vhosts.at(&[2, 1]), 9);
    for nanoseconds in [1_000_000, 1_000_001, 10_000_000, 4_000_000_000] {
        first.observe(rtt.only(), nanoseconds);
    }
    registry
}

#[test]
fn every_series_exists_at_zero() {
    let (registry, _shards, _series) = counters();
    let expected = "# HELP weir_tcp_segments Segments.\n\
                    # TYPE weir_tcp_segments counter\n\
                    weir_tcp_segments_total{direction=\"in\"} 0\n\
                    weir_tcp_segments_total{direction=\"out\"} 0\n\
                    # EOF\n";
    assert_eq!(registry.encode_openmetrics(), expected);
}

#[test]
fn classic_form_names_counters_in_full_and_has_no_end_mark() {
    let (registry, _shards, _series) = counters();
    let expected = "# HELP weir_tcp_segments_total Segments.\n\
                    # TYPE weir_tcp_segments_total counter\n\
                    weir_tcp_segments_total{direction=\"in\"} 0\n\
                    weir_tcp_segments_total{direction=\"out\"} 0\n";
    assert_eq!(registry.encode_classic(), expected);
}

#[test]
fn shards_add_up() {
    let (registry, shards, series) = counters();
    let (inward, outward) = (series.at(&[0]), series.at(&[1]));
    shards.workers[0].add(inward, 3);
    shards.workers[1].add(inward, 4);
    shards.control.increment(outward);
    let snapshot = registry.snapshot();
    assert_eq!((snapshot.counter(inward), snapshot.counter(outward)), (7, 1));
    assert_eq!(snapshot.worker_counter(1, inward), 4);
    assert_eq!(shards.workers[0].counter(inward), 3);
    let text = registry.encode_openmetrics();
    assert_eq!(
        samples(&text, "weir_"),
        [
            "weir_tcp_segments_total{direction=\"in\"} 7",
            "weir_tcp_segments_total{direction=\"out\"} 1"
        ]
    );
}

#[test]
fn kinds_units_and_labels_are_written_as_declared() {
    let text = everything().encode_openmetrics();
    for line in [
        r#"weir_build_info{version="1.2.3",commit="a \"b\" \\c\nd"} 1"#,
        r#"weir_tcp_connections{listener="https",state="established"} 0"#,
        r#"weir_tcp_connections{listener="http",state="listen"} 3"#,
        "# UNIT weir_tcp_bytes bytes",
        r#"weir_tcp_bytes_total{direction="in"} 1152921504606846976"#,
        r#"weir_worker_busy_seconds_total{worker="0",stage="tls"} 0.0"#,
        r#"weir_worker_busy_seconds_total{worker="1",stage="tls"} 1.5"#,
        r#"weir_tcp_rtt_seconds_bucket{le="0.001"} 1"#,
        r#"weir_tcp_rtt_seconds_bucket{le="0.01"} 3"#,
        r#"weir_tcp_rtt_seconds_bucket{le="+Inf"} 4"#,
        "weir_tcp_rtt_seconds_count 4",
        "weir_tcp_rtt_seconds_sum 4.012000001",
        r#"weir_backend_up{pool="web",server="[::1]:80"} 1"#,
        r#"weir_vhost_bytes_total{vhost="__other__",direction="out"} 9"#,
        r#"weir_lookups_total{kind="a\\b"} 18446744073709551615"#,
        r#"weir_memory_bytes{pool="tcbs"} 0"#,
        "# TYPE weir_process_cpu_seconds counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    let classic = everything().encode_classic();
    for line in ["# TYPE weir_build_info gauge", "# TYPE weir_tcp_rtt_seconds histogram"] {
        assert!(classic.lines().any(|found| found == line), "{line}\nis not in\n{classic}");
    }
    assert!(!classic.contains("# UNIT") && !classic.contains("# EOF"), "{classic}");
}

#[test]
fn promtool_finds_nothing_in_the_classic_form() {
    run("promtool", &["check", "metrics"], &everything().encode_classic());
}

#[test]
fn strict_parser_takes_the_openmetrics_form() {
    const SCRIPT: &str = "
import math, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
found = {}
for family in parse(sys.stdin.read()):
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in found, key
        found[key] = sample.value
def expect(name, value, **labels):
    assert found[(name, tuple(sorted(labels.items())))] == value, (name, labels)
expect('weir_build_info', 1, version='1.2.3', commit='a \"b\" \\\\c\\nd')
expect('weir_tcp_connections', 3, listener='http', state='listen')
expect('weir_tcp_rtt_seconds_bucket', 3, le='0.01')
expect('weir_worker_busy_seconds_total', 1.5, worker='1', stage='tls')
expect('weir_lookups_total', 2 ** 64 - 1, kind='a\\\\b')
";
    // A test installs nothing: the test set-up names a Python that has prometheus_client.
    let python = std::env::var("WEIR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    run(&python, &["-c", SCRIPT], &everything().encode_openmetrics());
}

/// Runs a checker on a text; it must succeed and say nothing.
fn run(program: &str, arguments: &[&str], text: &str) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut input = child.stdin.take().expect("piped");
    input.write_all(text.as_bytes()).expect("the checker reads");
    drop(input);
    let output = child.wait_with_output().expect("the checker ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{program}: {said}\n{text}");
}
