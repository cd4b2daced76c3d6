//! What happens to two honest hosts on a good link almost never: segments made by hand, at the
//! moment at which they mean something.

use netstack::{CloseReason, Nagle, Span};
use netstack_simulator::{
    Ending, Family, Network, NetworkConfig, Plan, Ports, Reader, fill_checksum, for_seeds,
};

use crate::transfer::assert_delivered;

/// Where TCP starts in a frame with IPv4.
const TCP_AT: usize = 34;

/// The number at `at` of a frame's TCP header.
fn number(frame: &[u8], at: usize) -> u32 {
    let [a, b, c, d] = frame[TCP_AT + at..TCP_AT + at + 4] else { panic!("four octets") };
    u32::from_be_bytes([a, b, c, d])
}

/// A segment of the same options as `syn`, which is over IPv4.
fn like(syn: &[u8], seq: u32, ack: u32, flags: u8) -> Vec<u8> {
    let mut frame = syn.to_vec();
    frame[TCP_AT + 4..TCP_AT + 8].copy_from_slice(&seq.to_be_bytes());
    frame[TCP_AT + 8..TCP_AT + 12].copy_from_slice(&ack.to_be_bytes());
    frame[TCP_AT + 13] = flags;
    fill_checksum(&mut frame, TCP_AT);
    frame
}

/// The same frame the other way.
fn returned(frame: &[u8]) -> Vec<u8> {
    let mut back = frame.to_vec();
    for (from, to, len) in [(0, 6, 6), (26, 30, 4), (TCP_AT, TCP_AT + 2, 2)] {
        back[from..from + len].copy_from_slice(&frame[to..to + len]);
        back[to..to + len].copy_from_slice(&frame[from..from + len]);
    }
    back
}

/// Runs until host `side` has sent a SYN.
fn syn_of(network: &mut Network, side: usize) -> Vec<u8> {
    let sent = |network: &Network| network.cables[side].first_segment().is_some();
    network.run_until(Span::from_secs(1), sent);
    network.cables[side].first_segment().expect("it was sent").to_vec()
}

#[test]
pub(crate) fn a_syn_ack_of_another_connection_is_reset_and_the_open_goes_on() {
    for_seeds(0..10, |random| {
        let plans = [Plan::sending(10_000), Plan::sending(10_000)];
        let mut network = NetworkConfig::new(plans[1]).build(random);
        network.connect(Family::V4, plans[0]);
        let syn = syn_of(&mut network, 0);
        // Of one whose SYN was 1,000 before or behind this.
        let ack = number(&syn, 4).wrapping_add(random.pick(&[1_000, 0, 1_000u32.wrapping_neg()]));
        let now = network.now;
        network.hosts[0].receive(now, like(&returned(&syn), 7, ack, 0x12));
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn a_reset_ends_an_open_whose_syn_has_crossed_another() {
    for_seeds(0..10, |random| {
        let plan = Plan::sending(10_000);
        let mut network = NetworkConfig::new(plan).build(random);
        let now = network.now;
        let ports = [Ports { local: 1_000, remote: 2_000 }, Ports { local: 2_000, remote: 1_000 }];
        for (host, ports) in network.hosts.iter_mut().zip(ports) {
            host.connect(now, Family::V4, ports, plan);
        }
        let syns = [syn_of(&mut network, 0), syn_of(&mut network, 1)];
        // The SYNs take 5 ms, and their answers 5 more.
        network.run_for(Span::from_millis(7));
        let [ours, theirs] = syns.each_ref().map(|syn| number(syn, 4).wrapping_add(1));
        let now = network.now;
        network.hosts[0].receive(now, like(&syns[1], theirs, ours, 0x14));
        network.settle();
        network.assert_baseline();
        let closed = network.hosts.each_ref().map(|host| host.outcomes[0].closed);
        let [Some(first), Some(_)] = closed else { panic!("both are over: {closed:?}") };
        assert!(matches!(first, CloseReason::Refused | CloseReason::ResetByPeer), "{first:?}");
    });
}

#[test]
pub(crate) fn a_closed_window_still_takes_acknowledgments() {
    for_seeds(0..10, |random| {
        let asleep = Reader::Asleep(Span::from_secs(20));
        let plans = [Plan::sending(100_000), Plan::sending(500_000).reader(asleep)];
        let mut config = NetworkConfig::new(plans[1]);
        config.hosts[1].tcp.receive_window_bytes = 10 * 1_448;
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        network.run_for(Span::from_secs(10));
        // The sleeper's window has long been full, and its own stream is through.
        assert!(network.hosts[1].engine.counters().bytes_received <= 10 * 1_448);
        assert_eq!(network.hosts[0].engine.counters().bytes_received, 500_000);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}

#[test]
pub(crate) fn with_nagle_the_short_end_waits_for_what_is_in_flight() {
    for_seeds(0..10, |random| {
        let ending = Ending::FinishAfterPeer;
        let plans = [Plan::sending(20_001).ending(ending), Plan::sending(30_001)];
        let mut config = NetworkConfig::new(plans[1]);
        for host in &mut config.hosts {
            host.tcp.nagle = Nagle::On;
        }
        let mut network = config.build(random);
        network.connect(Family::V4, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
    });
}
