//! What quickstart says on a machine that isn't fit: the reason in plain words, before it changes
//! anything. A shell function stands in for the program that tells the fact.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("deploy/tidy is two folders below the top").to_owned()
}

/// Runs `check` of deploy/lib.sh after `stand_ins`, by the program and arguments of `shell`.
fn run_by(shell: &[&str], stand_ins: &str, check: &str) -> Output {
    let script = format!(
        "set -euo pipefail; root={}; source \"$root/deploy/lib.sh\"; identify_caller; {stand_ins}\n{check}",
        root().display()
    );
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).current_dir(root()).env_remove("SUDO_USER");
    command.output().expect("the shell runs")
}

#[track_caller]
fn refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "expected {expected:?}: {said}");
}

#[test]
fn unfit_machine_is_told_why() {
    let cases = [
        ("stat() { echo somebody; }", "check_clone", "this clone belongs to somebody, but you are"),
        (
            "stat() { echo me; }; SUDO_USER=me",
            "check_clone",
            "run this as me, without sudo; it asks for root",
        ),
        ("command() { return 1; }", "check_rust", "Rust is missing; weir needs 1."),
        ("rustc() { echo rustc 1.63.0; }", "check_rust", "Rust 1.63.0 is too old; weir needs 1."),
        ("uname() { echo 5.10.0-30-amd64; }", "check_kernel", "kernel 5.10.0-30-amd64 is too old"),
        ("awk() { echo 1024; }", "check_size", "1024 MiB of memory are too little"),
        ("df() { echo 100; }; du() { echo 1; }", "check_size", "100 MiB are free in"),
        ("unshare() { return 1; }", "check_veth", "this kernel makes no veth pair"),
        ("command() { return 1; }", "install_missing build", "this is not a Debian-like system"),
    ];
    for (stand_ins, check, expected) in cases {
        refused(&run_by(&["bash", "-c"], stand_ins, check), expected);
    }
}

#[test]
fn kernel_without_ipv6_is_told() {
    let mount = "mount -t tmpfs tmpfs /proc/sys/net";
    let output = run_by(&["unshare", "--mount", "bash", "-c"], mount, "check_kernel");
    refused(&output, "IPv6 is off in this kernel");
}

#[test]
fn plain_user_without_sudo_is_told() {
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c"];
    let output = run_by(&nobody, "command() { return 1; }", "check_root");
    refused(&output, "there is no sudo");
}

#[test]
fn machine_of_these_tests_is_fit() {
    let output = run_by(&["bash", "-c"], "", "check_kernel; check_size; check_veth");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn versions_are_compared_by_number() {
    let fits = |wanted: &str, found: &str| {
        let check = format!("at_least {wanted} {found}");
        run_by(&["bash", "-c"], "", &check).status.success()
    };
    assert!(fits("1.95", "1.95.0") && fits("1.95", "1.100.0") && fits("6.1", "6.1.0"));
    assert!(!fits("1.95", "1.9.0") && !fits("6.1", "5.19"));
}
