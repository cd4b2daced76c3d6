//! Loss is repaired without timeouts, and a narrow path is filled and not flooded.

use netstack::Span;
use netstack_simulator::{Bottleneck, Family, Impairments, NetworkConfig, Plan, for_seeds};

use crate::transfer::assert_delivered;

#[test]
pub(crate) fn a_narrow_path_is_filled() {
    for_seeds(0..10, |random| {
        let plans = [Plan::sending(3_000_000), Plan::sending(0)];
        let mut config = NetworkConfig::new(plans[1]);
        // 10 Mbit/s, 20 ms, and a queue of twice the path's product.
        config.impairments[0] = Impairments {
            delay: Span::from_millis(10),
            bottleneck: Some(Bottleneck {
                bytes_per_ms: 1_250,
                queue_bytes: 50_000,
                marks_above_bytes: u64::MAX,
            }),
            ..Impairments::NONE
        };
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        network.run_until(Span::from_secs(60), |network| {
            network.hosts[1]
                .outcomes
                .iter()
                .chain(network.hosts[1].living())
                .any(|outcome| outcome.received == 3_000_000)
        });
        // Without any loss it would be 2.5 s of the bottleneck, headers included.
        let taken = network.now.as_millis();
        assert!(taken < 3_600, "{taken} ms for 3 MB at 1250 B/ms");
        let counters = network.hosts[0].engine.counters();
        let again = counters.bytes_retransmitted;
        assert!(again < 300_000, "{again} bytes sent again");
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn scattered_loss_needs_few_timeouts() {
    for_seeds(0..20, |random| {
        let plans = [Plan::sending(2_000_000), Plan::sending(0)];
        let mut config = NetworkConfig::new(plans[1]);
        config.impairments[0].loss = 20;
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        let counters = network.hosts[0].engine.counters();
        assert!(counters.retransmits_timeout <= 4, "{} timeouts", counters.retransmits_timeout);
        // 2 % was lost; what is sent again is about that, and no storm.
        let again = counters.bytes_retransmitted;
        assert!(again < 2_000_000 * 5 / 100, "{again} bytes sent again");
    });
}

#[test]
pub(crate) fn reordering_alone_is_no_loss() {
    for_seeds(0..20, |random| {
        let plans = [Plan::sending(1_000_000), Plan::sending(0)];
        let mut config = NetworkConfig::new(plans[1]);
        config.impairments[0].reordering = 50;
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        let counters = network.hosts[0].engine.counters();
        assert_eq!(counters.retransmits_timeout, 0);
        // Frames overtake each other by up to a round trip: the first ones look lost, and then
        // the reordering window has grown. RFC 8985 §6.2.
        let again = counters.bytes_retransmitted;
        assert!(again < 1_000_000 * 8 / 100, "{again} bytes sent again");
    });
}

#[test]
pub(crate) fn duplication_alone_is_no_loss() {
    for_seeds(0..20, |random| {
        let plans = [Plan::sending(1_000_000), Plan::sending(1_000_000)];
        let mut config = NetworkConfig::new(plans[1]);
        for impairments in &mut config.impairments {
            impairments.duplication = 300;
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        for host in &network.hosts {
            let counters = host.engine.counters();
            assert_eq!((counters.retransmits_timeout, counters.recoveries), (0, 0));
        }
    });
}
