//! Load harness: TLS load on any HTTPS address, and honest latency figures.
//!
//! `run` loads one address over kernel sockets; `compare` measures weir beside nginx. What is loaded
//! is in [`scenario`], when a request is due in [`schedule`], one peer in [`client`], what was
//! measured in [`record`], how it is told in [`report`].

#![forbid(unsafe_code)]

mod client;
mod compare;
mod http;
mod record;
mod report;
#[cfg_attr(not(test), expect(dead_code, reason = "the generator will fill it"))]
#[expect(unused_imports, reason = "the generator will fill it")]
mod results;
mod run;
mod scenario;
mod schedule;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the border is fixed before there is a generator behind it")
)]
#[expect(unused_imports, reason = "as above")]
mod seconds;
#[cfg_attr(not(test), expect(dead_code, reason = "as `seconds`"))]
mod tick;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version, about = "TLS load and honest latency figures")]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

const RUN_EXAMPLE: &str = "Example:
  weir-bench run https://one.example/ --connect 192.0.2.1:443 --ca ca.pem \\
      --connections 100 --duration 10s --mode keepalive --rate 5000";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Loads one HTTPS address.
    #[command(after_help = RUN_EXAMPLE)]
    Run(scenario::RunArguments),
    /// Tells what a result file has: a summary, a table, HdrHistogram logs.
    Report(results::ReportArguments),
    /// Measures weir beside nginx, in namespaces of its own; needs root.
    Compare(compare::CompareArguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Verb::Run(arguments) => run_one(&arguments),
        Verb::Report(arguments) => results::report(&arguments).map_err(|error| error.to_string()),
        Verb::Compare(arguments) => compare::compare(&arguments).map_err(|error| error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_one(arguments: &scenario::RunArguments) -> Result<(), String> {
    let scenario = scenario::Scenario::try_from(arguments).map_err(|error| error.to_string())?;
    let report = run::run(&scenario);
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    if report.has_succeeded() { Ok(()) } else { Err("not one operation succeeded".to_owned()) }
}
