//! Linux's CUBIC and weir's on the same bad paths: 1 % loss, 40 ms, 100 Mbit/s, in real time.
//!
//! As root: `cargo run --release -p netstack --example against_linux -- --seeds 30`
//!
//! For each seed two paths are made that lose the same share of frames (`hosts/forwarder`): on one a
//! kernel sends, on the other weir's engine, each to a kernel that reads all it gets. Both run at the
//! same time, so that what this machine has to do besides slows both. Printed is the goodput of each
//! seed and, as a table, the mean of all and weir's share of Linux's.

mod engine;
mod kernel;
mod lab;

use std::thread;
use std::time::Duration;

use clap::Parser;
use netstack::{CongestionAlgorithm, Span};
use netstack_simulator::{Bottleneck, Impairments, parse_rate, parse_share, parse_span};

use crate::lab::{Lab, Sender};

/// Compares the goodput of weir's sender with the kernel's, in real time. Needs root.
#[derive(Debug, Parser)]
#[command(name = "against_linux")]
struct Arguments {
    /// How many seeds to run, from 1.
    #[arg(long, default_value_t = 30)]
    seeds: u64,
    /// The share of frames that never arrive, each way.
    #[arg(long, default_value = "0.01", value_parser = parse_share)]
    loss: u64,
    /// The round trip.
    #[arg(long, default_value = "40ms", value_parser = parse_span)]
    rtt: Span,
    /// The rate; its queue holds one round trip.
    #[arg(long, default_value = "100mbit", value_parser = parse_rate)]
    rate: u64,
    /// How long each transfer is measured, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What is not measured before it, in seconds.
    #[arg(long, default_value_t = 0)]
    skip: u64,
    /// Seeds that run at the same time.
    #[arg(long, default_value_t = 3)]
    jobs: u64,
    /// The congestion control of both, as Linux calls it.
    #[arg(long, default_value = "cubic", value_parser = ["cubic", "reno", "bbr"])]
    algorithm: String,
}

impl Arguments {
    /// What frames meet, each way.
    fn way(&self) -> Impairments {
        let bottleneck = Bottleneck {
            bytes_per_ms: self.rate,
            queue_bytes: self.rate * self.rtt.as_micros() / 1_000,
            marks_above_bytes: u64::MAX,
        };
        Impairments {
            loss: self.loss,
            delay: self.rtt / 2,
            bottleneck: Some(bottleneck),
            ..Impairments::NONE
        }
    }

    /// Goodput of one transfer in bits a second.
    fn measure(&self, sender: Sender, seed: u64) -> u64 {
        let span = |seconds| Duration::from_secs(seconds);
        let mut lab = Lab::new(sender, self.way(), seed);
        lab.goodput(&self.algorithm, span(self.skip), span(self.seconds))
    }
}

fn main() {
    let arguments = Arguments::parse();
    let ours = match arguments.algorithm.as_str() {
        "reno" => CongestionAlgorithm::NewReno,
        "bbr" => CongestionAlgorithm::Bbr,
        _ => CongestionAlgorithm::Cubic,
    };
    let mut pairs = Vec::new();
    let seeds: Vec<u64> = (1..=arguments.seeds).collect();
    for batch in seeds.chunks(usize::try_from(arguments.jobs.max(1)).expect("a few")) {
        let arguments = &arguments;
        let measured: Vec<[u64; 2]> = thread::scope(|scope| {
            let runs: Vec<_> = batch
                .iter()
                .map(|&seed| {
                    [Sender::Linux, Sender::Weir(ours)]
                        .map(|sender| scope.spawn(move || arguments.measure(sender, seed)))
                })
                .collect();
            let end = |run: thread::ScopedJoinHandle<'_, u64>| run.join().expect("it ran");
            runs.into_iter().map(|both| both.map(end)).collect()
        });
        for (seed, [linux, weir]) in batch.iter().zip(&measured) {
            println!("seed {seed}: Linux {}, weir {}", megabits(*linux), megabits(*weir));
        }
        pairs.extend(measured);
    }
    report(&arguments, &pairs);
}

/// Prints the table.
fn report(arguments: &Arguments, pairs: &[[u64; 2]]) {
    let count = u64::try_from(pairs.len()).expect("it fits").max(1);
    let column = |side: usize| {
        let mut all: Vec<u64> = pairs.iter().map(|pair| pair[side]).collect();
        all.sort_unstable();
        let mean = all.iter().sum::<u64>() / count;
        let at = |index: usize| all.get(index).copied().unwrap_or_default();
        (mean, [at(0), at(all.len() / 2), at(all.len().saturating_sub(1))])
    };
    println!("\n| sender, {} | mean, Mbit/s | least | median | most |", arguments.algorithm);
    println!("| --- | --- | --- | --- | --- |");
    for (side, name) in ["Linux", "weir"].into_iter().enumerate() {
        let (mean, others) = column(side);
        let [least, median, most] = others.map(megabits);
        println!("| {name} | {} | {least} | {median} | {most} |", megabits(mean));
    }
    let (linux, weir) = (column(0).0, column(1).0);
    println!("\nweir / Linux: {:.3} of {count} seeds", ratio(weir, linux));
}

fn megabits(bits: u64) -> String {
    format!("{:.2}", ratio(bits, 1_000_000))
}

fn ratio(one: u64, other: u64) -> f64 {
    let number = |value: u64| f64::from(u32::try_from(value / 8).unwrap_or(u32::MAX));
    number(one) / number(other.max(8))
}
