//! What this process has to undo, and who undoes it when no destructor will.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use rustix::process::{Signal, pidfd_send_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::stale;

/// Something that must not outlive this process.
#[derive(Debug)]
pub(crate) enum Duty {
    /// A process, by a descriptor that can't name another one later.
    Process(OwnedFd),
    /// A named network namespace, with whatever still runs in it.
    Namespace(String),
    /// A directory of temporary files.
    Directory(PathBuf),
}

/// A duty's entry in the registry. Dropping it strikes the duty off without doing it.
#[derive(Debug)]
pub(crate) struct Entry(u64);

#[derive(Debug)]
struct Registry {
    next: u64,
    duties: BTreeMap<u64, Duty>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { next: 0, duties: BTreeMap::new() });
static SIGNALS: Once = Once::new();

impl Entry {
    /// Notes `duty`; from here on a fatal signal does it.
    pub(crate) fn new(duty: Duty) -> Self {
        let mut registry = lock();
        let number = registry.next;
        registry.next += 1;
        registry.duties.insert(number, duty);
        Self(number)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock().duties.remove(&self.0);
    }
}

/// Kills every process, removes every namespace and temporary directory that this process still
/// owns. For callers that end without running destructors (`std::process::exit`).
pub fn clean_up() {
    let duties = std::mem::take(&mut lock().duties);
    // Processes hold namespaces, and what runs in those writes to directories: these go last.
    let mut directories = Vec::new();
    let mut namespaces = Vec::new();
    for duty in duties.into_values() {
        match duty {
            Duty::Process(pidfd) => drop(pidfd_send_signal(pidfd, Signal::KILL)),
            Duty::Namespace(name) => namespaces.push(name),
            Duty::Directory(path) => directories.push(path),
        }
    }
    for name in namespaces {
        drop(stale::remove_namespace(&name));
    }
    for path in directories {
        drop(fs::remove_dir_all(path));
    }
}

/// Tells this crate that the program handles SIGINT, SIGTERM and SIGHUP itself and ends by dropping
/// its hosts or by [`clean_up`]. To be called before the first host is made.
///
/// Otherwise a thread of this crate waits for these signals, cleans up and then lets the signal end
/// the process as it would have.
pub fn leave_signals_to_caller() {
    SIGNALS.call_once(|| {});
}

/// Starts the thread that cleans up on fatal signals, once.
///
/// # Errors
/// The handlers could not be installed.
pub(crate) fn watch_signals() -> io::Result<()> {
    let mut result = Ok(());
    SIGNALS.call_once(|| result = start_watching());
    result
}

fn start_watching() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("hosts-signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            clean_up();
            drop(emulate_default_handler(signal));
        }
    })?;
    Ok(())
}

fn lock() -> MutexGuard<'static, Registry> {
    // A panic elsewhere must not keep the rest from being cleaned up; the map is whole at any time.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}
