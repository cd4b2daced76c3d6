//! Two engines, a bad link between them, and virtual time.
//!
//! Everything follows from a seed: a failing test prints its seed, and `WEIR_SIM_SEED=<seed>`
//! runs that one alone; `WEIR_SIM_FACTOR=<n>` runs n times as many seeds. What is judged: each step of both
//! engines, by the rules of `netstack-model`; the delivered bytes; the end of each stream; and that
//! everything the engines held is back at its baseline when all is over.

#[path = "../judge/mod.rs"]
mod judge;

mod app;
mod cable;
mod host;
mod icmp;
mod memory;
mod network;
mod random;

mod baseline;
mod closing;
mod congestion;
mod ecn;
mod flood;
mod hostile;
mod limits;
mod opening;
mod path_mtu;
mod sequence;
mod transfer;
mod window;

use std::ops::Range;

use crate::random::Random;

/// Runs a test for each of its seeds, or as the environment says.
fn for_seeds(seeds: Range<u64>, test: impl Fn(&mut Random)) {
    let seeds = match (number("WEIR_SIM_SEED"), number("WEIR_SIM_FACTOR")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(factor)) => seeds.start..seeds.end * factor,
        (None, None) => seeds,
    };
    for seed in seeds {
        let _printer = PrintSeed(seed);
        test(&mut Random::new(seed));
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Prints the seed when the test under it panics.
struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {0}: WEIR_SIM_SEED={0} runs it alone", self.0);
        }
    }
}
