//! The tail loss probe and the timeout behind it. RFC 8985 §6.3, §7.

use super::host::{Host, Peer};
use super::recovery::{in_flight, report, sequence_numbers};
use crate::{ConnectionId, Span};

const SEGMENT: u32 = 1_460;

fn write(host: &mut Host, id: ConnectionId, bytes: usize) {
    host.engine.send(host.now, id, std::vec![b'y'; bytes]).expect("there is room");
    host.segments();
}

/// The peer acknowledges so many bytes more, 20 ms from now.
fn acknowledge(host: &mut Host, peer: &mut Peer, bytes: u32) {
    host.now += Span::from_millis(20);
    peer.ack += bytes;
    host.receive(peer.frame(&[]));
}

/// Probes and timeouts so far.
fn repeats(host: &Host) -> (u64, u64) {
    let counters = host.engine.counters();
    (counters.loss_probes, counters.retransmits_timeout)
}

/// A server with a measured round trip of 20 ms and nothing in flight: its timeout is 200 ms.
fn measured() -> (Host, Peer, ConnectionId) {
    let (mut host, mut peer, id) = in_flight(1, |_| {});
    peer.ack += SEGMENT;
    host.receive(peer.frame(&[]));
    host.segments();
    (host, peer, id)
}

#[test]
fn where_the_timeout_would_come_first_a_probe_takes_its_place() {
    // Two round trips and what a peer may delay its ACK: 240 ms.
    let (mut host, peer, id) = measured();
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(199));
    assert_eq!(sequence_numbers(&mut host), []);
    host.sleep(Span::from_millis(2));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    assert_eq!(repeats(&host), (1, 0));
    assert!(host.engine.send_view(id).expect("it lives").cwnd_bytes >= 14_600);
    host.sleep(Span::from_millis(201));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    assert_eq!(repeats(&host), (1, 1));
}

#[test]
fn data_that_follows_does_not_put_a_probe_off() {
    let (mut host, _, id) = measured();
    for _ in 0..7 {
        write(&mut host, id, 1_460);
        host.sleep(Span::from_millis(30));
    }
    host.segments();
    assert_eq!(repeats(&host), (1, 0), "at 200 ms, though 42 ms had not passed since the last");
}

#[test]
fn there_is_no_second_probe_before_a_round_trip_was_measured() {
    let (mut host, mut peer, id) = measured();
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(201));
    host.segments();
    // Which of the two it answers nobody knows: no sample.
    acknowledge(&mut host, &mut peer, SEGMENT);
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(201));
    host.segments();
    assert_eq!(repeats(&host), (1, 1));
    acknowledge(&mut host, &mut peer, SEGMENT);
    write(&mut host, id, 1_460);
    acknowledge(&mut host, &mut peer, SEGMENT);
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(201));
    host.segments();
    assert_eq!(repeats(&host), (2, 1), "with a sample there is one again");
}

#[test]
fn a_duplicate_beside_new_data_says_that_the_probe_was_needless() {
    let (mut host, mut peer, id) = measured();
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(201));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    acknowledge(&mut host, &mut peer, SEGMENT);
    write(&mut host, id, 1_460);
    // The peer does without D-SACK: this answers the probe, and not what is in flight.
    acknowledge(&mut host, &mut peer, 0);
    acknowledge(&mut host, &mut peer, SEGMENT);
    assert_eq!(host.engine.counters().loss_probes_repaired, 0);
}

#[test]
fn a_timeout_gives_up_only_what_was_sent_a_round_trip_ago() {
    let (mut host, mut peer, id) = measured();
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(201));
    assert_eq!(sequence_numbers(&mut host), [peer.ack], "the probe");
    host.sleep(Span::from_millis(195));
    write(&mut host, id, 1_460);
    host.sleep(Span::from_millis(8));
    assert_eq!(sequence_numbers(&mut host), [peer.ack], "and not what has just been sent");
    assert_eq!(repeats(&host), (1, 1));
    // The original had only been late.
    host.now += Span::from_millis(5);
    peer.ack += SEGMENT;
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host), []);
    acknowledge(&mut host, &mut peer, SEGMENT);
    assert_eq!(host.engine.counters().bytes_retransmitted, 2 * 1_460);
}

#[test]
fn what_is_doubtful_does_not_hide_what_is_not() {
    // The first is taken for lost and goes out again, and its original comes late.
    let (mut host, mut peer, _) = in_flight(10, |_| {});
    report(&mut peer, 1, 4);
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host), [peer.ack]);
    // With it comes news of what was sent behind the fifth: that one is lost, whoever was answered.
    host.now += Span::from_millis(1);
    peer.ack += 4 * SEGMENT;
    peer.sack = Default::default();
    report(&mut peer, 1, 5);
    host.receive(peer.frame(&[]));
    assert_eq!(sequence_numbers(&mut host).first(), Some(&peer.ack));
}
