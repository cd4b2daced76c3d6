//! Receivers that do not read, and senders that wait for them.

use netstack::Span;
use netstack_simulator::{Family, NetworkConfig, Plan, Reader, for_seeds};

use crate::transfer::assert_delivered;

#[test]
pub(crate) fn a_window_that_was_closed_opens_again() {
    for_seeds(0..200, |random| {
        let asleep = Reader::Asleep(Span::from_millis(random.within(100..60_000)));
        let plans = [Plan::sending(300_000), Plan::sending(0).reader(asleep)];
        let mut config = NetworkConfig::impaired(plans[1], random);
        config.hosts[1].tcp.receive_window_bytes = 40_000;
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn a_closed_window_is_probed_and_holds_what_it_promised() {
    for_seeds(0..20, |random| {
        let asleep = Reader::Asleep(Span::from_secs(100));
        let plans = [Plan::sending(300_000), Plan::sending(0).reader(asleep)];
        let mut config = NetworkConfig::new(plans[1]);
        config.hosts[1].tcp.receive_window_bytes = 40_000;
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        network.run_for(Span::from_secs(90));
        let held = network.hosts[1].engine.held();
        let payload = network.hosts[1].engine.counters().bytes_received;
        assert!(payload <= 40_000, "{payload} bytes in a window of 40,000: {held:?}");
        let probes = network.hosts[0].engine.counters().window_probes;
        assert!((3..=60).contains(&probes), "{probes} probes in 90 s");
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn a_slow_reader_slows_the_sender() {
    for_seeds(0..100, |random| {
        let paced = Reader::Paced(Span::from_micros(random.within(100..5_000)));
        let plans = [Plan::sending(200_000).reader(paced), Plan::sending(200_000).reader(paced)];
        let mut config = NetworkConfig::impaired(plans[1], random);
        for host in &mut config.hosts {
            host.tcp.receive_window_bytes = 20_000;
        }
        let mut network = config.build(random);
        network.connect(Family::V6, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn a_connection_holds_few_frames_however_small_the_segments() {
    for_seeds(0..20, |random| {
        let asleep = Reader::Asleep(Span::from_secs(20));
        let mut client = Plan::sending(5_000);
        client.buffer_max = 1;
        let plans = [client, Plan::sending(0).reader(asleep)];
        let mut network = NetworkConfig::new(plans[1]).build(random);
        network.connect(Family::V4, plans[0]);
        network.run_for(Span::from_secs(10));
        let frames = network.hosts[1].frames.count();
        assert!(frames <= 64, "{frames} frames");
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn a_sender_without_room_is_always_told_when_there_is_some() {
    for_seeds(0..300, |random| {
        let plans = [Plan::sending(400_000), Plan::sending(400_000)];
        let mut config = NetworkConfig::impaired(plans[1], random);
        for (host, impairments) in config.hosts.iter_mut().zip(&mut config.impairments) {
            // The queue follows the congestion window, and that goes up and down.
            host.tcp.send_queue_bytes_min = 2_000;
            impairments.loss = 30;
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}
