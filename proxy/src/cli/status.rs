//! `weir status`: how the running weir is.

use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::ask::ask;
use super::{SocketArgument, failed};
use crate::admin::workers::WorkerStatus;

/// Show how the running weir and its workers are
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sudo weir status\n  sudo weir status --json")]
pub(super) struct Status {
    #[command(flatten)]
    target: SocketArgument,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    phase: String,
    pid: u32,
    workers: Vec<WorkerStatus>,
}

impl Status {
    /// Prints it.
    pub(super) fn execute(self) -> ExitCode {
        let answer: Answer = match ask(&self.target.socket, "status") {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        if self.json {
            match serde_json::to_string_pretty(&answer) {
                Ok(text) => println!("{text}"),
                Err(error) => return failed(&error),
            }
            return ExitCode::SUCCESS;
        }
        println!("{} (pid {})", answer.phase, answer.pid);
        for status in &answer.workers {
            let WorkerStatus { worker, interface, queue, xdp_mode, connections, handshakes } =
                status;
            println!(
                "worker {worker}: {interface} queue {queue}, {xdp_mode}, \
                 {connections} connections, {handshakes} handshakes"
            );
        }
        ExitCode::SUCCESS
    }
}
