//! Every way in which a connection can begin, or fail to.

use netstack::{AddressOwner, CloseReason, Span};
use netstack_simulator::{Ending, Family, NetworkConfig, PORT, Plan, Ports, for_seeds};

use crate::transfer::assert_delivered;

#[test]
pub(crate) fn both_may_open_at_once() {
    for_seeds(0..300, |random| {
        let plans = [Plan::sending(20_000), Plan::sending(30_000)];
        let mut config = NetworkConfig::new(plans[1]);
        config.impairments[0].loss = random.pick(&[0, 0, 100]);
        config.impairments[1].loss = random.pick(&[0, 0, 100]);
        let mut network = config.build(random);
        let now = network.now;
        let ports = [Ports { local: 1_000, remote: 2_000 }, Ports { local: 2_000, remote: 1_000 }];
        for side in 0..2 {
            network.hosts[side].connect(now, Family::V4, ports[side], plans[side]);
        }
        let lost = random.chance(500);
        if !lost {
            network.run_for(Span::from_millis(1));
        }
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn a_port_where_nobody_listens_refuses() {
    for family in [Family::V4, Family::V6] {
        for_seeds(0..20, |random| {
            let plan = Plan::sending(100);
            let mut network = NetworkConfig::new(plan).build(random);
            let ports = Ports { local: 0, remote: 81 };
            let now = network.now;
            network.hosts[0].connect(now, family, ports, plan);
            network.settle();
            network.assert_baseline();
            assert_eq!(network.hosts[0].outcomes[0].closed, Some(CloseReason::Refused));
            assert_eq!(network.hosts[1].outcomes, []);
        });
    }
}

#[test]
pub(crate) fn a_host_that_is_not_there_times_out() {
    for_seeds(0..5, |random| {
        let plan = Plan::sending(100);
        let mut network = NetworkConfig::new(plan).build(random);
        network.cut();
        network.connect(Family::V4, plan);
        network.settle();
        network.assert_baseline();
        let closed = network.hosts[0].outcomes[0].closed;
        let expected = [Some(CloseReason::HandshakeTimeout), Some(CloseReason::Unreachable)];
        assert!(expected.contains(&closed), "{closed:?}");
    });
}

#[test]
pub(crate) fn a_client_that_is_gone_leaves_no_half_open_connection() {
    for_seeds(0..40, |random| {
        let plan = Plan::sending(100);
        let mut network = NetworkConfig::new(plan).build(random);
        network.connect(Family::V4, plan);
        // 5 ms each way: ARP there and back, then the SYN arrives at 15 ms.
        network.run_for(Span::from_millis(random.within(15..20)));
        assert_eq!(network.hosts[1].engine.held().half_open.count, 1);
        network.cut();
        network.settle();
        network.assert_baseline();
        assert_eq!(network.hosts[1].outcomes, []);
    });
}

#[test]
pub(crate) fn the_same_two_ends_can_be_used_again_at_once() {
    for_seeds(0..50, |random| {
        let plans = [Plan::sending(1_000), Plan::sending(1_000)];
        let mut network = NetworkConfig::new(plans[1]).build(random);
        let ports = Ports { local: 5_000, remote: PORT };
        for round in 1..=5 {
            // Whichever side is in TIME-WAIT, a new SYN with a higher number takes its place.
            let now = network.now;
            let mut server_first = plans[0];
            server_first.ending = Ending::FinishAfterPeer;
            network.hosts[0].connect(now, Family::V4, ports, server_first);
            network.run_until(Span::from_secs(50), |network| {
                network.hosts.iter().all(|host| host.outcomes.len() == round)
            });
        }
        network.settle();
        network.assert_baseline();
        for outcome in network.hosts.iter().flat_map(|host| &host.outcomes) {
            assert_eq!((outcome.received, outcome.closed), (1_000, Some(CloseReason::Finished)));
        }
    });
}

#[test]
pub(crate) fn engines_under_a_kernel_that_owns_the_addresses_say_nothing_but_tcp() {
    for family in [Family::V4, Family::V6] {
        for_seeds(0..20, |random| {
            let plans = [Plan::sending(20_000), Plan::sending(30_000)];
            let mut config = NetworkConfig::new(plans[1]);
            for host in &mut config.hosts {
                host.owner = AddressOwner::Kernel;
            }
            let mut network = config.build(random);
            // Only who opens has to be told: answers go where the frames came from.
            network.hosts[0].tell_neighbor(family);
            network.connect(family, plans[0]);
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            for host in &network.hosts {
                assert_eq!(host.engine.counters().neighbor_and_echo_answers, 0);
            }
        });
    }
}
