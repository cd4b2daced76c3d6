//! Text: in order, ahead of gaps, twice, from the past; what it may cost; when it is answered.

use super::host::{Host, Peer};
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::Timestamps;
use crate::{ConnectionId, DropReason, Event, Payload, Span, TcpState};

fn connected(change: impl FnOnce(&mut crate::Config)) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(change);
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer, id)
}

/// Sends `payload` as if `offset` bytes had been sent since the handshake.
fn send_at(host: &mut Host, peer: &Peer, offset: u32, payload: &[u8]) {
    let mut peer = *peer;
    peer.seq += offset;
    host.receive(peer.frame(payload));
}

#[test]
fn payload_stays_in_its_frame() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.send(&mut host, b"in place");
    assert_eq!(host.take_events(), [Event::Readable { id }]);
    let payload = host.engine.recv(id).expect("it is readable");
    assert!(matches!(payload, Payload::Frame { .. }));
    assert_eq!(&*payload, b"in place");
}

#[test]
fn a_gap_is_reported_and_then_filled_across_the_wrap() {
    // The peer's first byte is 4 before the wrap of sequence numbers.
    let (mut host, peer, id) = connected(|_| {});
    send_at(&mut host, &peer, 6, b"ghi");
    let (ack, _) = host.segments().pop().expect("an ACK at once");
    assert_eq!(ack.ack, Some(peer.seq));
    let crate::tcp::segment::Options::Other(options) = ack.options else { panic!("no SYN") };
    let blocks: std::vec::Vec<_> =
        options.sack.as_slice().iter().map(|block| (block.left, block.right)).collect();
    assert_eq!(blocks, [(peer.seq + 6, peer.seq + 9)]);
    assert_eq!(host.take_events(), []);
    send_at(&mut host, &peer, 0, b"abcdefg");
    assert_eq!(host.take_events(), [Event::Readable { id }]);
    assert_eq!(host.read(id), b"abcdefghi");
    let (ack, _) = host.segments().pop().expect("an ACK at once");
    assert_eq!(ack.ack, Some(peer.seq + 9));
    assert_eq!(host.engine.held().out_of_order.count, 0);
}

#[test]
fn what_was_received_is_not_received_again() {
    let (mut host, peer, id) = connected(|_| {});
    send_at(&mut host, &peer, 0, b"abc");
    assert_eq!(host.read(id), b"abc");
    host.segments();
    send_at(&mut host, &peer, 0, b"XYZ");
    assert_eq!(host.segments().len(), 1, "and answered at once");
    send_at(&mut host, &peer, 1, b"XYdef");
    assert_eq!(host.read(id), b"def");
}

#[test]
fn a_fin_ahead_of_a_gap_waits_for_it() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.flags = Flags::ACK | Flags::FIN;
    send_at(&mut host, &peer, 3, b"def");
    assert_eq!(host.state(), TcpState::Established);
    peer.flags = Flags::ACK;
    send_at(&mut host, &peer, 6, b"past the end");
    send_at(&mut host, &peer, 0, b"abc");
    assert_eq!(host.take_events(), [Event::Readable { id }, Event::PeerFinished { id }]);
    assert_eq!(host.read(id), b"abcdef");
    assert_eq!(host.state(), TcpState::CloseWait);
    assert_eq!(host.engine.counters().drops(DropReason::PastFin), 1);
}

#[test]
fn what_waits_out_of_order_is_bounded_by_what_it_costs() {
    let (mut host, peer, _) = connected(|config| {
        config.limits.out_of_order_bytes_max = 10 * 2_048;
        config.limits.out_of_order_ranges_max = 6;
    });
    for index in 0..20 {
        send_at(&mut host, &peer, 10 + 2 * index, b"x");
    }
    assert_eq!(host.engine.held().out_of_order.count, 6);
    for index in 0..20 {
        send_at(&mut host, &peer, 11 + 2 * index, b"x");
    }
    let held = host.engine.held().out_of_order;
    assert!(held.count <= 10 && held.bytes <= 10 * 2_048, "{held:?}");
    assert!(host.engine.counters().drops(DropReason::OutOfOrderFull) > 0);
}

#[test]
fn beyond_its_frames_a_connection_copies() {
    let (mut host, mut peer, id) = connected(|config| {
        config.limits.frames_per_connection_max = 4;
    });
    for _ in 0..1_000 {
        peer.send(&mut host, b"x");
    }
    let held = host.engine.held();
    assert_eq!((held.receive_frames.count, held.copied_out.count), (4, 1));
    assert_eq!(held.copied_out.bytes, 996);
    assert_eq!(host.read(id).len(), 1_000);
    assert_eq!(host.engine.held().copied_out.bytes, 0);
}

#[test]
fn pieces_that_were_copied_out_of_order_are_few_too() {
    let (mut host, peer, _) = connected(|config| {
        config.limits.frames_per_connection_max = 4;
        config.limits.out_of_order_bytes_max = 10 * 2_048;
    });
    for index in 0..100 {
        send_at(&mut host, &peer, 10 + index, b"x");
    }
    assert_eq!(host.engine.held().out_of_order.count, 10);
}

#[test]
fn a_coalesced_frame_is_no_measure_of_segments() {
    let (mut host, mut peer, id) = connected(|_| {});
    // Beyond the first ones, which are all acknowledged at once.
    for _ in 0..20 {
        peer.send(&mut host, &[b'x'; 1_000]);
        host.segments();
    }
    peer.send(&mut host, &[b'x'; 20_000]);
    assert_eq!(host.segments().len(), 1);
    host.read(id);
    host.segments();
    peer.send(&mut host, &[b'x'; 1_460]);
    assert_eq!(host.segments().len(), 0, "the first of two is acknowledged later");
    peer.send(&mut host, &[b'x'; 1_460]);
    assert_eq!(host.segments().len(), 1, "the second at once");
}

#[test]
fn an_old_timestamp_is_from_the_past() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    // Around the wrap of timestamps as well.
    peer.timestamps = Some(Timestamps { value: u32::MAX, echo: 0 });
    let id = peer.handshake(&mut host);
    let echo = peer.timestamps.expect("negotiated").echo;
    host.segments();
    peer.timestamps = Some(Timestamps { value: 3, echo });
    peer.send(&mut host, b"new");
    host.segments();
    peer.timestamps = Some(Timestamps { value: u32::MAX - 1, echo });
    host.receive(peer.frame(b"old"));
    assert_eq!(host.engine.counters().drops(DropReason::Paws), 1);
    assert_eq!(host.segments().len(), 1, "answered with an ACK");
    assert_eq!(host.read(id), b"new");
    // A RST is exempt.
    host.receive(peer.flagged(Flags::RST));
    assert_eq!(host.engine.counters().resets_received, 1);
}

#[test]
fn acknowledgments_are_delayed_and_every_second_segment_is_not() {
    let (mut host, mut peer, id) = connected(|_| {});
    // The first segments are acknowledged at once.
    for _ in 0..20 {
        peer.send(&mut host, &[b'x'; 1_000]);
        host.read(id);
        host.segments();
    }
    // From an even start: nothing is owed.
    host.sleep(Span::from_millis(50));
    host.segments();
    peer.send(&mut host, &[b'x'; 1_000]);
    assert_eq!(host.segments().len(), 0);
    peer.send(&mut host, &[b'x'; 1_000]);
    assert_eq!(host.segments().len(), 1);
    peer.send(&mut host, &[b'x'; 1_000]);
    assert_eq!(host.segments().len(), 0);
    host.sleep(Span::from_millis(41));
    assert_eq!(host.segments().len(), 1);
}

#[test]
fn one_ack_answers_a_burst() {
    let (mut host, mut peer, _) = connected(|_| {});
    for _ in 0..40 {
        peer.send(&mut host, &[b'x'; 1_000]);
    }
    assert_eq!(host.segments().len(), 1);
}

#[test]
fn a_silent_peer_is_probed_and_given_up() {
    let (mut host, mut peer, _) = connected(|config| {
        config.tcp.keepalive = Some(crate::Keepalive {
            idle: Span::from_secs(60),
            interval: Span::from_secs(10),
            probes_max: 3,
        });
    });
    host.sleep(Span::from_secs(61));
    let (probe, _) = host.segments().pop().expect("a probe");
    assert_eq!(probe.seq, peer.ack - 1);
    // An answer: the peer lives, and the idle time starts again.
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_secs(50));
    assert_eq!(host.segments().len(), 0);
    peer.send(&mut host, b"x");
    let mut probes = 0;
    for _ in 0..120 {
        host.sleep(Span::from_secs(1));
        probes += host.segments().iter().filter(|(segment, _)| segment.seq == peer.ack - 1).count();
    }
    assert_eq!(probes, 3);
    assert_eq!(host.close_reason(), Some(crate::CloseReason::KeepaliveTimeout));
    host.assert_baseline();
}
