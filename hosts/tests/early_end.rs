//! What is left when the process that made the hosts ends early: nothing.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::Duration;

use hosts::{HostError, Signal, sweep_stale, wait_until};
use rustix::process::{Pid, kill_process};

const SOON: Duration = Duration::from_secs(10);

/// `two-hosts` when it has made its hosts. Its standard input stays open.
struct Owner {
    process: process::Child,
    names: Vec<String>,
}

impl Owner {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_two-hosts"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("two-hosts starts");
        let output = BufReader::new(process.stdout.take().expect("a pipe was asked for"));
        let names: Vec<_> = output.lines().take(2).collect::<Result<_, _>>().expect("two lines");
        assert_eq!(names.len(), 2, "two-hosts says why on its standard error");
        let owner = Self { process, names };
        assert_eq!(owner.left(), 2);
        owner
    }

    /// How many of its namespaces exist.
    fn left(&self) -> usize {
        self.names.iter().filter(|name| Path::new("/run/netns").join(name).exists()).count()
    }

    fn end_by(&mut self, signal: Signal) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process id"), signal).expect("it is ours");
        // Waiting would close its input, which is an orderly end.
        let input = self.process.stdin.take();
        let status = self.process.wait().expect("it is ours");
        drop(input);
        assert!(status.signal().is_some(), "the signal still ends it as a signal: {status}");
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Closes its input: an orderly end, unless it has ended already.
        drop(self.process.wait());
    }
}

#[test]
fn fatal_signals_clean_up() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut owner = Owner::start();
        owner.end_by(signal);
        assert_eq!(owner.left(), 0, "after {signal:?}");
    }
}

#[test]
fn end_of_the_program_cleans_up() {
    let mut owner = Owner::start();
    drop(owner.process.stdin.take());
    assert!(owner.process.wait().expect("it is ours").success());
    assert_eq!(owner.left(), 0);
}

#[test]
fn killed_owner_is_swept_and_a_living_one_is_not() -> Result<(), HostError> {
    let living = Owner::start();
    let mut killed = Owner::start();
    killed.end_by(Signal::KILL);
    // Another test's first host may sweep at the same moment, so the end counts, not who did it.
    sweep_stale()?;
    wait_until(SOON, "sweep of the killed owner's hosts", || killed.left() == 0)?;
    assert_eq!(living.left(), 2);
    Ok(())
}
