//! Load harness: TLS load on any HTTPS address, and honest latency figures.
//!
//! `run` loads one address; `compare` measures weir beside nginx. What is loaded is in [`scenario`], which
//! makes a [`plan`]; when an operation is due in [`schedule`]. A [`worker`] is a thread that carries out its
//! share: it drives connections without I/O ([`client`]) over a [`transport`], and fills in what it measures
//! ([`seconds`]); [`results`] tells it, while the run goes on and at its end.

#![forbid(unsafe_code)]

mod client;
mod compare;
mod http;
mod plan;
mod random;
mod record;
mod report;
mod results;
mod run;
mod scenario;
mod schedule;
mod seconds;
mod target;
mod tick;
mod transport;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version, about = "TLS load and honest latency figures")]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

const RUN_EXAMPLE: &str = "Examples:
  weir-bench run https://one.example/ --connect 192.0.2.1:443 --ca ca.pem \\
      --connections 1k --duration 10s --mode keepalive --rate 5k/s
  weir-bench run https://one.example/ --connect 192.0.2.1:443 --ca ca.pem \\
      --mode handshake --connections 50 --resume 0.5
  weir-bench run https://one.example/ --ca ca.pem --rate 5k/s --output before.json --html before.html

Not yet: HTTP/2, chunked answers, the PROXY header.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Loads one HTTPS address.
    #[command(after_help = RUN_EXAMPLE)]
    Run(Box<scenario::RunArguments>),
    /// Tells what a result file has: an HTML page with plots, a summary, a table, HdrHistogram logs.
    Report(results::ReportArguments),
    /// Holds two runs against each other: is B better than A, or worse, or can't one tell?
    Diff(results::DiffArguments),
    /// Measures weir beside nginx, in namespaces of its own; needs root.
    Compare(compare::CompareArguments),
}

fn main() -> ExitCode {
    let well = |()| ExitCode::SUCCESS;
    let done = match Arguments::parse().command {
        Verb::Run(arguments) => run_one(&arguments).map(well),
        Verb::Report(arguments) => {
            results::report(&arguments).map(well).map_err(|error| error.to_string())
        }
        Verb::Diff(arguments) => results::diff(&arguments).map_err(|error| error.to_string()),
        Verb::Compare(arguments) => {
            compare::compare(&arguments).map(well).map_err(|error| error.to_string())
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_one(arguments: &scenario::RunArguments) -> Result<(), String> {
    let draft = scenario::Draft::from(arguments);
    let scenario = scenario::Scenario::try_from(draft).map_err(|error| error.to_string())?;
    let stop = run::stop_on_signal().map_err(|error| error.to_string())?;
    let collector = arguments.outputs.collector(results::Scenario::from(&scenario));
    let collector = collector.map_err(|error| error.to_string())?;
    let results = run::run(&scenario, &stop, collector).map_err(|error| error.to_string())?;
    arguments.outputs.write(&results).map_err(|error| error.to_string())?;
    let report = report::Report::of(&scenario, &results);
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        print!("{}", results.to_text());
    }
    if report.has_succeeded() { Ok(()) } else { Err("not one operation succeeded".to_owned()) }
}
