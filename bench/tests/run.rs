//! `weir-bench run` against a real nginx with TLS.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use hosts::{Host, Nginx, NginxConfig};
use serde_json::Value;
use tempfile::TempDir;

/// Bytes of /large.
const LARGE_BYTES: usize = 4 << 20;

/// A host with an nginx on [::1]:443 for one.example.
struct Server {
    _nginx: Nginx,
    host: Host,
    files: TempDir,
}

impl Server {
    fn start(hint: &str) -> Self {
        let host = Host::new(hint).expect("a namespace");
        let files = tempfile::tempdir().expect("a temporary directory");
        let signed = rcgen::generate_simple_self_signed(vec!["one.example".to_owned()]);
        let rcgen::CertifiedKey { cert, signing_key } = signed.expect("a certificate");
        let write = |name: &str, bytes: &[u8]| {
            fs::write(files.path().join(name), bytes).expect("writable");
        };
        write("cert.pem", cert.pem().as_bytes());
        write("key.pem", signing_key.serialize_pem().as_bytes());
        write("large", &vec![b'x'; LARGE_BYTES]);
        let folder = files.path().display();
        let server = format!(
            "listen [::1]:443 ssl; ssl_certificate {folder}/cert.pem;\n\
             ssl_certificate_key {folder}/key.pem; keepalive_requests 50; ssl_protocols TLSv1.3; root {folder};\n\
             location = / {{ return 200 \"hello\\n\"; }}\n\
             location = /missing {{ return 404 \"none\\n\"; }}"
        );
        let config = NginxConfig { servers: vec![server], ..NginxConfig::default() };
        Self { _nginx: Nginx::start(&host, &config).expect("nginx starts"), host, files }
    }

    fn authority(&self) -> PathBuf {
        self.files.path().join("cert.pem")
    }

    /// Runs the harness against `url` and returns what it wrote.
    fn load(&self, url: &str, more: &[&str]) -> Output {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_weir-bench"));
        command.args(["run", url, "--connect", "[::1]:443", "--json", "--warmup", "100ms"]);
        command.args(["--connections", "4", "--ca"]).arg(self.authority());
        if !more.contains(&"--duration") {
            command.args(["--duration", "1s"]);
        }
        command.args(more).output().expect("weir-bench runs")
    }

    fn report(&self, url: &str, more: &[&str]) -> Value {
        let output = self.load(url, more);
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {report}"))
}

#[test]
fn keepalive_counts_requests_and_reconnects_as_announced() {
    let server = Server::start("keepalive");
    let report = server.report("https://one.example/", &["--length", "6"]);
    let operations = number(&report, "/operations");
    assert!(operations > 100, "{report}");
    // At either end of the measured time, a connection's body may fall in and its operation not.
    let bodies = number(&report, "/bytes") / 6;
    assert!((operations..=operations + 8).contains(&bodies), "{report}");
    assert_eq!(report["failures"], serde_json::json!({}), "{report}");
    assert_eq!(report["loop"]["kind"], "closed");
    // nginx says `Connection: close` after 50 requests, which is no failure.
    assert!(number(&report, "/reconnects") >= operations / 50, "{report}");
    assert_eq!(report["tls"]["version"], "TLSv1_3");
    assert_eq!(number(&report, "/latency_us/count"), operations);
}

#[test]
fn connect_makes_a_connection_for_each_operation() {
    let server = Server::start("connect");
    let report =
        server.report("https://one.example/", &["--mode", "connect", "--group", "classical"]);
    let operations = number(&report, "/operations");
    assert!(operations > 10, "{report}");
    assert!(number(&report, "/connections") >= operations, "{report}");
    assert_eq!(number(&report, "/handshake_us/count"), number(&report, "/connections"));
    assert_eq!(report["tls"]["group"], "X25519");
    assert_eq!(report["failures"], serde_json::json!({}), "{report}");
}

#[test]
fn bulk_counts_the_bytes_that_came() {
    let server = Server::start("bulk");
    let report = server.report("https://one.example/large", &["--mode", "bulk"]);
    assert_eq!(report["failures"], serde_json::json!({}), "{report}");
    let whole = number(&report, "/operations") * LARGE_BYTES as u64;
    let bytes = number(&report, "/bytes");
    // What the measured time cuts off at either end: one transfer a connection and end.
    assert!(bytes >= whole && bytes <= whole + 8 * LARGE_BYTES as u64, "{report}");
}

#[test]
fn open_loop_makes_the_operations_that_the_rate_says() {
    let server = Server::start("open");
    let report = server.report("https://one.example/", &["--rate", "200"]);
    assert_eq!(report["loop"], serde_json::json!({"kind": "open", "rate": 200}));
    let operations = number(&report, "/operations");
    assert!(operations <= 200, "{report}");
    assert_eq!(report["failures"], serde_json::json!({}), "{report}");
    // However slow the machine: due in the measured second, and done or late or not begun.
    assert!(operations + number(&report, "/not_begun") > 0, "{report}");
}

#[test]
fn answers_that_are_not_as_wanted_are_failures_by_reason() {
    let server = Server::start("wrong");
    let cases: [(&str, &[&str], &str); 4] = [
        ("https://one.example/missing", &[], "status"),
        ("https://one.example/", &["--length", "7"], "length"),
        ("https://two.example/", &[], "certificate"),
        ("https://one.example/", &["--connect", "[::1]:444"], "refused"),
    ];
    for (url, more, reason) in cases {
        let output = if more.contains(&"--connect") {
            let mut command = server.host.command(env!("CARGO_BIN_EXE_weir-bench"));
            command.args(["run", url, "--json", "--warmup", "0s", "--duration", "300ms"]);
            command.args(more).arg("--ca").arg(server.authority()).output().expect("runs")
        } else {
            server.load(url, more)
        };
        assert_eq!(output.status.code(), Some(1), "{reason}: not one operation succeeded");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON all the same");
        assert_eq!(number(&report, "/operations"), 0, "{reason}");
        let failures = report["failures"].as_object().expect("an object");
        assert_eq!(failures.keys().collect::<Vec<_>>(), [reason], "{report}");
    }
    // The same status is a success when it is what one wants.
    let report = server.report("https://one.example/missing", &["--status", "404"]);
    assert!(number(&report, "/operations") > 0, "{report}");
}

#[test]
fn progress_is_told_every_second() {
    let server = Server::start("progress");
    let output = server.load("https://one.example/", &["--duration", "2s"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("operations").count(), 2, "{said}");
}

#[test]
fn others_machines_are_not_loaded_unless_they_are_said_to_be_ones_own() {
    // A host without a way to anywhere: nothing could be sent if it tried.
    let server = Server::start("gentle");
    let run = |more: &[&str]| {
        let mut command = server.host.command(env!("CARGO_BIN_EXE_weir-bench"));
        command.args(["run", "https://one.example/", "--connect", "198.51.101.1:443", "--ca"]);
        command.arg(server.authority()).args(["--warmup", "0s", "--duration", "100ms"]);
        let output = command.args(more).output().expect("weir-bench runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let refused = run(&[]);
    assert!(refused.contains("--i-own-this-target one.example"), "{refused}");
    let tried = run(&["--i-own-this-target", "one.example", "--timeout", "200ms"]);
    assert!(tried.contains("not one operation succeeded"), "{tried}");
}
