//! What the scheduler gave, and what it withheld.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Of all threads of a process: on a core, and waiting for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduled {
    pub(crate) ran: Duration,
    pub(crate) waited: Duration,
}

impl Scheduled {
    /// So far. A thread that ends meanwhile does not count.
    pub(crate) fn of(process: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
        let paths = tasks.map(|task| task.expect("a thread").path().join("schedstat"));
        let threads: Vec<_> = paths.filter_map(read).collect();
        Self {
            ran: threads.iter().map(|thread| thread.ran).sum(),
            waited: threads.iter().map(|thread| thread.waited).sum(),
        }
    }

    /// This thread's.
    pub(crate) fn here() -> Self {
        read(PathBuf::from("/proc/thread-self/schedstat")).expect("this thread runs")
    }
}

/// What the machine below took from all processors, if it is a virtual one that tells.
pub(crate) fn stolen() -> Duration {
    /// Ticks are of 10 ms for every program.
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string("/proc/stat").expect("the kernel accounts for processors");
    let ticks = text.lines().next().and_then(|all| all.split_whitespace().nth(8)?.parse().ok());
    ticks.map_or(Duration::ZERO, |ticks: u32| TICK * ticks)
}

/// The first two of the three numbers: nanoseconds.
fn read(path: PathBuf) -> Option<Scheduled> {
    let text = fs::read_to_string(path).ok()?;
    let mut numbers = text.split_whitespace().map(|number| number.parse().expect("nanoseconds"));
    let mut next = || numbers.next().map(Duration::from_nanos);
    Some(Scheduled { ran: next()?, waited: next()? })
}
