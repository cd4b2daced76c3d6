//! Every table and queue has a limit, and what is beyond it does no harm.

use netstack::{DropReason, Span, SynCookies};
use netstack_simulator::{Family, Network, NetworkConfig, Plan, Reader, for_seeds};

use crate::transfer::assert_delivered;

/// Opens `count` connections at once.
fn connect_many(network: &mut Network, count: usize, plan: Plan) {
    for _ in 0..count {
        network.connect(Family::V4, plan);
    }
}

#[test]
pub(crate) fn half_open_connections_stay_within_their_limit() {
    for_seeds(0..10, |random| {
        let plan = Plan::sending(1_000);
        let mut config = NetworkConfig::new(plan);
        config.hosts[1].limits.half_open_max = 10;
        config.hosts[1].tcp.syn_cookies = SynCookies::Off;
        let mut network = config.build(random);
        connect_many(&mut network, 40, plan);
        for _ in 0..100 {
            network.run_for(Span::from_micros(500));
            assert!(network.hosts[1].engine.held().half_open.count <= 10);
        }
        network.settle();
        network.assert_baseline();
        let counters = network.hosts[1].engine.counters();
        assert!(counters.drops(DropReason::HalfOpenFull) >= 30);
        // Ten of those whose SYN was dropped get in with each of its retransmissions.
        assert_eq!(network.hosts[1].outcomes.len(), 40);
    });
}

#[test]
pub(crate) fn records_of_time_wait_stay_within_their_limit() {
    for_seeds(0..10, |random| {
        let plan = Plan::sending(1_000);
        let mut config = NetworkConfig::new(plan);
        for host in &mut config.hosts {
            host.limits.time_wait_max = 5;
        }
        let mut network = config.build(random);
        connect_many(&mut network, 100, plan);
        network.run_for(Span::from_secs(1));
        for host in &network.hosts {
            assert!(host.engine.held().time_wait.count <= 5);
            assert_eq!(host.outcomes.len(), 100);
        }
        let full = network.hosts.iter().map(|host| host.engine.counters().time_wait_full);
        assert!(full.sum::<u64>() > 0);
        network.settle();
        network.assert_baseline();
    });
}

#[test]
pub(crate) fn connections_beyond_the_limit_wait_or_fail_and_the_others_do_not_notice() {
    for_seeds(0..10, |random| {
        let plan = Plan::sending(1_000);
        let mut config = NetworkConfig::new(plan);
        config.hosts[1].limits.connections_max = 20;
        let mut network = config.build(random);
        connect_many(&mut network, 50, plan);
        network.settle();
        network.assert_baseline();
        let served = &network.hosts[1].outcomes;
        assert!(served.len() >= 20, "{} were served", served.len());
        for outcome in served {
            assert_eq!((outcome.received, outcome.peer_finished), (1_000, true));
        }
        assert_eq!(network.hosts[0].outcomes.len(), 50);
    });
}

#[test]
pub(crate) fn few_ranges_and_bytes_out_of_order_only_cost_time() {
    for_seeds(0..100, |random| {
        let plans = Plan::pair(random, 100_000);
        let mut config = NetworkConfig::impaired(plans[1], random);
        for (host, impairments) in config.hosts.iter_mut().zip(&mut config.impairments) {
            host.limits.out_of_order_ranges_max = 2;
            host.limits.out_of_order_bytes_max = 10_000;
            impairments.loss = 40;
            impairments.reordering = 60;
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn payload_beyond_the_frames_of_a_connection_is_copied_out() {
    for_seeds(0..50, |random| {
        let asleep = Reader::Asleep(Span::from_secs(2));
        let plans = [Plan::sending(100_000), Plan::sending(0).reader(asleep)];
        let mut config = NetworkConfig::impaired(plans[1], random);
        config.hosts[1].limits.frames_per_connection_max = 3;
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        while network.now.as_millis() < 1_900 {
            network.run_for(Span::from_millis(50));
            assert!(network.hosts[1].frames.count() <= 3);
        }
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        assert!(network.hosts[1].engine.counters().copied_out_bytes > 0);
    });
}

#[test]
pub(crate) fn every_mtu_works_and_is_kept_to() {
    for mtu_bytes in [1_280, 1_500, 9_000, 65_535] {
        for_seeds(0..20, |random| {
            let plans = Plan::pair(random, 300_000);
            let family = random.pick(&[Family::V4, Family::V6]);
            let mut config = NetworkConfig::impaired(plans[1], random);
            // The other side's MTU may be larger: the MSS option says what fits.
            config.hosts[0].mtu_bytes = mtu_bytes;
            let mut network = config.build(random);
            network.connect(family, plans[0]);
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            for cable in &network.cables {
                let smaller = usize::from(mtu_bytes.min(1_500));
                assert!(cable.longest_frame() <= smaller + 14, "{}", cable.longest_frame());
            }
        });
    }
}
