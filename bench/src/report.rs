//! Results with the facts that they depend on.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::record::Percentiles;
use crate::scenario::Mode;

/// How operations were timed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(crate) enum Loop {
    /// Each connection's next operation began when its last one had ended.
    Closed,
    /// Operations were due at fixed times; latency counts from them.
    Open {
        /// Operations a second.
        rate: u64,
    },
}

/// What a connection negotiated.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct TlsFacts {
    pub(crate) version: String,
    pub(crate) cipher_suite: String,
    pub(crate) group: String,
}

/// The machine that the load came from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
}

impl Machine {
    /// The machine that this runs on.
    pub(crate) fn of_this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned());
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor,
            cores: thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// What a run found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) url: String,
    pub(crate) address: String,
    pub(crate) mode: Mode,
    #[serde(rename = "loop")]
    pub(crate) looped: Loop,
    pub(crate) connections_at_once: u32,
    /// The measured time.
    pub(crate) seconds: f64,
    /// Operations begun and ended well in the measured time.
    pub(crate) operations: u64,
    /// Connections established in it.
    pub(crate) connections: u64,
    /// Bytes of bodies in it.
    pub(crate) bytes: u64,
    pub(crate) latency_us: Percentiles,
    pub(crate) handshake_us: Percentiles,
    /// Failed operations by reason; reasons that did not occur are left out.
    pub(crate) failures: BTreeMap<String, u64>,
    /// The first failure in words, measured or not.
    pub(crate) first_failure: Option<String>,
    /// Operations that were due and not begun, because every connection was busy.
    pub(crate) not_begun: u64,
    /// Connections that the server closed after an answer, as it had said, over the whole run.
    pub(crate) reconnects: u64,
    pub(crate) tls: TlsFacts,
    pub(crate) machine: Machine,
}

impl Report {
    /// Failed operations, whatever the reason.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Operations in each second of the measured time.
    pub(crate) fn operations_per_second(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// Body bytes in each second of it, in units of 10^9 bits.
    pub(crate) fn gigabits_per_second(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.seconds / 1e9
    }

    /// Has anything been measured? A part of a large answer is something.
    pub(crate) fn has_succeeded(&self) -> bool {
        match self.mode {
            Mode::Keepalive | Mode::Connect => self.operations > 0,
            Mode::Bulk => self.bytes > 0,
        }
    }

    /// One JSON object.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers, strings and maps of strings")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "target       {} at {}", self.url, self.address)?;
        let TlsFacts { version, cipher_suite, group } = &self.tls;
        writeln!(f, "TLS          {version} {cipher_suite} {group}, every handshake full")?;
        let Machine { kernel, processor, cores } = &self.machine;
        writeln!(f, "machine      {cores} cores of {processor}, kernel {kernel}")?;
        let (at_once, seconds) = (self.connections_at_once, self.seconds);
        writeln!(f, "load         {at_once} connections for {seconds} s, {:?}", self.mode)?;
        match self.looped {
            Loop::Closed => writeln!(
                f,
                "             closed loop: a connection waits for its answer before it asks again, so\n\
                 \x20            a stall hides what would have come; for latencies use --rate"
            )?,
            Loop::Open { rate } => writeln!(
                f,
                "             open loop: {rate} operations a second, latency from the intended time"
            )?,
        }
        writeln!(f, "operations   {} ({:.0}/s)", self.operations, self.operations_per_second())?;
        writeln!(
            f,
            "connections  {} ({:.0}/s), {} closed by the server as announced",
            self.connections,
            self.connections as f64 / self.seconds,
            self.reconnects,
        )?;
        writeln!(f, "bytes        {} ({:.3} Gb/s)", self.bytes, self.gigabits_per_second())?;
        write_percentiles(f, "latency", &self.latency_us)?;
        if self.handshake_us.count > 0 {
            write_percentiles(f, "handshake", &self.handshake_us)?;
        }
        if self.not_begun > 0 {
            writeln!(
                f,
                "not begun    {}: more was due than the connections could take",
                self.not_begun
            )?;
        }
        if self.failures.is_empty() {
            return writeln!(f, "failures     none");
        }
        for (reason, count) in &self.failures {
            writeln!(f, "failures     {count} {reason}")?;
        }
        if let Some(first) = &self.first_failure {
            writeln!(f, "             the first: {first}")?;
        }
        Ok(())
    }
}

fn write_percentiles(f: &mut fmt::Formatter<'_>, name: &str, them: &Percentiles) -> fmt::Result {
    let Percentiles { count: _, p50, p90, p99, p99_9, max } = them;
    writeln!(
        f,
        "{name:<12} p50 {p50:.0} us, p90 {p90:.0} us, p99 {p99:.0} us, p99.9 {p99_9:.0} us, max {max:.0} us"
    )
}

#[cfg(test)]
pub(crate) mod tests;
