//! Bytes arrive, all of them, in order, whatever the link does.

use netstack::{CloseReason, Span};
use netstack_simulator::{Family, Impairments, NetworkConfig, Outcome, Plan, for_seeds};

/// Checks that each side has the other's whole stream, and its end.
pub(crate) fn assert_delivered(outcomes: &[Outcome; 2], plans: [Plan; 2]) {
    for (outcome, peer) in [(&outcomes[0], plans[1]), (&outcomes[1], plans[0])] {
        assert_eq!(outcome.received, peer.send_bytes, "{outcomes:?}");
        assert!(outcome.peer_finished, "{outcomes:?}");
        let over = outcome.let_go || outcome.closed == Some(CloseReason::Finished);
        assert!(over, "{outcomes:?}");
    }
}

#[test]
pub(crate) fn a_good_link_needs_no_retransmission() {
    for family in [Family::V4, Family::V6] {
        for_seeds(0..20, |random| {
            let plans = [Plan::sending(300_000), Plan::sending(400_000)];
            let mut network = NetworkConfig::new(plans[1]).build(random);
            network.connect(family, plans[0]);
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            for host in &network.hosts {
                let counters = host.engine.counters();
                assert_eq!(counters.bytes_retransmitted, 0);
                assert_eq!(counters.retransmits_timeout, 0);
            }
        });
    }
}

#[test]
pub(crate) fn both_directions_survive_every_impairment() {
    for_seeds(0..2_000, |random| {
        let plans = Plan::pair(random, 100_000);
        let family = random.pick(&[Family::V4, Family::V6]);
        let mut network = NetworkConfig::impaired(plans[1], random).build(random);
        network.connect(family, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn small_buffers_and_odd_sizes_survive_every_impairment() {
    for_seeds(0..500, |random| {
        let mut plans = Plan::pair(random, 3_000);
        for plan in &mut plans {
            plan.buffer_max = random.within(1..30);
        }
        let mut network = NetworkConfig::impaired(plans[1], random).build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn several_connections_share_a_bad_link() {
    for_seeds(0..60, |random| {
        let server = Plan::sending(20_000);
        let client = Plan::sending(10_000);
        let mut network = NetworkConfig::impaired(server, random).build(random);
        for connection in 0..20 {
            let family = if connection % 2 == 0 { Family::V4 } else { Family::V6 };
            network.connect(family, client);
            network.run_for(Span::from_millis(random.within(0..20)));
        }
        network.settle();
        network.assert_baseline();
        for (side, peer) in [(0, server), (1, client)] {
            assert_eq!(network.hosts[side].outcomes.len(), 20);
            for outcome in &network.hosts[side].outcomes {
                assert_eq!(outcome.received, peer.send_bytes);
                assert_eq!(outcome.closed, Some(CloseReason::Finished));
            }
        }
    });
}

#[test]
pub(crate) fn heavy_loss_does_not_end_a_connection() {
    for_seeds(0..100, |random| {
        let plans = [Plan::sending(200_000), Plan::sending(200_000)];
        let bad = Impairments { loss: 150, ..Impairments::NONE };
        let mut config = NetworkConfig { impairments: [bad; 2], ..NetworkConfig::new(plans[1]) };
        // Seven timeouts in a row take a minute; a closing state may then last longer than that.
        for host in &mut config.hosts {
            host.tcp.orphan = Span::from_secs(600);
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}
