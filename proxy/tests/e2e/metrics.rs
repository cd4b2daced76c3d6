//! What weir says of itself: complete, in both formats, and exactly right.

use std::net::TcpStream;
use std::time::Duration;

use hosts::{Child, Hook, Loss, Output, PerMille, wait_until};
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, X25519};
use rustls::version::{TLS12, TLS13};
use serde_json::Value;

use crate::client::Client;
use crate::edge::{CLIENT_DEVICE, Edge, LIMIT, Plan, V4_HTTPS, V6_HTTPS, nginx};
use crate::keep_alive::KeepAlive;

const HELLO: &str = "listen 127.0.0.1:8080; location / { return 200 hello; }";

/// Reads the text on its standard input as strictly as OpenMetrics is written.
const STRICT: &str = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(sum(len(family.samples) for family in parse(sys.stdin.read())))
";

/// Families that are there from the start.
const FAMILIES: [&str; 54] = [
    "weir_build_info",
    "weir_up_seconds",
    "weir_process_cpu_seconds_total",
    "weir_process_open_fds",
    "weir_config_last_reload_successful",
    "weir_config_last_reload_timestamp_seconds",
    "weir_tcp_connections",
    "weir_tcp_opens_total",
    "weir_tcp_closes_total",
    "weir_tcp_segments_total",
    "weir_tcp_bytes_total",
    "weir_tcp_retransmits_total",
    "weir_tcp_drops_total",
    "weir_tcp_acks_total",
    "weir_tcp_challenge_acks_total",
    "weir_tcp_checksums_partial_total",
    "weir_tcp_copied_out_bytes_total",
    "weir_tcp_duplicate_acks_total",
    "weir_tcp_duplicates_total",
    "weir_tcp_ecn_total",
    "weir_tcp_half_open_ended_total",
    "weir_tcp_invariants_broken_total",
    "weir_tcp_loss_probes_total",
    "weir_tcp_neighbor_answers_total",
    "weir_tcp_out_of_order_bytes_total",
    "weir_tcp_path_mtu_total",
    "weir_tcp_probes_total",
    "weir_tcp_recoveries_total",
    "weir_tcp_resets_total",
    "weir_tcp_retransmitted_bytes_total",
    "weir_tcp_syn_cookies_total",
    "weir_tcp_time_wait_total",
    "weir_tcp_trains_total",
    "weir_tls_handshakes_total",
    "weir_tls_handshake_failures_total",
    "weir_tls_handshake_seconds_count",
    "weir_tls_tickets_total",
    "weir_cert_not_after_min_timestamp_seconds",
    "weir_memory_bytes",
    "weir_memory_resident_bytes",
    "weir_memory_unaccounted_bytes",
    "weir_xdp_packets_total",
    "weir_xdp_bytes_total",
    "weir_xdp_drops_total",
    "weir_xdp_mode",
    "weir_backend_connects_total",
    "weir_backend_connections",
    "weir_backend_bytes_total",
    "weir_vhost_connections",
    "weir_vhost_bytes_total",
    "weir_vhost_handshakes_total",
    "weir_connection_panics_total",
    "weir_worker_busy_seconds_total",
    "weir_worker_loops_total",
];

/// Parts of a worker's loop in which a request spends some time.
const STAGES: [&str; 7] =
    ["receive", "sessions", "handshakes", "backends", "transmit", "upkeep", "kernel"];

const STATES: [&str; 11] = [
    "closed",
    "listen",
    "syn_sent",
    "syn_received",
    "established",
    "fin_wait_1",
    "fin_wait_2",
    "close_wait",
    "closing",
    "last_ack",
    "time_wait",
];

#[test]
fn both_formats_are_correct_under_traffic() {
    let edge = Edge::start(&Plan::default());
    let _server = nginx(&edge.host, &[HELLO]);
    assert_eq!(edge.curl(&["https://www.example/"]).expect("curl"), "hello");

    let classic = edge.metrics();
    let checked = edge.host.run_with_input("promtool", &["check", "metrics"], &classic);
    checked.expect("promtool finds nothing");

    let accept = "Accept: application/openmetrics-text; version=1.0.0";
    let url = "http://127.0.0.1:9145/metrics";
    let answer = edge.host.run("curl", &["--silent", "--include", "--header", accept, url]);
    let answer = answer.expect("metrics are served");
    let (head, open_metrics) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    let python = std::env::var("WEIR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let parsed = edge.host.run_with_input(&python, &["-c", STRICT], open_metrics);
    let samples: usize = parsed.expect("it parses").trim().parse().expect("a number");
    let lines = open_metrics.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples, lines);
}

#[test]
fn every_family_and_state_is_there_before_any_traffic() {
    let edge = Edge::start(&Plan { queues: 2, ..Plan::default() });
    let metrics = edge.metrics();
    for family in FAMILIES {
        let there = metrics
            .lines()
            .any(|line| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' '])));
        assert!(there, "{family} is missing in\n{metrics}");
    }
    for state in STATES {
        // Two addresses, each on two workers.
        let count = if state == "listen" { 4 } else { 0 };
        let line = format!("weir_tcp_connections{{listener=\"https\",state=\"{state}\"}} {count}");
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let counted = ["weir_tcp_opens_total", "weir_tls_handshakes_total", "weir_backend_connects"];
    for family in counted {
        assert_eq!(edge.metric(family), 0.0, "{family} in\n{metrics}");
    }
}

#[test]
fn the_time_of_a_worker_is_that_of_its_stages() {
    let edge = Edge::start(&Plan::default());
    let _server = nginx(&edge.host, &[HELLO]);
    let stage = |name: &str| {
        edge.metric(&format!("weir_worker_busy_seconds_total{{worker=\"0\",stage=\"{name}\"}}"))
    };
    for _ in 0..20 {
        assert_eq!(edge.curl(&["https://www.example/"]).expect("curl"), "hello");
    }
    edge.wait_for_metrics("time in each stage", |_| STAGES.iter().all(|name| stage(name) > 0.0));
    // A handshake takes the private key; nobody strayed, and timers had nothing to do.
    assert!(stage("handshakes") > stage("strays") + stage("timers"), "{}", edge.metrics());
    // A worker can't have been at work for longer than it has been there, nor than it had a core for.
    let busy = edge.metric("weir_worker_busy_seconds_total");
    let up = edge.metric("weir_up_seconds");
    assert!(busy > 0.0 && busy < up, "{busy} s of {up} s");
    assert!(edge.metric("weir_worker_loops_total") > 0.0);
}

#[test]
fn states_and_memory_add_up() {
    let edge = Edge::start(&Plan { queues: 2, ..Plan::default() });
    let close = "location /close { keepalive_timeout 0; return 200 bye; }";
    let _server = nginx(&edge.host, &[&format!("{HELLO} {close}")]);
    let client = Client::new(&edge);
    // The server finishes first, and weir with it: one record in TIME-WAIT.
    let closed = KeepAlive::open(&edge, &client, ("www.example", V6_HTTPS));
    let mut closed = closed.expect("a connection");
    assert_eq!(closed.get("/close").expect("an answer"), "bye");
    assert!(closed.has_ended().expect("an orderly end"), "there is more to read");
    drop(closed);
    let mut open: Vec<_> = [V4_HTTPS, V6_HTTPS, V4_HTTPS]
        .map(|address| {
            KeepAlive::open(&edge, &client, ("www.example", address)).expect("a connection")
        })
        .into();
    for connection in &mut open {
        assert_eq!(connection.get("/").expect("an answer"), "hello");
    }
    // The client's kernel never sees the SYN-ACK: one half-open connection.
    let loss =
        Loss::new(&edge.client, CLIENT_DEVICE, Hook::Ingress, PerMille::ALL, "tcp sport 443");
    let loss = loss.expect("a rule");
    let connect = || TcpStream::connect_timeout(&V4_HTTPS, Duration::from_millis(100));
    let half_open = edge.client.enter(connect).expect("the client's host is there");
    half_open.expect_err("nothing comes back");
    drop(loss);

    let state = |state| format!("weir_tcp_connections{{listener=\"https\",state=\"{state}\"}}");
    edge.wait_for_metrics("three connections, half of one and what is left of one", |edge| {
        let metrics = edge.metrics();
        let all = sum(&metrics, "weir_tcp_connections") - sum(&metrics, &state("listen"));
        all == 5.0
            && sum(&metrics, &state("established")) == 3.0
            && sum(&metrics, &state("time_wait")) == 1.0
            && sum(&metrics, &state("syn_received")) == 1.0
    });
    let rows: Vec<Value> = serde_json::from_str(&edge.ask(&["conns", "--json"])).expect("JSON");
    assert_eq!(rows.len(), 3, "{rows:#?}");

    let metrics = edge.metrics();
    let pools = sum(&metrics, "weir_memory_bytes{");
    let unaccounted = sum(&metrics, "weir_memory_unaccounted_bytes");
    let resident = sum(&metrics, "weir_memory_resident_bytes");
    assert_eq!(pools + unaccounted, resident, "{metrics}");
    assert!(pools > 0.0 && unaccounted > 0.0, "{metrics}");
    // Each of them holds something: there are connections of every kind.
    for pool in [
        "umem",
        "record_buffers_medium",
        "io_uring",
        "tcp_connections",
        "tcp_half_open",
        "tcp_time_wait",
        "tcp_timers",
        "tcp_flow_table",
        "sessions",
    ] {
        let bytes = sum(&metrics, &format!("weir_memory_bytes{{pool=\"{pool}\"}}"));
        assert!(bytes > 0.0, "{pool} is empty in\n{metrics}");
    }
}

/// The series of handshakes of one kind.
fn handshakes(version: &str, resumption: &str, group: &str) -> String {
    format!(
        "weir_tls_handshakes_total{{listener=\"https\",version=\"{version}\",\
         resumption=\"{resumption}\",group=\"{group}\"}}"
    )
}

#[test]
fn counters_are_exact_after_known_traffic() {
    let mut plan = Plan::default();
    plan.certificates.push(("api.pem", vec!["api.example"]));
    plan.config.push_str(
        "\n[vhost.\"api\"]\nnames = [\"api.example\"]\ncert = \"api.pem\"\npool = \"web\"\n",
    );
    let edge = Edge::start(&plan);
    let _server = nginx(&edge.host, &[HELLO]);
    let traffic = Traffic::send(&edge);

    let expected = [
        (handshakes("1.3", "full", "X25519MLKEM768"), 2),
        (handshakes("1.3", "resumed", "X25519MLKEM768"), 2),
        (handshakes("1.3", "full", "secp256r1"), 1),
        (handshakes("1.2", "full", "X25519"), 1),
        (handshakes("1.2", "resumed", "none"), 1),
        ("weir_tls_handshakes_total".to_owned(), 7),
        ("weir_tls_handshake_seconds_count".to_owned(), 7),
        ("weir_vhost_handshakes_total{vhost=\"www\"}".to_owned(), 5),
        ("weir_vhost_handshakes_total{vhost=\"api\"}".to_owned(), 2),
        ("weir_vhost_connections".to_owned(), 0),
        ("weir_tcp_opens_total".to_owned(), 8),
        ("weir_tcp_closes_total".to_owned(), 8),
        ("weir_tcp_closes_total{listener=\"https\",reason=\"done\"}".to_owned(), 7),
        ("weir_tcp_closes_total{listener=\"https\",reason=\"unrecognized_name\"}".to_owned(), 1),
        ("weir_tls_handshake_failures_total".to_owned(), 1),
        (
            "weir_tls_handshake_failures_total{listener=\"https\",reason=\"unrecognized_name\"}"
                .to_owned(),
            1,
        ),
        ("weir_backend_connects_total{result=\"connected\"}".to_owned(), 7),
        ("weir_backend_connects_total".to_owned(), 7),
        ("weir_backend_connections".to_owned(), 0),
        ("weir_vhost_bytes_total{vhost=\"www\",direction=\"in\"}".to_owned(), traffic.www.sent),
        (
            "weir_vhost_bytes_total{vhost=\"www\",direction=\"out\"}".to_owned(),
            traffic.www.received,
        ),
        ("weir_vhost_bytes_total{vhost=\"api\",direction=\"in\"}".to_owned(), traffic.api.sent),
        (
            "weir_vhost_bytes_total{vhost=\"api\",direction=\"out\"}".to_owned(),
            traffic.api.received,
        ),
        (
            "weir_backend_bytes_total{direction=\"out\"}".to_owned(),
            traffic.www.sent + traffic.api.sent,
        ),
        (
            "weir_backend_bytes_total{direction=\"in\"}".to_owned(),
            traffic.www.received + traffic.api.received,
        ),
    ];
    let right = |metrics: &str| {
        expected.iter().all(|(series, count)| sum(metrics, series) == *count as f64)
    };
    if wait_until(LIMIT, "the counters", || right(&edge.metrics())).is_err() {
        let metrics = edge.metrics();
        for (series, count) in &expected {
            assert_eq!(sum(&metrics, series), *count as f64, "{series} in\n{metrics}");
        }
    }
}

#[test]
fn conns_shows_an_open_connection() {
    let mut plan = Plan::default();
    plan.config = plan.config.replace("pool = \"web\"", "alpn = { \"http/1.1\" = \"web\" }");
    let edge = Edge::start(&plan);
    let server = nginx(&edge.host, &["listen 127.0.0.1:8080; root .;"]);
    std::fs::write(server.directory().join("big"), vec![b'x'; 8 << 20]).expect("written");
    let ca = edge.ca().display().to_string();
    let mut curl = edge.client.command("curl");
    curl.args(["--silent", "--cacert", &ca, "--http1.1", "--limit-rate", "100k"]);
    curl.args(["--resolve", "www.example:443:192.0.2.1", "--output", "/dev/null"]);
    curl.arg("https://www.example/big");
    let _curl = Child::spawn(curl, Output::Capture).expect("curl starts");

    let mut rows: Vec<Value> = Vec::new();
    let listed = wait_until(LIMIT, "a connection with its backend", || {
        rows = serde_json::from_str(&edge.ask(&["conns", "--json"])).expect("JSON");
        rows.first().is_some_and(|row| row["backend"]["state"] == "connected")
    });
    assert!(listed.is_ok(), "{rows:#?}");
    let [row] = rows.as_slice() else { panic!("more than one: {rows:#?}") };
    for (pointer, value) in [
        ("/listener", "https"),
        ("/local", "192.0.2.1:443"),
        ("/tcp/state", "established"),
        ("/tls/state", "established"),
        ("/tls/vhost", "www"),
        ("/tls/server_name", "www.example"),
        ("/tls/alpn", "http/1.1"),
        ("/tls/resumption", "full"),
        ("/backend/pool", "web"),
        ("/backend/server", "127.0.0.1:8080"),
    ] {
        assert_eq!(row.pointer(pointer), Some(&Value::from(value)), "{pointer} in {row:#}");
    }
    assert_eq!(row["tcp"]["ssthresh_bytes"], Value::Null, "nothing was lost yet: {row:#}");
    assert!(row["tcp"]["srtt_us"].is_u64() && row["tcp"]["cwnd_bytes"].is_u64(), "{row:#}");

    let text = edge.ask(&["conns"]);
    let words = [
        "established",
        "192.0.2.1:443",
        "vhost:www",
        "name:www.example",
        "alpn:http/1.1",
        "backend: web 127.0.0.1:8080 connected",
        "cwnd:",
        "rtt:",
        "1 connections",
    ];
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
    assert!(!text.contains("ssthresh"), "there is no threshold yet:\n{text}");
}

/// Plaintext that a client has sent and received.
#[derive(Default)]
struct Bytes {
    sent: u64,
    received: u64,
}

/// What was sent to weir, by virtual host.
#[derive(Default)]
struct Traffic {
    www: Bytes,
    api: Bytes,
}

impl Traffic {
    /// Seven connections in five kinds, and one for a name that nobody has.
    fn send(edge: &Edge) -> Self {
        let mut traffic = Self::default();
        let newest = Client::new(edge);
        let older = Client::offering(edge, &[X25519], &[&TLS12]);
        let p256 = Client::offering(edge, &[SECP256R1], &[&TLS13]);
        let Self { www, api } = &mut traffic;
        www.add(edge, &newest, "www.example");
        www.add(edge, &newest, "www.example");
        api.add(edge, &newest, "api.example");
        api.add(edge, &newest, "api.example");
        www.add(edge, &older, "www.example");
        www.add(edge, &older, "www.example");
        www.add(edge, &p256, "www.example");
        assert!(KeepAlive::open(edge, &newest, ("absent.example", V4_HTTPS)).is_err());
        traffic
    }
}

impl Bytes {
    /// Two requests on a connection of `client` to `name`.
    fn add(&mut self, edge: &Edge, client: &Client, name: &str) {
        let connection = KeepAlive::open(edge, client, (name, V6_HTTPS));
        let mut connection = connection.expect("a connection");
        for _ in 0..2 {
            assert_eq!(connection.get("/").expect("an answer"), "hello");
        }
        self.sent += connection.sent_bytes;
        self.received += connection.received_bytes;
        connection.finish().expect("the end");
    }
}

/// The sum of the series of `metrics` whose line begins with `prefix`.
fn sum(metrics: &str, prefix: &str) -> f64 {
    let values = metrics.lines().filter(|line| line.starts_with(prefix)).map(|line| {
        let value = line.rsplit(' ').next().unwrap_or_default();
        value.parse::<f64>().expect("a sample ends in a number")
    });
    values.sum()
}
