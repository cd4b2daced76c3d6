//! Somebody on the path adds segments that nobody sent, with right checksums and live sequence
//! numbers. The streams may suffer; the engines may not: nothing panics, nothing goes in circles,
//! nothing is left behind.

use netstack::{Keepalive, Span};
use netstack_simulator::{
    Ending, Family, Network, NetworkConfig, Plan, Ports, Random, Trust, for_seeds,
};

/// A network on which every fourth segment has a forged companion.
fn hostile(plan: Plan, random: &mut Random) -> NetworkConfig {
    let mut config = NetworkConfig::impaired(plan, random);
    for (host, impairments) in config.hosts.iter_mut().zip(&mut config.impairments) {
        impairments.forgery = 250;
        host.tcp.keepalive = Some(Keepalive {
            idle: Span::from_secs(10),
            interval: Span::from_secs(2),
            probes_max: 3,
        });
    }
    config
}

/// The network, its steps not judged.
fn unjudged(config: NetworkConfig, random: &mut Random) -> Network {
    let mut network = config.build(random);
    for host in &mut network.hosts {
        host.engine.judge_nothing();
    }
    network
}

/// Two streams among forged segments, on the network that `build` makes of its configuration.
fn suffer(random: &mut Random, build: fn(NetworkConfig, &mut Random) -> Network) {
    let mut plans = Plan::pair(random, 50_000);
    for plan in &mut plans {
        plan.trust = Trust::Nobody;
    }
    let mut network = build(hostile(plans[1], random), random);
    network.connect(random.pick(&[Family::V4, Family::V6]), plans[0]);
    network.run_for(Span::from_secs(random.within(1..200)));
    network.cut();
    network.settle();
    network.assert_baseline_but_for_the_silent();
}

#[test]
pub(crate) fn forged_segments_break_no_engine() {
    for_seeds(0..2_000, |random| suffer(random, unjudged));
}

#[test]
pub(crate) fn forged_segments_break_no_rule() {
    // The single ones have found something: text behind the FIN that was kept, SACK that was not
    // agreed, a third duplicate that counted twice, a D-SACK and an ACK half of the circle away.
    for seeds in [0..160, 363..364, 598..599, 623..624, 129..130, 896..897, 1_683..1_684] {
        for_seeds(seeds, |random| suffer(random, NetworkConfig::build));
    }
}

#[test]
pub(crate) fn forged_segments_break_no_handshake_of_two_openers() {
    for_seeds(0..500, |random| {
        let mut plan = Plan::sending(5_000).ending(Ending::Finish);
        plan.trust = Trust::Nobody;
        let mut network = unjudged(hostile(plan, random), random);
        let now = network.now;
        let ports = [Ports { local: 1_000, remote: 2_000 }, Ports { local: 2_000, remote: 1_000 }];
        for (host, ports) in network.hosts.iter_mut().zip(ports) {
            host.connect(now, Family::V4, ports, plan);
        }
        network.run_for(Span::from_secs(100));
        network.cut();
        network.settle();
        network.assert_baseline_but_for_the_silent();
    });
}
