//! Facts of the process itself.

use std::time::Instant;

use rustix::time::{ClockId, Timespec};

use crate::catalogue::Catalogue;
use crate::collect::{CollectedKind, Number, Sample};
use crate::error::CatalogueError;
use crate::family::{Family, Unit};

/// Declares `process_cpu_seconds_total`, `process_open_fds` and `up_seconds`, found at each scrape.
/// `started`: when the process began its work.
///
/// # Errors
///
/// One of the names is declared already.
pub fn collect_process(catalogue: &mut Catalogue, started: Instant) -> Result<(), CatalogueError> {
    let help = "CPU time of all threads, in user space and in the kernel.";
    let family = Family::new("process_cpu_seconds_total", help).unit(Unit::Seconds);
    catalogue.collect(CollectedKind::Counter, family, |_| only(cpu_seconds()))?;
    let family = Family::new("process_open_fds", "Open file descriptors.");
    catalogue.collect(CollectedKind::Gauge, family, |_| {
        open_fds().map(|count| Sample::only(Number::Unsigned(count))).into_iter().collect()
    })?;
    let family = Family::new("up_seconds", "Time since the start.").unit(Unit::Seconds);
    catalogue.collect(CollectedKind::Gauge, family, move |_| only(started.elapsed().as_secs_f64()))
}

fn only(seconds: f64) -> Vec<Sample> {
    vec![Sample::only(Number::Real(seconds))]
}

fn cpu_seconds() -> f64 {
    let Timespec { tv_sec, tv_nsec } = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    tv_sec as f64 + tv_nsec as f64 / 1e9
}

/// The descriptor that reads the directory is not counted.
fn open_fds() -> Option<u64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count.saturating_sub(1)).ok()
}
