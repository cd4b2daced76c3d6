use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use super::Endpoint;
use crate::results::collector::Collector;
use crate::results::live::{Live, View};
use crate::results::tests::{facts, worker};

/// Reads the text on its standard input as strictly as OpenMetrics is written.
const STRICT: &str = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(sum(len(family.samples) for family in parse(sys.stdin.read())))
";

fn start() -> Endpoint {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    Endpoint::start(any, &facts().scenario).expect("a free port")
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}

fn scrape(address: SocketAddr, header: &str) -> (String, String) {
    let answer = ask(address, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{header}\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn run_with_input(program: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}\n{input}");
    String::from_utf8(output.stdout).expect("text")
}

/// A run of two workers has been counted.
fn loaded() -> (SocketAddr, Collector<Vec<u8>>) {
    let endpoint = start();
    let address = endpoint.address();
    let live = Live::new(View::Nothing, Vec::new());
    let mut collector = Collector::new(facts().scenario, live, Some(endpoint));
    for second in worker(0).iter().zip(&worker(1)).flat_map(|(one, other)| [one, other]) {
        collector.take(second);
    }
    (address, collector)
}

#[test]
fn both_formats_are_correct() {
    let (address, _collector) = loaded();
    let (head, classic) = scrape(address, "");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    run_with_input("promtool", &["check", "metrics"], &classic);
    let (head, open) = scrape(address, "accept: application/openmetrics-text;version=1.0.0\r\n");
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{head}");
    let python = std::env::var("WEIR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let samples = run_with_input(&python, &["-c", STRICT], &open);
    let lines = open.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples.trim(), lines.to_string());
}

#[test]
fn everything_that_happened_is_counted() {
    let (address, _collector) = loaded();
    let (_, metrics) = scrape(address, "");
    for line in [
        "weir_bench_operations_due_total 4800",
        "weir_bench_operations_begun_total 4800",
        "weir_bench_operations_done_total 4780",
        "weir_bench_operations_failed_total{reason=\"reset\"} 18",
        "weir_bench_operations_failed_total{reason=\"status\"} 2",
        "weir_bench_operations_failed_total{reason=\"timeout\"} 0",
        "weir_bench_response_seconds_count 4780",
        "weir_bench_service_seconds_count 4780",
        "weir_bench_handshake_seconds_count 96",
        "weir_bench_handshakes_total{kind=\"full\"} 48",
        "weir_bench_handshakes_total{kind=\"resumed\"} 48",
        "weir_bench_body_bytes_total{direction=\"received\"} 4800000",
        "weir_bench_connections{state=\"idle\"} 18",
        "weir_bench_connections{state=\"busy\"} 2",
        "weir_bench_generator_lateness_seconds_count 4800",
        "weir_bench_generator_ring_drops_total 0",
        "weir_bench_generator_limited_worker_seconds_total 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().parse().expect("a number")
    };
    // Two workers, twelve seconds, 0.3 of them at work.
    assert!((value("weir_bench_generator_cpu_seconds_total ") - 7.2).abs() < 1e-6);
    assert!((value("weir_bench_generator_worker_seconds_total ") - 24.0).abs() < 1e-6);
    let info = "weir_bench_run_info{target=\"https://one.example/\",transport=\"kernel\",";
    assert!(metrics.contains(info), "{metrics}");
}

#[test]
fn other_requests_are_refused_and_the_next_is_answered() {
    let endpoint = start();
    let address = endpoint.address();
    assert!(ask(address, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n", "x".repeat(10_000));
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(long.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    // Closed, with or without a reset: there was more than it wanted to read.
    drop(stream.read_to_end(&mut answer));
    assert_eq!(answer, b"");
    let (head, _) = scrape(address, "");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
}

#[test]
fn port_is_free_again_when_the_run_is_over() {
    let endpoint = start();
    let address = endpoint.address();
    let taken = Endpoint::start(address, &facts().scenario).expect_err("the port is taken");
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
    drop(endpoint);
    TcpStream::connect(address).expect_err("nobody listens");
}
