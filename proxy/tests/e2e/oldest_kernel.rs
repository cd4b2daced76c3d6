//! Without what kernels newer than Debian 12's have, weir does all the same.

use crate::edge::{Edge, Environment, OLDEST_KERNEL, Plan, Site};
use crate::transfer::{self, MIB};
use crate::{endings, reload, strays};

/// Connections of the tests that make many.
const CONNECTIONS: usize = 400;

#[test]
fn whole_transfers_both_ways() {
    let edge = start();
    transfer::comes_down(&edge, 64 * MIB);
    let edge = start();
    transfer::goes_up(&edge, 64 * MIB);
}

#[test]
fn losses_are_mended_both_ways() {
    let edge = start();
    transfer::comes_down_with_losses(&edge, 32 * MIB);
    let edge = start();
    transfer::goes_up_with_losses(&edge, 32 * MIB);
}

#[test]
fn strays_find_their_owner() {
    strays::strays_find_their_owner(environment(), CONNECTIONS);
}

#[test]
fn no_connection_is_dropped_by_a_reload() {
    reload::load_again_and_again(environment());
}

#[test]
fn endings_leave_nothing_behind() {
    endings::leave_nothing_behind(environment(), CONNECTIONS);
}

#[test]
fn newer_features_are_hidden() {
    let site = Site::make(&Plan::default());
    let (name, version) = OLDEST_KERNEL;
    let (status, said) = site.try_weir(&["env", &format!("{name}={version}")], &["doctor"]);
    assert_eq!(status.code(), Some(0), "all that is hidden has a fallback:\n{said}");
    let lines: Vec<&str> = said.lines().collect();
    let features: Vec<_> =
        lines.iter().filter_map(|line| line.split_once(", since Linux ")).collect();
    let (newer, older): (Vec<_>, Vec<_>) =
        features.into_iter().partition(|(_, since)| parse(since) > parse(version));
    let is_of = |part: &str| newer.iter().any(|(what, _)| what.contains(part));
    assert!(is_of("AF_XDP") && is_of("io_uring"), "{newer:?}");
    for (what, since) in newer {
        let lacking = ["hidden by WEIR_KERNEL_MAX", "not there"];
        assert!(lacking.iter().any(|how| what.ends_with(how)), "{what}, {since}");
    }
    for (what, since) in older {
        assert!(what.ends_with("  there"), "{what}, {since}");
    }
    // What weir does instead stands below each.
    for pair in lines.windows(2) {
        let &[feature, below] = pair else { continue };
        if feature.contains("hidden by WEIR_KERNEL_MAX") {
            assert!(feature.starts_with("fallback"), "{feature}");
            let instead = below.trim_start().strip_prefix("-> ").unwrap_or_default();
            assert!(instead.len() > 10, "{feature}\n{below}");
        }
    }
}

#[test]
fn newer_features_are_not_used() {
    start().assert_without_newer_features();
}

/// The two numbers of a version.
fn parse(version: &str) -> (u32, u32) {
    let (major, minor) = version.trim().split_once('.').expect("two numbers");
    (major.parse().expect("a number"), minor.parse().expect("a number"))
}

fn environment() -> Environment {
    vec![OLDEST_KERNEL]
}

fn start() -> Edge {
    Edge::start(&Plan { environment: environment(), ..Plan::default() })
}
