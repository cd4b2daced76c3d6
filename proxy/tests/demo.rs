//! `weir demo` does the whole job, shows it, and takes away what it made.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hosts::{Child, Host, Output, Signal, wait_until};

/// How long a step of the demo may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The named network namespaces of a process.
fn namespaces(process: u32) -> usize {
    let Ok(entries) = fs::read_dir("/run/netns") else { return 0 };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let prefix = format!("weir-{process}-");
    names.filter(|name| name.to_string_lossy().starts_with(&prefix)).count()
}

/// A user's network with interfaces of the very names that the demo's have.
fn user() -> Host {
    let user = Host::new("user").expect("a namespace");
    let link = ["link", "add", "edge0", "type", "veth", "peer", "name", "client0"];
    user.ip(&link).expect("interfaces");
    user
}

/// The user's interfaces, with all that is set on them, and their addresses.
fn interfaces(user: &Host) -> String {
    let found = user.ip(&["-details", "address", "show"]).expect("interfaces");
    assert!(found.contains("edge0") && found.contains("client0"), "{found}");
    found
}

/// A demo in the network of `user`, whose temporary files are in `folder`.
fn start(arguments: &[&str], user: &Host, folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("demo").args(arguments).env("TMPDIR", folder);
    let child = user.enter(|| Child::spawn(command, Output::Capture)).expect("the user's network");
    child.expect("weir starts")
}

fn assert_nothing_is_left(demo: &Child, folder: &Path) {
    assert_eq!(namespaces(demo.id()), 0, "namespaces are left");
    let left: Vec<_> = fs::read_dir(folder).expect("a folder").collect();
    assert!(left.is_empty(), "files are left: {left:?}");
}

#[test]
fn demo_fetches_every_virtual_host_both_ways_and_cleans_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let user = user();
    let before = interfaces(&user);
    let mut demo = start(&[], &user, folder.path());
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
    assert_eq!(interfaces(&user), before, "the user's interfaces");
}

#[test]
fn demo_that_is_kept_goes_on_until_a_signal_and_cleans_up() {
    let user = user();
    let before = interfaces(&user);
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut demo = start(&["--keep"], &user, folder.path());
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
        assert_eq!(interfaces(&user), before, "the user's interfaces while it runs");
        demo.signal(signal).expect("it takes signals");
        let status = demo.wait(LIMIT).expect("it ends");
        assert_eq!(status.signal(), Some(signal.as_raw()), "{}", demo.output());
        assert_nothing_is_left(&demo, folder.path());
        assert_eq!(interfaces(&user), before, "the user's interfaces");
    }
}
