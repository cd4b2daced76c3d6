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
#[cfg(test)]
mod tests;
mod tick;
mod transport;
mod worker;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "weir-bench",
    version,
    about = "TLS load and honest latency figures",
    after_help = "Example:\n  weir-bench run https://one.example/ --duration 10s        (more: weir-bench help run)"
)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

const RUN_EXAMPLE: &str = "Examples:
  weir-bench run https://one.example/ --connect 192.0.2.1:443 --ca ca.pem \\
      --connections 1k --duration 10s --mode keepalive --rate 5k/s
  weir-bench run https://one.example/ --connect 192.0.2.1:443 --ca ca.pem \\
      --transport xdp --interface eth0 --source 192.0.2.64/26 --mode handshake
  weir-bench run mix.toml
  weir-bench run https://one.example/ --ca ca.pem --rate 5k/s --output before.json --html before.html

A file says everything that flags do, and more:
  target      = \"https://one.example/\"
  connect     = \"192.0.2.1:443\"
  connections = \"10k\"          # also: workers, timeout, seed, spacing, transport, interface,
  spacing     = \"poisson\"      # source, gateway, own
  [tls]
  ca     = \"ca.pem\"            # paths start at the file's folder; also: certificate, key
  names  = [\"a.example\", \"b.example\"]  # or names_file; zipf = 1.1 asks for the first ones more often
  resume = 0.5                 # also: alpn, versions, suites, groups
  [[phase]]
  shape = \"ramp\"               # hold (rate), ramp (from, to), step (from, to, steps),
  from = 0                     # spike (rate, peak, width)
  to = \"5k/s\"
  duration = \"10s\"
  measured = false
  [[phase]]
  duration = \"60s\"
  rate = \"5k/s\"                # without a rate: a closed loop
  [[step]]
  weight = 3
  path = \"/a\"                  # also: name, mode, status, length, sha256, headers
  [[step]]
  method = \"POST\"
  body_size = \"16KiB\"          # or body, body_file; slow-read and slow-write: every, piece; echo: size

Not yet: HTTP/2, the PROXY header, several receive queues over xdp, and source
addresses of one's choice over kernel sockets.";

const REPORT_EXAMPLE: &str = "Example:
  weir-bench run https://one.example/ --ca ca.pem --rate 5k/s --output one.json
  weir-bench report one.json              # makes one.html";

const COMPARE_EXAMPLE: &str = "Example:
  cargo build --release -p weir -p weir-bench
  sudo target/release/weir-bench compare --weir target/release/weir";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Loads one HTTPS address.
    #[command(after_help = RUN_EXAMPLE)]
    Run(Box<scenario::RunArguments>),
    /// Tells what a result file has: an HTML page with plots, a summary, a table, HdrHistogram logs.
    #[command(after_help = REPORT_EXAMPLE)]
    Report(results::ReportArguments),
    /// Holds two runs against each other: is B better than A, or worse, or can't one tell?
    Diff(results::DiffArguments),
    /// Measures weir beside nginx, in namespaces of its own; needs root.
    #[command(after_help = COMPARE_EXAMPLE)]
    Compare(compare::CompareArguments),
}

fn main() -> ExitCode {
    let well = |()| ExitCode::SUCCESS;
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let given = matches.subcommand().map(|(_, given)| given.clone()).unwrap_or_default();
    let done = match arguments.command {
        Verb::Run(arguments) => run_one(&arguments, &given).map(well),
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

fn run_one(arguments: &scenario::RunArguments, given: &ArgMatches) -> Result<(), String> {
    let draft = arguments.draft(given).map_err(|error| error.to_string())?;
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
