//! CPU time: of a process with its children, and of cores.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Ticks of /proc/stat in a second: fixed for programs on every architecture that weir runs on.
const TICKS_PER_SECOND: u32 = 100;

/// CPU time used up to some moment, or between two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct CpuTime {
    /// By all threads of a process and of its children that are alive.
    pub(super) process: Duration,
    /// By everything on the cores asked for, interrupts included.
    pub(super) cores: Duration,
}

impl CpuTime {
    /// Up to now, of process `id` and its children, and of `cores`.
    pub(super) fn now(id: u32, cores: &[usize]) -> Self {
        let process = family(id).into_iter().map(of_process).sum();
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self { process, cores: of_cores(&stat, cores) }
    }

    /// What was used since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            process: self.process.saturating_sub(earlier.process),
            cores: self.cores.saturating_sub(earlier.cores),
        }
    }
}

/// How busy `cores` are during `time`, from 0 to 1.
pub(super) fn busy(cores: &[usize], time: Duration) -> f64 {
    let used = || of_cores(&fs::read_to_string("/proc/stat").unwrap_or_default(), cores);
    let (before, begin) = (used(), Instant::now());
    thread::sleep(time);
    let available = begin.elapsed().as_secs_f64() * cores.len() as f64;
    used().saturating_sub(before).as_secs_f64() / available
}

/// The process and its children.
fn family(id: u32) -> Vec<u32> {
    let mut family = vec![id];
    let Ok(entries) = fs::read_dir("/proc") else { return family };
    for entry in entries.flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if parent_of(&stat) == Some(id) {
            family.push(child);
        }
    }
    family
}

/// The parent in a `/proc/PID/stat`: the second word behind the name, which may hold anything.
fn parent_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Time on a core of all threads, to the nanosecond.
fn of_process(id: u32) -> Duration {
    let Ok(threads) = fs::read_dir(Path::new("/proc").join(id.to_string()).join("task")) else {
        return Duration::ZERO;
    };
    let of_thread = |path: &Path| {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.flatten().filter_map(|thread| of_thread(&thread.path())).sum()
}

/// Time that `cores` were not idle, from a `/proc/stat`.
fn of_cores(stat: &str, cores: &[usize]) -> Duration {
    let of_core = |core: &usize| {
        let name = format!("cpu{core}");
        let line = stat.lines().find(|line| line.split(' ').next() == Some(&name))?;
        let columns: Vec<u32> =
            line.split_whitespace().skip(1).map_while(|column| column.parse().ok()).collect();
        // user nice system idle iowait irq softirq; time stolen by other guests is not ours.
        let &[user, nice, system, _, _, irq, softirq, ..] = columns.as_slice() else { return None };
        Some(user + nice + system + irq + softirq)
    };
    let ticks: u32 = cores.iter().filter_map(of_core).sum();
    Duration::from_secs(1) * ticks / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests;
