//! Removing namespaces: one's own, and those whose owner is gone.

use std::fs;
use std::io;
use std::path::Path;
use std::process;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::{HostError, tool};

/// Where iproute2 keeps the names of network namespaces.
pub(crate) const NAMESPACES: &str = "/run/netns";

/// What every namespace of this crate is called first; the owner's process id follows.
pub(crate) const PREFIX: &str = "weir-";

/// Removes the namespaces of processes that are gone (killed by SIGKILL, say), with what still runs
/// inside. Returns their names. The first [`Host::new`](crate::Host::new) of a process does it too.
///
/// A process id in use again, by whatever process, protects the namespace until that one ends.
///
/// # Errors
/// `ip` is missing, or a namespace can't be removed.
pub fn sweep_stale() -> Result<Vec<String>, HostError> {
    let mut removed = Vec::new();
    for name in names()? {
        let Some(owner) = owner_of(&name) else { continue };
        if Path::new(&format!("/proc/{owner}")).exists() {
            continue;
        }
        match remove_namespace(&name) {
            Ok(()) => removed.push(name),
            // Another process sweeps at the same time, and was faster.
            Err(_) if !Path::new(NAMESPACES).join(&name).exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

/// Kills what runs in the namespace `name`, then removes it. Its interfaces go with it.
///
/// # Errors
/// `ip` is missing or refuses.
pub(crate) fn remove_namespace(name: &str) -> Result<(), HostError> {
    let inside = tool::run("ip", &["netns", "pids", name])?;
    for pid in inside.lines().filter_map(|line| line.trim().parse::<i32>().ok()) {
        // A thread of this process inside is not a reason to end it.
        if u32::try_from(pid) == Ok(process::id()) {
            continue;
        }
        // One that has ended since then needs no signal.
        if let Some(pid) = Pid::from_raw(pid) {
            let _: Result<(), Errno> = kill_process(pid, Signal::KILL);
        }
    }
    tool::run("ip", &["netns", "delete", name]).map(drop)
}

fn names() -> Result<Vec<String>, HostError> {
    let entries = match fs::read_dir(NAMESPACES) {
        Ok(entries) => entries,
        // No namespace has ever been named on this machine.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(HostError::io(format!("read {NAMESPACES}"), error)),
    };
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

/// The process id in a name of this crate.
fn owner_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
