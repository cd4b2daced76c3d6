//! Reload: a new snapshot for the workers, or everything as it was.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::workers::ControlHandle;
use crate::config::problem::Severity;
use crate::config::report::Report;
use crate::config::snapshot::Listener;
use crate::config::{Loader, Snapshot};
use crate::notify::{self, Notifier};

/// What a reload needs; shared by the signal and the admin socket.
#[derive(Debug)]
pub(crate) struct Reloader {
    loader: Mutex<Loader>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    workers: ControlHandle,
    facts: Arc<ReloadFacts>,
    notifier: Arc<Notifier>,
}

/// What metrics say about reloads.
#[derive(Debug)]
pub(crate) struct ReloadFacts {
    successful: AtomicBool,
    /// Seconds since the epoch of the last success.
    timestamp: AtomicU64,
}

impl ReloadFacts {
    /// At start, which counts as a success.
    pub(crate) fn new(now: SystemTime) -> Arc<Self> {
        let facts = Self { successful: AtomicBool::new(true), timestamp: AtomicU64::new(0) };
        facts.succeeded(now);
        Arc::new(facts)
    }

    /// Whether the last one worked.
    pub(crate) fn successful(&self) -> bool {
        self.successful.load(Ordering::Relaxed)
    }

    /// When the last one that worked was, in seconds since the epoch.
    pub(crate) fn timestamp_seconds(&self) -> u64 {
        self.timestamp.load(Ordering::Relaxed)
    }

    fn succeeded(&self, now: SystemTime) {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.timestamp.store(since_epoch.as_secs(), Ordering::Relaxed);
        self.successful.store(true, Ordering::Relaxed);
    }
}

/// A reload that worked.
#[derive(Debug)]
pub(crate) struct Reloaded {
    /// What the operator should know all the same.
    pub(crate) warnings: Report,
    /// Settings that changed in the file but not in the running process.
    pub(crate) at_next_start: Vec<&'static str>,
}

impl Reloader {
    /// `loader` has loaded what is in `snapshot`.
    pub(crate) fn new(
        loader: Loader,
        snapshot: Arc<ArcSwap<Snapshot>>,
        workers: ControlHandle,
        facts: Arc<ReloadFacts>,
        notifier: Arc<Notifier>,
    ) -> Self {
        Self { loader: Mutex::new(loader), snapshot, workers, facts, notifier }
    }

    /// Reads the configuration again. New connections see it, established ones go on as they are.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub(crate) fn reload(&self, now: SystemTime) -> Result<Reloaded, Report> {
        // Held to the end: what is said of two reloads does not mix.
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        self.notifier.reloading();
        match loader.load(now) {
            Ok(loaded) => {
                let before = self.snapshot.swap(Arc::clone(&loaded.snapshot));
                self.workers.wake_all();
                self.facts.succeeded(now);
                self.notifier.reloaded(notify::Reload::Done);
                let at_next_start = at_next_start(&before, &loaded.snapshot);
                log_success(&loaded.snapshot, &loaded.warnings, &at_next_start);
                Ok(Reloaded { warnings: loaded.warnings, at_next_start })
            }
            Err(report) => {
                self.facts.successful.store(false, Ordering::Relaxed);
                self.notifier.reloaded(notify::Reload::Refused);
                log_failure(&report);
                Err(report)
            }
        }
    }
}

fn log_success(snapshot: &Snapshot, warnings: &Report, at_next_start: &[&str]) {
    tracing::info!(
        listeners = snapshot.listeners.len(),
        vhosts = snapshot.vhosts.len(),
        pools = snapshot.pools.len(),
        "configuration reloaded"
    );
    for warning in warnings.iter() {
        tracing::warn!("{warning}");
    }
    for setting in at_next_start {
        tracing::warn!(
            setting,
            "the change takes effect at the next start: restart weir to apply it"
        );
    }
}

fn log_failure(report: &Report) {
    for found in report.iter() {
        match found.problem.severity() {
            Severity::Error => tracing::error!("{found}"),
            Severity::Warning => tracing::warn!("{found}"),
        }
    }
    tracing::error!(
        errors = report.count(Severity::Error),
        "reload refused: the running configuration stays"
    );
}

/// Which settings differ that only a start applies: sockets, queues and memory are made then.
fn at_next_start(before: &Snapshot, after: &Snapshot) -> Vec<&'static str> {
    [
        (
            !before.listeners.iter().map(opened).eq(after.listeners.iter().map(opened)),
            "[listen]: all but default_vhost",
        ),
        (before.admin != after.admin, "[admin]"),
        (before.limits != after.limits, "[limits]"),
        (before.memory != after.memory, "[memory]"),
        (before.log != after.log, "[log]"),
    ]
    .into_iter()
    .filter_map(|(differs, setting)| differs.then_some(setting))
    .collect()
}

/// What of a listener goes into sockets, filters and series that are made at start.
fn opened(listener: &Listener) -> impl PartialEq {
    let Listener {
        name,
        interface,
        addresses,
        queues,
        unknown_names: _,
        checksum,
        address_owner,
        xdp_mode,
        super_frames,
    } = listener;
    (name, interface, addresses, queues, checksum, address_owner, xdp_mode, super_frames)
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reloaded")?;
        for setting in &self.at_next_start {
            write!(f, "\n{setting} takes effect at the next start: restart weir to apply it")?;
        }
        if self.warnings.severity().is_some() {
            write!(f, "\n{}", self.warnings)?;
        }
        Ok(())
    }
}
