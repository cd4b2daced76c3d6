//! The command line: one file a verb.

mod ask;
mod check;
mod conns;
mod demo;
mod doctor;
mod reload;
mod run;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// The configuration unless another is named.
const CONFIG: &str = "/etc/weir/weir.toml";

/// TLS reverse proxy for many virtual hosts, on its own userspace TCP stack.
#[derive(Debug, Parser)]
#[command(name = "weir", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "Examples:
  sudo weir demo                     see all of it on this machine, nothing is left behind
  weir check weir.toml               is this configuration right?
  sudo weir run weir.toml            serve it
  sudo weir conns                    what is connected?";

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Check(check::Check),
    Demo(demo::Demo),
    Doctor(doctor::Doctor),
    Conns(conns::Conns),
    Status(status::Status),
    Reload(reload::Reload),
}

/// The configuration file that a verb works on.
#[derive(Debug, Args)]
struct ConfigArgument {
    /// The configuration file
    #[arg(value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
}

/// The admin socket that a verb asks.
#[derive(Debug, Args)]
struct SocketArgument {
    /// The running weir's admin socket
    #[arg(long, value_name = "PATH", default_value = crate::config::file::ADMIN_SOCKET)]
    socket: PathBuf,
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Run(verb) => verb.execute(),
        Verb::Check(verb) => verb.execute(),
        Verb::Demo(verb) => verb.execute(),
        Verb::Doctor(verb) => verb.execute(),
        Verb::Conns(verb) => verb.execute(),
        Verb::Status(verb) => verb.execute(),
        Verb::Reload(verb) => verb.execute(),
    }
}

/// Prints why a verb failed.
fn failed(why: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("weir: {why}");
    ExitCode::FAILURE
}
