//! One test, many seeds.

use std::ops::Range;

use crate::fired::seeds_max;
use crate::random::Random;

/// Runs a test for each of its seeds, or as the environment says: `WEIR_SIM_SEED=<seed>` runs that
/// one alone, `WEIR_SIM_FACTOR=<n>` n times as many.
pub fn for_seeds(seeds: Range<u64>, test: impl Fn(&mut Random)) {
    let seeds = match (number("WEIR_SIM_SEED"), number("WEIR_SIM_FACTOR")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(factor)) => seeds.start..seeds.end * factor,
        (None, None) => seeds,
    };
    let end = seeds.end.min(seeds.start.saturating_add(seeds_max()));
    let seeds = seeds.start..end;
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
