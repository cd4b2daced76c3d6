//! Tests of counting, of what is exposed, and of the ledger.

mod catalogue;
mod concurrent;
mod exposition;
mod ledger;
mod rows;

use crate::{Catalogue, Family, Registry, Shards};

/// The lines of an exposition that begin with `name`.
fn samples<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(name)).collect()
}

/// A registry of one family of counters by direction, with two workers.
fn counters() -> (Registry, Shards, crate::Series<crate::CounterId>) {
    let mut catalogue = Catalogue::new("weir");
    let family = Family::new("tcp_segments_total", "Segments.").label("direction", ["in", "out"]);
    let series = catalogue.counters(family).expect("declared");
    let (registry, shards) = Registry::new(catalogue, 2);
    (registry, shards, series)
}
