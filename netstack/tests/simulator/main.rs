//! Two engines, a bad link between them, and virtual time.
//!
//! Everything follows from a seed: a failing test prints its seed, and `WEIR_SIM_SEED=<seed>`
//! runs that one alone. What is judged: the delivered bytes, the end of each stream, and that
//! everything the engines held is back at its baseline when all is over.

mod app;
mod cable;
mod host;
mod memory;
mod network;
mod random;

mod baseline;
mod closing;
mod congestion;
mod opening;
mod sequence;
mod transfer;
mod window;

use std::ops::Range;

use crate::random::Random;

/// Runs a test for each of its seeds, or for the one that `WEIR_SIM_SEED` names.
fn for_seeds(seeds: Range<u64>, test: impl Fn(&mut Random)) {
    let only = std::env::var("WEIR_SIM_SEED").ok();
    let only = only.map(|seed| seed.parse::<u64>().expect("WEIR_SIM_SEED is a number"));
    let seeds = only.map_or(seeds, |seed| seed..seed + 1);
    for seed in seeds {
        let _printer = PrintSeed(seed);
        test(&mut Random::new(seed));
    }
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
