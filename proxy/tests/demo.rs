//! `weir demo` does the whole job, shows it, and takes away what it made.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hosts::{Child, Output, Signal, wait_until};

/// How long a step of the demo may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The named network namespaces of a process.
fn namespaces(process: u32) -> usize {
    let Ok(entries) = fs::read_dir("/run/netns") else { return 0 };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let prefix = format!("weir-{process}-");
    names.filter(|name| name.to_string_lossy().starts_with(&prefix)).count()
}

/// A demo whose temporary files are in `folder`.
fn start(arguments: &[&str], folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("demo").args(arguments).env("TMPDIR", folder);
    Child::spawn(command, Output::Capture).expect("weir starts")
}

fn assert_nothing_is_left(demo: &Child, folder: &Path) {
    assert_eq!(namespaces(demo.id()), 0, "namespaces are left");
    let left: Vec<_> = fs::read_dir(folder).expect("a folder").collect();
    assert!(left.is_empty(), "files are left: {left:?}");
}

#[test]
fn demo_fetches_every_virtual_host_both_ways_and_cleans_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut demo = start(&[], folder.path());
    let status = demo.wait(LIMIT).expect("it ends by itself");
    let said = demo.output();
    assert!(status.success(), "{said}");
    for name in ["shop.example", "blog.example", "v1.api.example"] {
        for address in ["192.0.2.1", "2001:db8::1"] {
            let is_answer = |line: &&str| line.contains(name) && line.contains(address);
            let answer = said.lines().find(is_answer).unwrap_or_default();
            assert!(answer.contains("TLS ok, HTTP 200"), "{name} {address}\n{said}");
        }
    }
    for shown in [
        "weir_tcp_connections{listener=\"https\",state=\"established\"} 1",
        "weir_memory_bytes{pool=",
        "weir_xdp_mode{queue=\"edge0/0\",mode=\"copy\"} 1",
    ] {
        assert!(said.contains(shown), "{shown}\n{said}");
    }
    assert_nothing_is_left(&demo, folder.path());
}

#[test]
fn demo_that_is_kept_goes_on_until_a_signal_and_cleans_up() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut demo = start(&["--keep"], folder.path());
        let told = wait_until(LIMIT, "the commands", || demo.output().contains("/metrics"));
        assert!(told.is_ok(), "{}", demo.output());
        let said = demo.output();
        let (_, commands) = said.split_once("It goes on until").expect("it says how it ends");
        let commands: Vec<_> = commands.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(commands.len(), 5, "{said}");
        for (command, shows) in commands.iter().zip([
            "shop.example: nginx",
            "Verify return code: 0 (ok)",
            "connections",
            "ready",
            "weir_build_info",
        ]) {
            let output = Command::new("sh").args(["-c", command]).output().expect("a shell");
            let shown = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && shown.contains(shows), "{command}\n{output:?}");
        }

        assert_eq!(namespaces(demo.id()), 2, "the client's and the edge's");
        demo.signal(signal).expect("it takes signals");
        let status = demo.wait(LIMIT).expect("it ends");
        assert_eq!(status.signal(), Some(signal.as_raw()), "{}", demo.output());
        assert_nothing_is_left(&demo, folder.path());
    }
}
