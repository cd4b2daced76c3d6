//! The configuration: a strict TOML file, checked as a whole, turned into a [`Snapshot`].
//!
//! The keys are the fields of the structs in [`mod@file`], a struct for each section; there is
//! nothing deeper than `[kind.NAME]` and its keys. Durations and sizes have units (`"30s"`,
//! `"16KiB"`), paths start at the folder of the file that names them. `vhosts.d/*.toml` beside
//! the main file may add virtual hosts, pools and policies.
//!
//! ```toml
//! [listen.https]
//! interface = "eth0"
//! address   = ["192.0.2.1:443", "[2001:db8::1]:443"]
//!
//! [pool.web]
//! servers = ["10.0.0.11:8080", "10.0.0.12:8080"]
//! weights = { "10.0.0.11:8080" = 3 }
//!
//! [pool.web-h2c]
//! servers = ["10.0.0.11:8081"]
//!
//! [vhost."example.com"]
//! names = ["example.com", "*.example.com"]
//! cert  = "certs/example.com.pem"
//! pool  = "web"
//! alpn  = { "h2" = "web-h2c", "http/1.1" = "web" }
//! ```

mod check;
pub(crate) mod file;
pub(crate) mod index;
pub(crate) mod problem;
pub(crate) mod reader;
pub(crate) mod report;
pub(crate) mod snapshot;
pub(crate) mod source;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod units;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::tickets::TicketKeys;
use check::Check;
use file::File;
use index::Indices;
use report::Report;

pub(crate) use snapshot::Snapshot;

/// Reads the configuration at start and at each reload, and remembers what must outlive both.
#[derive(Debug)]
pub(crate) struct Loader {
    path: PathBuf,
    tickets: Arc<TicketKeys>,
    indices: Indices,
}

/// A configuration that can run.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What the workers run on.
    pub(crate) snapshot: Arc<Snapshot>,
    /// What the operator should know all the same.
    pub(crate) warnings: Report,
}

impl Loader {
    /// A loader of the file at `path`; its virtual hosts seal their tickets with `tickets`.
    pub(crate) fn new(path: PathBuf, tickets: Arc<TicketKeys>) -> Self {
        Self { path, tickets, indices: Indices::default() }
    }

    /// Reads and checks everything anew.
    ///
    /// # Errors
    /// All that is wrong, at least one error among it. Nothing has changed then.
    pub(crate) fn load(&mut self, now: SystemTime) -> Result<Loaded, Report> {
        let mut report = Report::default();
        let mut indices = self.indices.clone();
        let file = File::read(&self.path, &mut report);
        let snapshot = if report.has_unread() {
            None
        } else {
            Some(Check::new(&mut report, &mut indices, now, &self.tickets).snapshot(&file))
        };
        report.sort();
        match snapshot {
            Some(snapshot) if !report.has_errors() => {
                self.indices = indices;
                Ok(Loaded { snapshot: Arc::new(snapshot), warnings: report })
            }
            _ => Err(report),
        }
    }

    /// The file it reads.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys that tickets are sealed with.
    pub(crate) fn tickets(&self) -> &Arc<TicketKeys> {
        &self.tickets
    }
}
