//! Threads that share the seeds, and what they show while they run.

use std::cell::RefCell;
use std::io::{IsTerminal as _, Write as _};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netstack_simulator::{Capture, Report, Scenario};

thread_local! {
    /// What the last panic of this thread said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A seed that fails.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    /// What the panic said, and where.
    pub(crate) message: String,
}

/// What came of all seeds.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// One a seed, in any order.
    pub(crate) reports: Vec<Report>,
    /// The lowest of those that failed before all threads had stopped.
    pub(crate) failure: Option<Failure>,
}

/// Keeps what panics say instead of printing it: a run that fails is reported once.
pub(crate) fn keep_panics() {
    panic::set_hook(Box::new(|info| SAID.with_borrow_mut(|said| *said = info.to_string())));
}

/// Runs one seed.
///
/// # Errors
/// What the run panicked with.
pub(crate) fn try_run(
    scenario: &Scenario,
    seed: u64,
    capture: Option<&Capture>,
) -> Result<Report, String> {
    panic::catch_unwind(AssertUnwindSafe(|| scenario.run(seed, capture)))
        .map_err(|_| SAID.with_borrow_mut(std::mem::take))
}

/// Runs `seeds` on `jobs` threads until all are done or one fails.
pub(crate) fn run(scenario: &Scenario, seeds: Range<u64>, jobs: usize) -> Outcome {
    let next = AtomicU64::new(seeds.start);
    let done = AtomicU64::new(0);
    let outcome = Mutex::new(Outcome::default());
    thread::scope(|scope| {
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return;
                }
                let result = try_run(scenario, seed, None);
                let mut outcome = outcome.lock().expect("no thread panics with it");
                match result {
                    Ok(report) => outcome.reports.push(report),
                    Err(message) => {
                        next.store(seeds.end, Ordering::Relaxed);
                        if outcome.failure.as_ref().is_none_or(|known| seed < known.seed) {
                            outcome.failure = Some(Failure { seed, message });
                        }
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        show(&done, seeds.end - seeds.start, || workers.iter().all(|worker| worker.is_finished()));
    });
    outcome.into_inner().expect("no thread panics with it")
}

/// Shows how far it is until `is_over`: a bar on a terminal, a line now and then elsewhere.
fn show(done: &AtomicU64, all: u64, is_over: impl Fn() -> bool) {
    let on_terminal = std::io::stderr().is_terminal();
    let start = Instant::now();
    let mut said_at = start;
    while !is_over() {
        thread::sleep(Duration::from_millis(100));
        let count = done.load(Ordering::Relaxed);
        let rate = count * 1_000 / u64::try_from(start.elapsed().as_millis()).unwrap_or(1).max(1);
        if on_terminal {
            let full = usize::try_from(count * 40 / all.max(1)).unwrap_or_default();
            eprint!("\r[{:<40}] {count}/{all} seeds, {rate}/s ", "#".repeat(full));
            // A terminal that is gone is no reason to stop.
            std::io::stderr().flush().unwrap_or_default();
        } else if said_at.elapsed() >= Duration::from_secs(5) {
            said_at = Instant::now();
            eprintln!("{count} of {all} seeds, {rate}/s");
        }
    }
    if on_terminal {
        eprintln!();
    }
}
