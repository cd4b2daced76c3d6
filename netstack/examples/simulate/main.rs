//! Thousands of seeded runs of two engines over a bad link, in virtual time.
//!
//! `cargo run --release -p netstack --example simulate -- --seeds 10000 --loss 0.02
//! --delay 20ms..80ms --reorder 0.1 --duplicate 0.01 --corrupt 0.001 --rate 100mbit --streams 8`
//!
//! Each run checks the delivered bytes, the end of each stream, the engines' invariants and that
//! nothing is left behind. A seed that fails is printed with the command that replays it and with
//! the smallest scenario that still fails.

mod arguments;
mod crew;
mod summary;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use netstack_simulator::Capture;

use crate::arguments::Arguments;
use crate::crew::{Failure, try_run};
use crate::summary::Summary;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    crew::keep_panics();
    let scenario = arguments.scenario();
    if let Some(seed) = arguments.seed {
        let capture = arguments.pcap.as_ref().map(|path| (path, Capture::default()));
        let outcome = try_run(&scenario, seed, capture.as_ref().map(|(_, capture)| capture));
        if let Some((path, capture)) = &capture {
            std::fs::write(path, capture.bytes())?;
        }
        return match outcome {
            Ok(report) => {
                summary::print(&Summary::new(vec![report]), arguments.format());
                Ok(ExitCode::SUCCESS)
            }
            Err(message) => Ok(explain(&arguments, &Failure { seed, message })),
        };
    }
    let outcome = crew::run(&scenario, 0..arguments.seeds, arguments.jobs());
    if let Some(failure) = outcome.failure {
        return Ok(explain(&arguments, &failure));
    }
    summary::print(&Summary::new(outcome.reports), arguments.format());
    Ok(ExitCode::SUCCESS)
}

/// Says how to see a failure again, and looks for a smaller one.
fn explain(arguments: &Arguments, failure: &Failure) -> ExitCode {
    let Failure { seed, message } = failure;
    eprintln!("seed {seed} fails: {message}");
    let line = "cargo run --release -p netstack --example simulate --";
    let all = arguments.scenario();
    let replay = arguments::command_line(&all);
    eprintln!("replay:  {line} {replay} --seed {seed} --pcap {seed}.pcapng");
    let small = all.shrink(|scenario| try_run(scenario, *seed, None).is_err());
    let replay = arguments::command_line(&small);
    eprintln!("smaller: {line} {replay} --seed {seed} --pcap {seed}.pcapng");
    ExitCode::FAILURE
}
