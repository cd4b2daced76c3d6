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

/// Two streams among forged segments, each step judged.
pub(crate) fn suffer(random: &mut Random) {
    let mut plans = Plan::pair(random, 50_000);
    for plan in &mut plans {
        plan.trust = Trust::Nobody;
    }
    let mut network = hostile(plans[1], random).build(random);
    network.connect(random.pick(&[Family::V4, Family::V6]), plans[0]);
    network.run_for(Span::from_secs(random.within(1..200)));
    network.cut();
    network.settle();
    network.assert_baseline_but_for_the_silent();
}

#[test]
pub(crate) fn forged_segments_break_no_rule() {
    for_seeds(0..2_000, suffer);
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
