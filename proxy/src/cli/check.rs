//! `weir check`: is a configuration right?

use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::Args;

use super::{ConfigArgument, failed};
use crate::config::problem::Severity;
use crate::config::report::Report;
use crate::config::snapshot::{Snapshot, TicketSettings};
use crate::config::{Loaded, Loader};
use crate::tickets::TicketKeys;

/// Exit status when there are warnings only.
const WARNINGS: u8 = 2;

/// Check a configuration: its keys, references, certificates and names
///
/// Exit status: 0 right, 1 wrong, 2 right but with warnings (a certificate that expires within 14
/// days, a name that is not in the certificate).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  weir check weir.toml && sudo systemctl reload weir")]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigArgument,
}

impl Check {
    /// Prints what it found.
    pub(super) fn execute(self) -> ExitCode {
        let lifetime = TicketSettings::default().rotate;
        let tickets = match TicketKeys::new(Instant::now(), lifetime) {
            Ok(tickets) => tickets,
            Err(error) => return failed(&error),
        };
        let mut loader = Loader::new(self.file.config, tickets);
        match loader.load(SystemTime::now()) {
            Ok(Loaded { snapshot, warnings }) => {
                print(&warnings);
                println!("{}: {}", loader.path().display(), summary(&snapshot));
                if warnings.severity().is_some() {
                    ExitCode::from(WARNINGS)
                } else {
                    ExitCode::SUCCESS
                }
            }
            Err(report) => {
                print(&report);
                ExitCode::FAILURE
            }
        }
    }
}

/// Problems go to standard output: they are what was asked for.
fn print(report: &Report) {
    if report.severity().is_none() {
        return;
    }
    println!("{report}");
    let counted = |severity, one: &str| match report.count(severity) {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    };
    println!("{}, {}", counted(Severity::Error, "error"), counted(Severity::Warning, "warning"));
}

fn summary(snapshot: &Snapshot) -> String {
    format!(
        "listeners {}, virtual hosts {}, pools {}",
        snapshot.listeners.len(),
        snapshot.vhosts.len(),
        snapshot.pools.len()
    )
}
