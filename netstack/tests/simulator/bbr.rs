//! BBR fills a path that loses at random, shares one with another flow, and follows one that changes.

use std::cell::Cell;

use netstack::{CongestionAlgorithm, Pacing, Span};
use netstack_simulator::{
    Bottleneck, Ending, Family, Impairments, Network, NetworkConfig, Plan, for_seeds,
};

use crate::transfer::assert_delivered;

/// 100 Mbit/s, in bytes a millisecond.
const FAST: u64 = 12_500;
/// 20 Mbit/s.
const SLOW: u64 = 2_500;
/// Half of the round trip.
const DELAY: Span = Span::from_millis(20);
/// Round trip in milliseconds.
const RTT_MS: u64 = 40;

/// A sender with BBR behind a path of that rate and 40 ms, whose queue holds one round trip.
fn network(bytes_per_ms: u64) -> NetworkConfig {
    let mut config = NetworkConfig::new(Plan::sending(0).ending(Ending::FinishAfterPeer));
    config.hosts[0].tcp.congestion = CongestionAlgorithm::Bbr;
    // What arrives behind a loss that is repaired in two round trips must have a place.
    config.hosts[1].tcp.receive_window_bytes = 4 << 20;
    config.hosts[1].limits.out_of_order_bytes_max = 16 << 20;
    config.hosts[1].limits.out_of_order_ranges_max = 1_024;
    let bottleneck = Bottleneck {
        bytes_per_ms,
        queue_bytes: bytes_per_ms * RTT_MS,
        marks_above_bytes: u64::MAX,
    };
    config.impairments[0] =
        Impairments { delay: DELAY, bottleneck: Some(bottleneck), ..Impairments::NONE };
    config.impairments[1].delay = DELAY;
    config
}

/// More than any of these tests lasts for.
fn bulk() -> Plan {
    Plan { buffer_max: 65_536, ..Plan::sending(1 << 40) }
}

/// What the server has received so far, by connection.
fn received(network: &Network) -> Vec<u64> {
    network.hosts[1].living().map(|outcome| outcome.received).collect()
}

/// What the server receives of each connection in `span`, in bytes a millisecond.
fn goodput(network: &mut Network, span: Span) -> Vec<u64> {
    let before = received(network);
    network.run_for(span);
    let after = received(network);
    after.iter().zip(before).map(|(after, before)| (after - before) / span.as_millis()).collect()
}

/// What BBR is at.
fn phase(network: &Network) -> &'static str {
    let engine = &network.hosts[0].engine;
    let id = engine.connections().next().expect("it lives");
    engine.info(network.now, id).expect("it lives").congestion_phase
}

/// The payload that a path of that rate carries at most: 1448 bytes in frames of 1514.
fn payload_rate(bytes_per_ms: u64) -> u64 {
    bytes_per_ms * 1_448 / 1_514
}

/// Ends everything, and checks that nothing is left.
fn end(mut network: Network) {
    network.hosts.iter_mut().for_each(|host| host.abort_all(network.now));
    network.settle();
    network.assert_baseline();
}

#[test]
fn one_percent_of_random_loss_leaves_nine_tenths() {
    let (sum, runs) = (Cell::new(0), Cell::new(0));
    for_seeds(0..6, |random| {
        let mut config = network(FAST);
        config.impairments[0].loss = 10;
        let mut network = config.build(random);
        network.connect(Family::V4, bulk());
        network.run_for(Span::from_secs(5));
        let goodput = goodput(&mut network, Span::from_secs(5))[0];
        sum.set(sum.get() + goodput);
        runs.set(runs.get() + 1);
        assert_eq!(network.hosts[0].engine.counters().retransmits_timeout, 0);
        end(network);
    });
    let mean = sum.get() / runs.get();
    let bound = payload_rate(FAST) * 99 / 100;
    assert!(mean >= bound * 9 / 10, "{mean} of {bound} bytes a millisecond");
}

#[test]
fn two_flows_share_a_path() {
    for_seeds(0..3, |random| {
        let mut network = network(SLOW).build(random);
        network.connect(Family::V4, bulk());
        network.run_for(Span::from_secs(3));
        network.connect(Family::V6, bulk());
        network.run_for(Span::from_secs(20));
        let shares = goodput(&mut network, Span::from_secs(10));
        let all: u64 = shares.iter().sum();
        assert!(all >= payload_rate(SLOW) * 9 / 10, "{shares:?}");
        // The first one had the path to itself; the second has got at least half as much.
        let (least, most) = (shares.iter().min(), shares.iter().max());
        assert!(least.zip(most).is_some_and(|(least, most)| most <= &(least * 2)), "{shares:?}");
        end(network);
    });
}

#[test]
fn a_path_that_got_longer_is_found_out_by_probe_rtt() {
    for_seeds(0..3, |random| {
        let mut network = network(SLOW).build(random);
        network.connect(Family::V4, bulk());
        network.run_for(Span::from_secs(3));
        network.cables[0].set_delay(DELAY * 4);
        // 10 s after the last round trip that was as short as the shortest. That was after Startup's
        // queue had gone.
        while phase(&network) != "probe_rtt" {
            network.run_for(Span::from_millis(10));
            assert!(network.now.as_millis() < 15_000, "the round trip is older than 10 s");
        }
        assert!(network.now.as_millis() > 10_000, "too soon");
        while phase(&network) == "probe_rtt" {
            network.run_for(Span::from_millis(10));
            assert!(network.now.as_millis() < 16_000, "200 ms and two round trips");
        }
        network.run_for(Span::from_secs(6));
        let goodput = goodput(&mut network, Span::from_secs(4))[0];
        assert!(goodput >= payload_rate(SLOW) * 85 / 100, "{goodput} bytes a millisecond");
        end(network);
    });
}

#[test]
fn paced_connections_lose_no_byte_on_any_path() {
    for_seeds(0..200, |random| {
        let plans = Plan::pair(random, 100_000);
        let mut config = NetworkConfig::impaired(plans[1], random);
        for host in &mut config.hosts {
            host.tcp.pacing = random.pick(&[Pacing::AsNeeded, Pacing::Always]);
            host.tcp.congestion = random.pick(&[
                CongestionAlgorithm::Bbr,
                CongestionAlgorithm::Bbr,
                CongestionAlgorithm::Cubic,
                CongestionAlgorithm::NewReno,
            ]);
        }
        let family = random.pick(&[Family::V4, Family::V6]);
        let mut network = config.build(random);
        network.connect(family, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
fn a_queue_of_one_round_trip_drops_less_of_a_paced_sender() {
    for_seeds(0..1, |random| {
        let mut dropped = [Pacing::AsNeeded, Pacing::Always].map(|pacing| {
            let mut config = network(SLOW);
            config.hosts[0].tcp.congestion = CongestionAlgorithm::Cubic;
            config.hosts[0].tcp.pacing = pacing;
            let mut network = config.build(random);
            network.connect(Family::V4, bulk());
            network.run_for(Span::from_secs(5));
            let dropped = network.cables[0].counts().overflowed;
            end(network);
            dropped
        });
        dropped.reverse();
        assert!(dropped.is_sorted_by(|paced, unpaced| paced < unpaced), "{dropped:?}");
    });
}
