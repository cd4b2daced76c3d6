//! When all peers are gone, everything is back where it was: invariant 16 of the design.

use netstack::{Keepalive, Span};
use netstack_simulator::{Ending, Family, Impairments, NetworkConfig, Plan, Random, for_seeds};

#[test]
pub(crate) fn hundreds_of_connections_that_end_in_every_way_leave_nothing() {
    for_seeds(0..12, |random| {
        let mut server = Plan::sending(3_000);
        server.ending = random.pick(&[
            Ending::Finish,
            Ending::FinishAfterPeer,
            Ending::LetGo,
            Ending::LetGoAfterPeer,
            Ending::Abort { after_received: 500 },
        ]);
        let mut config = NetworkConfig::new(server);
        let loss = random.pick(&[0, 50]);
        config.impairments = [Impairments { loss, ..Impairments::NONE }; 2];
        for host in &mut config.hosts {
            host.tcp.keepalive = Some(Keepalive {
                idle: Span::from_secs(20),
                interval: Span::from_secs(5),
                probes_max: 3,
            });
        }
        let mut network = config.build(random);
        for _ in 0..500 {
            let mut client = Plan::sending(2_000);
            client.ending = random.pick(&[
                Ending::Finish,
                Ending::FinishAfterPeer,
                Ending::LetGo,
                Ending::LetGoAfterPeer,
                Ending::Abort { after_received: 0 },
                Ending::Abort { after_received: 1_000 },
            ]);
            network.connect(random.pick(&[Family::V4, Family::V6]), client);
            network.run_for(Span::from_micros(random.within(0..3_000)));
        }
        // Half of the runs: the link is cut in the middle, and nobody says goodbye.
        if random.chance(500) {
            network.cut();
        } else {
            // Two that wait for each other for ever are kept alive by their keepalive.
            network.run_for(Span::from_secs(30));
            network.cut();
        }
        network.settle();
        network.assert_baseline();
    });
}

#[test]
pub(crate) fn equal_seeds_give_equal_runs() {
    for_seeds(0..20, |random| {
        let run = |mut random: Random| {
            let plans = Plan::pair(&mut random, 50_000);
            let mut network = NetworkConfig::impaired(plans[1], &mut random).build(&mut random);
            network.connect(Family::V6, plans[0]);
            network.settle();
            let [client, server] = &network.cables;
            (network.now, client.frames(), server.frames(), client.digest(), server.digest())
        };
        assert_eq!(run(random.clone()), run(random.clone()));
    });
}
