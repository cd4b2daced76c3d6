//! `weir reload`: read the configuration again.

use std::process::ExitCode;

use clap::Args;

use super::ask::ask;
use super::{SocketArgument, failed};

/// Make the running weir read its configuration again
///
/// A broken configuration changes nothing: what is wrong with it is printed, and the exit status
/// is 1.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sudo weir reload")]
pub(super) struct Reload {
    #[command(flatten)]
    target: SocketArgument,
}

impl Reload {
    /// Prints what came of it.
    pub(super) fn execute(self) -> ExitCode {
        match ask::<String>(&self.target.socket, "reload") {
            Ok(outcome) => {
                println!("{outcome}");
                ExitCode::SUCCESS
            }
            Err(error) => failed(&error),
        }
    }
}
