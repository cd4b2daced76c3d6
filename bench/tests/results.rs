//! What a run of `weir-bench` leaves behind, and what can be seen of it while it runs: against a real nginx.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hosts::{Child, Host, Nginx, NginxConfig, wait_until};
use serde_json::Value;
use tempfile::TempDir;

const METRICS: &str = "[::1]:9146";

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
        fs::write(files.path().join("cert.pem"), cert.pem()).expect("writable");
        fs::write(files.path().join("key.pem"), signing_key.serialize_pem()).expect("writable");
        let folder = files.path().display();
        let server = format!(
            "listen [::1]:443 ssl; ssl_certificate {folder}/cert.pem;\n\
             ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3;\n\
             location = / {{ return 200 \"hello\\n\"; }}"
        );
        let config = NginxConfig { servers: vec![server], ..NginxConfig::default() };
        Self { _nginx: Nginx::start(&host, &config).expect("nginx starts"), host, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A run of 200 operations a second.
    fn run(&self, duration: &str, more: &[&str]) -> Command {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_weir-bench"));
        command.args(["run", "https://one.example/", "--connect", "[::1]:443", "--rate", "200"]);
        command.args(["--warmup", "0s", "--connections", "4", "--duration", duration, "--ca"]);
        command.arg(self.path("cert.pem")).args(more);
        command
    }

    /// Runs another verb on files.
    fn tell(&self, arguments: &[&str], files: &[&Path]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir-bench"));
        let output = command.args(arguments).args(files).output().expect("weir-bench runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("text"))
    }
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}

#[test]
fn run_leaves_the_files_that_were_asked_for() {
    let server = Server::start("files");
    let [json, html, csv, hdr] =
        ["run.json", "run.html", "run.csv", "run"].map(|name| server.path(name));
    let files =
        ["--output", text_of(&json), "--html", text_of(&html), "--csv", text_of(&csv), "--hdr"];
    let output = server.run("3s", &files).arg(&hdr).output().expect("weir-bench runs");
    let summary = String::from_utf8(output.stdout).expect("text");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{said}");
    assert!(summary.contains("phase        hold: 200/s for 3.0 s"), "{summary}");
    // No terminal: nothing but lines.
    assert_eq!(said.lines().filter(|line| line.contains(" hold: ")).count(), 3, "{said}");
    assert!(!said.contains('\x1b'), "{said}");

    let results: Value =
        serde_json::from_slice(&fs::read(&json).expect("a file")).expect("it is JSON");
    let run = &results["summary"]["run"];
    // Due over three seconds: 600. What it makes of them depends on the machine.
    assert_eq!(run["due"], 600, "{run}");
    assert_eq!(run["done"], run["response_us"]["count"]);
    assert_eq!(run["failed"], 0, "{run}");
    assert_eq!(results["facts"]["scenario"]["steps"], serde_json::json!(["keepalive"]));
    assert_eq!(results["facts"]["tls"]["version"], "TLSv1_3");
    assert_eq!(results["facts"]["stopped"], false);
    let done: u64 = fs::read_to_string(&csv)
        .expect("a file")
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(5).expect("a column").parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(run["done"], done);
    for name in ["response", "service", "total"] {
        let log = fs::read_to_string(hdr.with_extension(format!("{name}.hlog"))).expect("a log");
        assert!(log.contains("HISTFAAA"), "{log}");
    }

    // The same page from the file, later; and the summary.
    let first = fs::read_to_string(&html).expect("a page");
    fs::remove_file(&html).expect("it is there");
    assert_eq!(server.tell(&["report"], &[&json]), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(&html).expect("a page"), first);
    assert_eq!(server.tell(&["report", "--text"], &[&json]), (Some(0), summary));
    // Three seconds allow no verdict; no file allows nothing at all.
    let (code, said) = server.tell(&["diff"], &[&json, &json]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("verdict: no verdict"), "{said}");
    let (code, said) = server.tell(&["diff"], &[&json, &server.path("none.json")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("none.json"), "{said}");
}

#[test]
fn metrics_are_served_while_it_runs() {
    let server = Server::start("metrics");
    let command = server.run("60s", &["--metrics", METRICS, "--quiet"]);
    let running = Child::spawn(command, hosts::Output::Capture).expect("weir-bench starts");
    let url = format!("http://{METRICS}/metrics");
    let done = "weir_bench_operations_done_total ";
    wait_until(Duration::from_secs(30), "operations are counted", || {
        let metrics = server.host.run("curl", &["--silent", &url]).unwrap_or_default();
        let line = metrics.lines().find_map(|line| line.strip_prefix(done).map(str::to_owned));
        line.is_some_and(|count| count != "0")
    })
    .expect("a second closes");
    let checked = server.host.run("curl", &["--silent", &url]).expect("it serves");
    server.host.run_with_input("promtool", &["check", "metrics"], &checked).expect("no finding");
    assert_eq!(running.output(), "", "--quiet");
}
