//! Routers mark instead of dropping, and senders heed the marks.

use netstack::{EcnBackoff, EcnFeedback, EcnMode, EcnOption, Span};
use netstack_simulator::{Bottleneck, Ending, Family, Impairments, NetworkConfig, Plan, for_seeds};

use crate::transfer::assert_delivered;

#[test]
pub(crate) fn a_queue_that_marks_is_filled_without_loss() {
    for (family, backoff, feedback) in [
        (Family::V4, EcnBackoff::AsLoss, EcnFeedback::Classic),
        (Family::V6, EcnBackoff::Alternative, EcnFeedback::Classic),
        (Family::V4, EcnBackoff::Alternative, EcnFeedback::Accurate),
        (Family::V6, EcnBackoff::AsLoss, EcnFeedback::Accurate),
    ] {
        for_seeds(0..5, |random| {
            let plans = [Plan::sending(3_000_000), Plan::sending(0)];
            let mut config = NetworkConfig::new(plans[1]);
            config.hosts[0].tcp.ecn = EcnMode::On;
            config.hosts[0].tcp.ecn_backoff = backoff;
            for host in &mut config.hosts {
                host.tcp.ecn_feedback = feedback;
            }
            // 10 Mbit/s and 20 ms; marks from the path's product on, and room for slow start.
            config.impairments[0] = Impairments {
                delay: Span::from_millis(10),
                bottleneck: Some(Bottleneck {
                    bytes_per_ms: 1_250,
                    queue_bytes: 200_000,
                    marks_above_bytes: 25_000,
                }),
                ..Impairments::NONE
            };
            let mut network = config.build(random);
            network.connect(family, plans[0]);
            network.run_until(Span::from_secs(60), |network| {
                let server = &network.hosts[1];
                server
                    .outcomes
                    .iter()
                    .chain(server.living())
                    .any(|outcome| outcome.received == 3_000_000)
            });
            let taken = network.now.as_millis();
            assert!(taken < 2_900, "{taken} ms for 3 MB at 1250 B/ms");
            let outcomes = network.finish();
            assert_delivered(&outcomes, plans);
            let marked = network.cables[0].counts().marked;
            assert_eq!(network.hosts[1].engine.counters().ecn_marks_received, marked);
            let counters = network.hosts[0].engine.counters();
            assert_eq!(counters.bytes_retransmitted, 0, "marks came before loss");
            if feedback == EcnFeedback::Accurate {
                assert_eq!(counters.ecn_echoes_received, marked, "each is told once");
            }
            assert!(counters.ecn_reductions > 3, "{} reductions", counters.ecn_reductions);
        });
    }
}

#[test]
pub(crate) fn marks_and_every_impairment_together_lose_no_byte() {
    for_seeds(0..300, |random| {
        let plans = Plan::pair(random, 100_000);
        let mut config = NetworkConfig::impaired(plans[1], random);
        for (host, impairments) in config.hosts.iter_mut().zip(&mut config.impairments) {
            host.tcp.ecn = random.pick(&[EcnMode::Off, EcnMode::Passive, EcnMode::On]);
            host.tcp.ecn_feedback = random.pick(&[EcnFeedback::Classic, EcnFeedback::Accurate]);
            host.tcp.ecn_option = random.pick(&[EcnOption::Off, EcnOption::On]);
            impairments.marking = random.within(0..500);
        }
        let family = random.pick(&[Family::V4, Family::V6]);
        let asked = config.hosts[0].tcp.ecn == EcnMode::On;
        let mut network = config.build(random);
        network.connect(family, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        for host in &network.hosts {
            let negotiated = host.engine.counters().ecn_negotiated;
            assert!(negotiated <= u64::from(asked), "nobody asked");
        }
    });
}

#[test]
pub(crate) fn who_is_not_asked_sends_nothing_that_can_be_marked() {
    for_seeds(0..20, |random| {
        let plans = Plan::pair(random, 100_000);
        let mut config = NetworkConfig::impaired(plans[1], random);
        for impairments in &mut config.impairments {
            impairments.marking = 1_000;
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        network.finish();
        assert_eq!([0, 1].map(|side| network.cables[side].counts().marked), [0, 0]);
    });
}

#[test]
pub(crate) fn bytes_are_told_by_the_field_that_they_came_with() {
    for_seeds(0..20, |random| {
        let plans = [300_000, 0].map(|bytes| Plan::sending(bytes).ending(Ending::Never));
        let mut config = NetworkConfig::new(plans[1]);
        config.hosts[0].tcp.ecn = EcnMode::On;
        for host in &mut config.hosts {
            host.tcp.ecn_feedback = EcnFeedback::Accurate;
        }
        config.impairments[0].marking = random.within(1..700);
        // Where ACKs get lost, the last news may be among them.
        let lossy = random.chance(500);
        config.impairments[1].loss = if lossy { 200 } else { 0 };
        let mut network = config.build(random);
        network.connect(random.pick(&[Family::V4, Family::V6]), plans[0]);
        network.run_for(Span::from_secs(60));
        let [sent, received] = [0, 1].map(|side| {
            let engine = &network.hosts[side].engine;
            let id = engine.connections().next().expect("it stays");
            engine.info(network.now, id).expect("it stays")
        });
        assert_eq!((received.bytes_received, sent.bytes_acked), (300_000, 300_000));
        let (Some(counted), Some(told)) = (received.ecn_received, sent.ecn_told) else {
            assert!(lossy, "feedback is accurate unless SYN-ACKs got lost");
            return;
        };
        let marked = network.cables[0].counts().marked_bytes;
        assert_eq!((u64::from(counted.ce), counted.ect1), (marked, 0));
        assert!(u64::from(counted.ect0) + marked <= 300_000);
        assert!(told.ce <= counted.ce && told.ect0 <= counted.ect0);
        if !lossy {
            assert_eq!(u64::from(counted.ect0) + marked, 300_000, "all of it was new data");
            assert_eq!(told, counted);
        }
    });
}
