//! Paths that take less than the link, and say so or don't; paths that change.

use netstack::{ConnectionInfo, MtuProbing, Span};
use netstack_simulator::{
    Bottleneck, Family, Impairments, Network, NetworkConfig, Plan, Refusal, Strait, for_seeds,
};

use crate::sequence::{Clock, near_wrap};
use crate::transfer::assert_delivered;

/// What the client sends: enough for every search.
const STREAM: u64 = 2_000_000;

/// A network in which the client sends `bytes` at 10 Mbit/s.
fn config(bytes: u64, strait: Option<Strait>) -> ([Plan; 2], NetworkConfig) {
    let plans = [Plan::sending(bytes), Plan::sending(0)];
    let mut config = NetworkConfig::new(plans[1]);
    // Less than what fits into the queue: whatever is lost is lost for its size.
    config.hosts[1].tcp.receive_window_bytes = 100_000;
    config.impairments[0] = Impairments {
        strait,
        bottleneck: Some(Bottleneck {
            bytes_per_ms: 1_250,
            queue_bytes: 200_000,
            marks_above_bytes: u64::MAX,
        }),
        ..Impairments::NONE
    };
    (plans, config)
}

/// The client's only connection.
fn info(network: &Network) -> Option<ConnectionInfo> {
    let engine = &network.hosts[0].engine;
    let id = engine.connections().next()?;
    engine.info(network.now + Span::from_secs(1_000), id)
}

/// Runs until the client's path MTU is in `sizes`.
fn run_until_path_mtu(network: &mut Network, within: Span, sizes: std::ops::RangeInclusive<u16>) {
    network.run_until(within, |network| {
        info(network).is_some_and(|info| sizes.contains(&info.path_mtu_bytes))
    });
}

#[test]
pub(crate) fn a_black_hole_is_found_and_the_search_ends_below_it() {
    for family in [Family::V4, Family::V6] {
        for mtu in [1_492, 1_400, 1_281, 1_100, 600] {
            if family == Family::V6 && mtu < 1_280 {
                continue;
            }
            for_seeds(0..2, |random| {
                let refusal = Refusal::Silent;
                let (plans, config) = config(STREAM, Some(Strait { mtu, refusal }));
                let mut network = config.build(random);
                network.connect(family, plans[0]);
                run_until_path_mtu(&mut network, Span::from_secs(30), mtu - 7..=mtu);
                let outcomes = network.finish();
                assert_delivered(&outcomes, plans);
                let counters = network.hosts[0].engine.counters();
                // IPv4 tries 1064 and then 552; IPv6 has nothing below 1280.
                let steps = if mtu < 1_064 { 2 } else { 1 };
                assert_eq!(counters.path_mtu_black_holes, steps);
                assert_eq!(counters.retransmits_timeout, 2 + steps, "no probe needed another");
                assert_eq!(counters.recoveries, 0, "a lost probe is no congestion");
                assert!(counters.path_mtu_probes_lost <= 30, "{counters:?}");
            });
        }
    }
}

#[test]
pub(crate) fn a_router_that_tells_is_believed_at_once() {
    for family in [Family::V4, Family::V6] {
        for probing in [MtuProbing::Off, MtuProbing::AfterBlackHole, MtuProbing::Always] {
            for_seeds(0..2, |random| {
                let strait = Strait { mtu: 1_400, refusal: Refusal::Told };
                let (plans, mut config) = config(STREAM, Some(strait));
                config.hosts[0].tcp.mtu_probing = probing;
                let mut network = config.build(random);
                network.connect(family, plans[0]);
                run_until_path_mtu(&mut network, Span::from_secs(5), 1_400..=1_400);
                let outcomes = network.finish();
                assert_delivered(&outcomes, plans);
                let counters = network.hosts[0].engine.counters();
                assert_eq!((counters.retransmits_timeout, counters.recoveries), (0, 0));
                let probed = (counters.path_mtu_lowered, counters.path_mtu_probes_lost);
                let expected = if probing == MtuProbing::Always { (0, 1) } else { (1, 0) };
                assert_eq!(probed, expected);
            });
        }
    }
}

#[test]
pub(crate) fn a_path_that_takes_more_again_is_noticed_when_its_mtu_has_aged() {
    for (refusal, probing) in [
        (Refusal::Told, MtuProbing::Off),
        (Refusal::Told, MtuProbing::AfterBlackHole),
        (Refusal::Silent, MtuProbing::AfterBlackHole),
        (Refusal::Silent, MtuProbing::Always),
    ] {
        for family in [Family::V4, Family::V6] {
            for_seeds(0..2, |random| {
                let (plans, mut config) = config(8_000_000, Some(Strait { mtu: 1_300, refusal }));
                config.hosts[0].tcp.mtu_probing = probing;
                config.hosts[0].tcp.path_mtu_age = Span::from_secs(2);
                let mut network = config.build(random);
                network.connect(family, plans[0]);
                run_until_path_mtu(&mut network, Span::from_secs(10), 1_293..=1_300);
                let found_at = network.now;
                network.cables[0].set_strait(None);
                run_until_path_mtu(&mut network, Span::from_secs(5), 1_500..=1_500);
                assert!(network.now - found_at > Span::from_secs(1), "it is believed for a while");
                let outcomes = network.finish();
                assert_delivered(&outcomes, plans);
            });
        }
    }
}

#[test]
pub(crate) fn a_path_that_still_takes_no_more_is_asked_by_probes() {
    for refusal in [Refusal::Told, Refusal::Silent] {
        for_seeds(0..2, |random| {
            let (plans, mut config) = config(8_000_000, Some(Strait { mtu: 1_300, refusal }));
            config.hosts[0].tcp.path_mtu_age = Span::from_secs(2);
            let mut network = config.build(random);
            network.connect(Family::V4, plans[0]);
            run_until_path_mtu(&mut network, Span::from_secs(10), 1_293..=1_300);
            let before = network.hosts[0].engine.counters().clone();
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            let counters = network.hosts[0].engine.counters();
            assert!(counters.path_mtu_probes_lost > before.path_mtu_probes_lost);
            assert_eq!(counters.path_mtu_black_holes, before.path_mtu_black_holes);
            assert_eq!(counters.retransmits_timeout, before.retransmits_timeout);
        });
    }
}

#[test]
pub(crate) fn a_search_from_below_reaches_the_link_without_a_loss() {
    for family in [Family::V4, Family::V6] {
        for_seeds(0..5, |random| {
            let (plans, mut config) = config(STREAM, None);
            config.hosts[0].tcp.mtu_probing = MtuProbing::Always;
            let mut network = config.build(random);
            network.connect(family, plans[0]);
            run_until_path_mtu(&mut network, Span::from_secs(2), 1_500..=1_500);
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            let counters = network.hosts[0].engine.counters();
            assert_eq!((counters.path_mtu_probes, counters.path_mtu_probes_lost), (1, 0));
        });
    }
}

#[test]
pub(crate) fn searches_cross_the_wrap_of_sequence_numbers() {
    for_seeds(0..30, |random| {
        let refusal = random.pick(&[Refusal::Silent, Refusal::Told]);
        let mtu = u16::try_from(random.within(600..1_500)).expect("it is small");
        let (plans, mut config) = config(300_000, Some(Strait { mtu, refusal }));
        config.hosts[0].tcp.mtu_probing =
            random.pick(&[MtuProbing::AfterBlackHole, MtuProbing::Always]);
        let before_wrap = u32::try_from(random.within(0..200_000)).expect("it is small");
        let mut network = near_wrap(&config, plans[0], Clock::Isn, before_wrap);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        let counters = network.hosts[0].engine.counters();
        assert!(counters.path_mtu_probes > 0 || refusal == Refusal::Told, "{counters:?}");
    });
}

#[test]
pub(crate) fn paths_that_change_under_every_impairment_lose_no_byte() {
    for_seeds(0..300, |random| {
        let plans = Plan::pair(random, 200_000);
        let mut config = NetworkConfig::impaired(plans[1], random);
        for host in &mut config.hosts {
            host.tcp.mtu_probing =
                random.pick(&[MtuProbing::Off, MtuProbing::AfterBlackHole, MtuProbing::Always]);
            host.tcp.path_mtu_age = Span::from_secs(random.within(1..20));
            host.tcp.orphan = Span::from_secs(600);
        }
        let refusal = match config.hosts.iter().any(|host| host.tcp.mtu_probing == MtuProbing::Off)
        {
            true => Refusal::Told,
            false => random.pick(&[Refusal::Silent, Refusal::Told]),
        };
        let family = random.pick(&[Family::V4, Family::V6]);
        let mut network = config.build(random);
        network.connect(family, plans[0]);
        for _ in 0..random.within(1..8) {
            let floor = if family == Family::V4 { 552 } else { 1_280 };
            for cable in &mut network.cables {
                let mtu = u16::try_from(random.within(floor..1_501)).expect("it is small");
                cable.set_strait(random.chance(800).then_some(Strait { mtu, refusal }));
            }
            network.run_for(Span::from_millis(random.within(0..3_000)));
        }
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}
