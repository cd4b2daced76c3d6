//! `weir demo`: all of it on this machine.

use std::process::ExitCode;

use clap::Args;

use super::failed;
use crate::demo::{Afterwards, Options};

/// Show all of weir on this machine, with hosts, certificates and backends of its own
///
/// It makes two network namespaces and a link between them, a demo CA, three virtual hosts and
/// their backends, and fetches each with curl. No interface of yours is touched, and all of it is
/// gone afterwards.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sudo weir demo\n  sudo weir demo --keep")]
pub(super) struct Demo {
    /// Leave it running and say how to play with it
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Returns when the tour is over.
    pub(super) fn execute(self) -> ExitCode {
        let afterwards = if self.keep { Afterwards::Keep } else { Afterwards::CleanUp };
        match crate::demo::run(&Options { afterwards }) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        }
    }
}
