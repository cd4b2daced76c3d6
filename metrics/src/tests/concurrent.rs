//! Scrapes while workers count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::counters;
use crate::{Catalogue, Family, Registry};

/// What each worker counts.
const EACH: u64 = 200_000;

#[test]
fn counters_never_go_down_and_end_exact() {
    let (registry, shards, series) = counters();
    let id = series.at(&[0]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let now = registry.snapshot().counter(id);
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        let workers: Vec<_> = shards
            .workers
            .into_iter()
            .map(|shard| scope.spawn(move || (0..EACH).for_each(|_| shard.increment(id))))
            .collect();
        for worker in workers {
            worker.join().expect("counted");
        }
        done.store(true, Ordering::Release);
        scraper.join().expect("nothing went down");
    });
    assert_eq!(registry.snapshot().counter(id), 2 * EACH);
}

#[test]
fn histogram_is_consistent_in_the_middle_of_observations() {
    let mut catalogue = Catalogue::new("weir");
    let series = catalogue.histograms(Family::new("sizes", "Help."), &[10, 20]).expect("declared");
    let id = series.only();
    let (registry, mut shards) = Registry::new(catalogue, 1);
    let shard = shards.workers.remove(0);
    thread::scope(|scope| {
        let worker = scope.spawn(move || (0..EACH).for_each(|round| shard.observe(id, round % 30)));
        let mut last = 0;
        while !worker.is_finished() {
            let text = registry.encode_openmetrics();
            let value = |name: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.expect(name).trim().parse().expect("a count")
            };
            let count = value("weir_sizes_count");
            assert_eq!(count, value("weir_sizes_bucket{le=\"+Inf\"}"));
            assert!(count >= last, "{count} after {last}");
            last = count;
        }
    });
    let view = registry.snapshot().histogram(id);
    assert_eq!(view.count(), EACH);
    assert_eq!(view.sum, (0..EACH).map(|round| round % 30).sum::<u64>());
}
