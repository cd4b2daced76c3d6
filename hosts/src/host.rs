//! A host: one named network namespace.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::on_exit::{self, Duty, Entry};
use crate::{HostError, stale, tool};

/// Settings of every new namespace, for links made later: IPv6 is on whatever the outside has,
/// addresses are usable at once (no duplicate address detection), and nobody asks for routers.
const IPV6_DEFAULTS: [(&str, &str); 5] = [
    ("net.ipv6.conf.all.disable_ipv6", "0"),
    ("net.ipv6.conf.default.disable_ipv6", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv6.conf.default.dad_transmits", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
];

/// A named network namespace with its loopback interface up. Dropping it kills what still runs
/// inside and removes it, its interfaces and rules.
#[derive(Debug)]
pub struct Host {
    name: String,
    ip: PathBuf,
    _entry: Entry,
}

impl Host {
    /// Makes the namespace `weir-<pid>-<hint>`, with a number behind it if this process has used the
    /// hint before. `hint`: letters, digits, dashes.
    ///
    /// The first call in a process also removes what killed processes left ([`sweep_stale`]) and
    /// starts to watch for fatal signals ([`leave_signals_to_caller`]).
    ///
    /// [`sweep_stale`]: crate::sweep_stale
    /// [`leave_signals_to_caller`]: crate::leave_signals_to_caller
    ///
    /// # Errors
    /// `ip` is missing, or this process may not make namespaces.
    pub fn new(hint: &str) -> Result<Self, HostError> {
        static SWEEP: Once = Once::new();

        let ip = tool::find("ip")?;
        on_exit::watch_signals().map_err(|source| HostError::io("watch signals", source))?;
        // A namespace that can't be swept is no reason against a new one.
        SWEEP.call_once(|| drop(stale::sweep_stale()));

        let name = new_name(hint);
        // Noted before it exists: a signal in between must not leave it behind.
        let host = Self { _entry: Entry::new(Duty::Namespace(name.clone())), name, ip };
        tool::run("ip", &["netns", "add", &host.name])?;
        host.ip(&["link", "set", "lo", "up"])?;
        if Path::new("/proc/sys/net/ipv6").exists() {
            for (key, value) in IPV6_DEFAULTS {
                host.set_sysctl(key, value)?;
            }
        }
        Ok(host)
    }

    /// The namespace's name, as `ip netns exec` takes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs `program` inside: with the namespace's `/sys` and the caller's user.
    /// A missing program shows when it runs; [`run`](Self::run) names its package.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.name]);
        match tool::find(program) {
            Ok(path) => command.arg(path),
            Err(_) => command.arg(program),
        };
        command
    }

    /// Runs `program` inside to its end and returns what it wrote to its standard output.
    ///
    /// # Errors
    /// The program is missing (with its package), can't start, or ends with another status than 0.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String, HostError> {
        tool::find(program)?;
        tool::finish(self.command(program).args(arguments))
    }

    /// As [`run`](Self::run), with `input` on the program's standard input.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_with_input(
        &self,
        program: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, HostError> {
        tool::find(program)?;
        tool::finish_with_input(self.command(program).args(arguments), input)
    }

    /// Runs `ip` on this namespace: `host.ip(&["link", "set", "eth0", "down"])`.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn ip(&self, arguments: &[&str]) -> Result<String, HostError> {
        let mut command = Command::new(&self.ip);
        command.args(["-netns", &self.name]).args(arguments);
        tool::finish(&mut command)
    }

    /// Gives `device` an address with its prefix length (`192.0.2.1/24`, `2001:db8::1/64`), usable at
    /// once.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn add_address(&self, device: &str, address: &str) -> Result<(), HostError> {
        let mut arguments = vec!["address", "add", address, "dev", device];
        if address.contains(':') {
            arguments.push("nodad");
        }
        self.ip(&arguments).map(drop)
    }

    /// The MAC address of `device`.
    ///
    /// # Errors
    /// No such device.
    pub fn mac(&self, device: &str) -> Result<[u8; 6], HostError> {
        let text = self.ip(&["-oneline", "link", "show", "dev", device])?;
        parse_mac(&text).ok_or_else(|| HostError::Io {
            what: format!("MAC address of {device} in {}", text.trim()),
            source: std::io::ErrorKind::InvalidData.into(),
        })
    }

    /// Sets a kernel parameter of this namespace, `net.ipv4.tcp_congestion_control` say.
    ///
    /// # Errors
    /// There is no such parameter, or it doesn't take `value`.
    pub fn set_sysctl(&self, key: &str, value: &str) -> Result<(), HostError> {
        // A dot inside a device's name is a slash in the key, as in sysctl(8).
        let swapped: String = key
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect();
        let path = Path::new("/proc/sys").join(swapped);
        self.enter(|| fs::write(&path, value))?.map_err(|source| {
            HostError::io(format!("set {key} = {value} in {}", self.name), source)
        })
    }

    /// Runs `work` on a new thread inside the namespace and returns what it returns. Sockets opened
    /// there belong to the namespace wherever they go; threads and processes started there are
    /// inside too. `/sys` is still the outer one, and `/proc/net` is at `/proc/thread-self/net`.
    ///
    /// # Errors
    /// The thread can't be started or can't enter.
    ///
    /// # Panics
    /// If `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, HostError> {
        let failed = |source| HostError::io(format!("enter {}", self.name), source);
        let namespace =
            File::open(Path::new(stale::NAMESPACES).join(&self.name)).map_err(failed)?;
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name(self.name.clone()).spawn_scoped(scope, inside);
            match thread.map_err(failed)?.join() {
                Ok(result) => result.map_err(failed),
                Err(panicked) => panic::resume_unwind(panicked),
            }
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have been removed by hand; and there is nobody left to tell.
        drop(stale::remove_namespace(&self.name));
    }
}

/// A name that this process has not given before.
fn new_name(hint: &str) -> String {
    static HINTS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut hints = HINTS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = hints.entry(hint.to_owned()).or_insert(0);
    *count += 1;
    let first = format!("{}{}-{hint}", stale::PREFIX, process::id());
    if *count == 1 { first } else { format!("{first}-{count}") }
}

/// Reads the address behind `link/ether` in the output of `ip link show`.
fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut words = text.split_whitespace().skip_while(|&word| word != "link/ether");
    let mut bytes = words.nth(1)?.split(':');
    let mut mac = [0; 6];
    for byte in &mut mac {
        *byte = u8::from_str_radix(bytes.next()?, 16).ok()?;
    }
    bytes.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests;
