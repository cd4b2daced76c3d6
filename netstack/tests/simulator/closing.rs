//! Every order in which a connection can end.

use netstack::{CloseReason, Keepalive, Span};
use netstack_simulator::{Ending, Family, NetworkConfig, Plan, for_seeds};

use crate::transfer::assert_delivered;

/// Runs one connection on a link that is bad in any way, and checks both streams.
fn orderly(client: Ending, server: Ending) {
    for_seeds(0..200, |random| {
        let bytes = random.pick(&[0, 1, 5_000, 60_000]);
        let plans = [Plan::sending(bytes).ending(client), Plan::sending(bytes).ending(server)];
        let mut network = NetworkConfig::impaired(plans[1], random).build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn the_client_finishes_first() {
    orderly(Ending::Finish, Ending::FinishAfterPeer);
}

#[test]
pub(crate) fn the_server_finishes_first() {
    orderly(Ending::FinishAfterPeer, Ending::Finish);
}

#[test]
pub(crate) fn both_finish_at_once() {
    orderly(Ending::Finish, Ending::Finish);
}

#[test]
pub(crate) fn the_client_finishes_and_the_server_lets_go() {
    orderly(Ending::Finish, Ending::LetGoAfterPeer);
}

#[test]
pub(crate) fn the_server_finishes_and_the_client_lets_go() {
    orderly(Ending::LetGoAfterPeer, Ending::Finish);
}

#[test]
pub(crate) fn a_half_closed_client_gets_its_whole_answer() {
    for_seeds(0..200, |random| {
        let client = Plan::sending(100).ending(Ending::Finish);
        let server = Plan::sending(150_000).ending(Ending::FinishAfterPeer);
        let mut network = NetworkConfig::impaired(server, random).build(random);
        network.connect(Family::V6, client);
        let outcomes = network.finish();
        assert_delivered(&outcomes, [client, server]);
    });
}

#[test]
pub(crate) fn a_half_closed_server_gets_the_whole_upload() {
    for_seeds(0..200, |random| {
        let client = Plan::sending(150_000).ending(Ending::FinishAfterPeer);
        let server = Plan::sending(100).ending(Ending::Finish);
        let mut network = NetworkConfig::impaired(server, random).build(random);
        network.connect(Family::V6, client);
        let outcomes = network.finish();
        assert_delivered(&outcomes, [client, server]);
    });
}

#[test]
pub(crate) fn a_reset_ends_both_sides_wherever_it_comes() {
    for_seeds(0..400, |random| {
        // A client that resets before it received anything may do so before it is accepted.
        let after_received = random.pick(&[1, 3_000, 40_000]);
        let abort = Ending::Abort { after_received };
        let stay = Plan::sending(80_000).ending(Ending::Never);
        let side = usize::from(random.chance(500));
        let mut plans = [stay; 2];
        plans[side] = stay.ending(abort);
        let mut network = NetworkConfig::new(plans[1]).build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_eq!(outcomes[side].closed, Some(CloseReason::Aborted));
        assert_eq!(outcomes[1 - side].closed, Some(CloseReason::ResetByPeer));
    });
}

#[test]
pub(crate) fn a_reset_on_a_bad_link_leaves_nothing_behind() {
    for_seeds(0..400, |random| {
        let after_received = random.pick(&[0, 1, 3_000, 40_000]);
        let abort = Ending::Abort { after_received };
        let stay = Plan::sending(80_000).ending(Ending::Never);
        let side = usize::from(random.chance(500));
        let mut plans = [stay; 2];
        plans[side] = stay.ending(abort);
        let mut config = NetworkConfig::impaired(plans[1], random);
        // A lost RST leaves a peer that has nothing to send: only a keepalive finds out.
        for host in &mut config.hosts {
            host.tcp.keepalive = Some(Keepalive {
                idle: Span::from_secs(30),
                interval: Span::from_secs(5),
                probes_max: 5,
            });
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        network.settle();
        network.assert_baseline();
    });
}

#[test]
pub(crate) fn one_that_lets_go_resets_what_comes_later() {
    for_seeds(0..200, |random| {
        let client = Plan::sending(500).ending(Ending::LetGo);
        let server = Plan::sending(3_000_000).ending(Ending::Never);
        let mut network = NetworkConfig::new(server).build(random);
        network.connect(Family::V4, client);
        let outcomes = network.finish();
        assert!(outcomes[0].let_go);
        assert_eq!(outcomes[1].received, 500);
        assert_eq!(outcomes[1].closed, Some(CloseReason::ResetByPeer));
    });
}

#[test]
pub(crate) fn a_peer_that_is_gone_is_given_up() {
    for_seeds(0..40, |random| {
        let plans = [Plan::sending(10_000_000), Plan::sending(10_000_000)];
        let mut network = NetworkConfig::new(plans[1]).build(random);
        network.connect(Family::V4, plans[0]);
        network.run_for(Span::from_millis(random.within(40..200)));
        network.cut();
        let outcomes = network.finish();
        for outcome in outcomes {
            assert_eq!(outcome.closed, Some(CloseReason::UserTimeout));
        }
    });
}

#[test]
pub(crate) fn a_silent_peer_that_is_gone_is_found_by_keepalive() {
    for_seeds(0..40, |random| {
        let stay = Plan::sending(100).ending(Ending::Never);
        let mut config = NetworkConfig::new(stay);
        for host in &mut config.hosts {
            host.tcp.keepalive = Some(Keepalive {
                idle: Span::from_secs(30),
                interval: Span::from_secs(5),
                probes_max: 3,
            });
        }
        let mut network = config.build(random);
        network.connect(Family::V4, stay);
        // While the peer answers, the connection lives.
        network.run_for(Span::from_secs(600));
        assert_eq!(network.hosts[0].living().count(), 1);
        network.cut();
        let outcomes = network.finish();
        for outcome in outcomes {
            assert_eq!(outcome.closed, Some(CloseReason::KeepaliveTimeout));
        }
    });
}

#[test]
pub(crate) fn one_that_is_let_go_while_the_peer_is_gone_ends() {
    for_seeds(0..40, |random| {
        let client = Plan::sending(50_000).ending(Ending::LetGo);
        let server = Plan::sending(50_000).ending(Ending::LetGoAfterPeer);
        let mut network = NetworkConfig::new(server).build(random);
        network.connect(Family::V4, client);
        network.run_for(Span::from_millis(random.within(12..40)));
        network.cut();
        network.settle();
        let server = &network.hosts[1];
        // Without data in flight and without keepalive the server's side may stay for ever.
        if server.living().count() == 0 {
            network.assert_baseline();
        }
        assert_eq!(network.hosts[0].engine.held().tcbs.count, 0);
    });
}
