//! `weir run`: serve.

use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::Args;

use super::{ConfigArgument, failed};
use crate::config::Loader;
use crate::config::snapshot::TicketSettings;
use crate::logging;
use crate::tickets::TicketKeys;

/// Serve: take TCP segments off the listeners' interfaces, end TLS, forward to the backends
///
/// SIGHUP reloads the configuration (a broken one changes nothing), SIGTERM drains, a second
/// SIGTERM stops at once.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sudo weir run /etc/weir/weir.toml")]
pub(super) struct Run {
    #[command(flatten)]
    file: ConfigArgument,
}

impl Run {
    /// Returns when weir has stopped.
    pub(super) fn execute(self) -> ExitCode {
        let lifetime = TicketSettings::default().rotate;
        let tickets = match TicketKeys::new(Instant::now(), lifetime) {
            Ok(tickets) => tickets,
            Err(error) => return failed(&error),
        };
        let mut loader = Loader::new(self.file.config, tickets);
        let loaded = match loader.load(SystemTime::now()) {
            Ok(loaded) => loaded,
            Err(report) => {
                eprintln!("{report}");
                return ExitCode::FAILURE;
            }
        };
        if let Err(error) = logging::start(&loaded.snapshot.log) {
            return failed(&error);
        }
        for warning in loaded.warnings.iter() {
            tracing::warn!("{warning}");
        }
        match crate::run::run(loader, loaded.snapshot) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        }
    }
}
