//! A test that runs once more in a process of its own: with less, or to be killed.

use std::env;

use hosts::{Child, Host, Output};

use crate::link::LIMIT;

/// Set in the inner process.
const INNER: &str = "XDP_TEST_INNER";

/// Whether this is the inner process.
pub(crate) fn is_inner() -> bool {
    env::var_os(INNER).is_some()
}

/// Starts this test program on `host` for the one test, through the program and arguments of
/// `wrapper`.
pub(crate) fn start(host: &Host, wrapper: &[&str], test: &str) -> Child {
    let program = env::current_exe().expect("the path of this test");
    let program = program.to_str().expect("a path in UTF-8");
    let words = [wrapper, &[program, "--exact", test, "--nocapture"]].concat();
    let (first, rest) = words.split_first().expect("at least the test itself");
    let mut command = host.command(first);
    command.args(rest).env(INNER, "1");
    Child::spawn(command, Output::Capture).expect("a process")
}

/// Runs it to its end; it must have run the test, and passed.
pub(crate) fn run(host: &Host, wrapper: &[&str], test: &str) {
    let mut child = start(host, wrapper, test);
    let status = child.wait(LIMIT).expect("its end");
    assert!(status.success() && child.output().contains("1 passed"), "{}", child.output());
}
