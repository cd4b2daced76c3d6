//! Windows: zero, probed, never to the left; who may send how little.

use super::host::{Host, Peer};
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::{CloseReason, ConnectionId, DropReason, Event, SendErrorKind, Span, TcpState};

fn connected(change: impl FnOnce(&mut crate::Config)) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(change);
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer, id)
}

#[test]
fn a_closed_window_is_probed_until_it_opens() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.window = 0;
    host.receive(peer.frame(&[]));
    host.engine.send(host.now, id, b"waiting".to_vec()).expect("there is room");
    assert!(host.segments().is_empty());
    let mut probes = 0;
    for _ in 0..30 {
        host.sleep(Span::from_secs(1));
        for (probe, payload) in host.segments() {
            assert_eq!((probe.seq, payload.len()), (peer.ack - 1, 0));
            probes += 1;
            host.receive(peer.frame(&[]));
        }
    }
    assert!((3..=8).contains(&probes), "{probes} probes in 30 s: it backs off");
    peer.window = 1_000;
    host.receive(peer.frame(&[]));
    let (_, payload) = host.segments().pop().expect("data");
    assert_eq!(payload, b"waiting");
}

#[test]
fn a_window_that_opens_ends_the_patience_with_a_closed_one() {
    let (mut host, mut peer, id) = connected(|config| {
        config.tcp.user_timeout = Span::from_secs(60);
    });
    peer.window = 0;
    host.receive(peer.frame(&[]));
    host.engine.send(host.now, id, b"waiting".to_vec()).expect("there is room");
    for _ in 0..50 {
        host.segments();
        host.sleep(Span::from_secs(1));
    }
    assert!(host.engine.info(host.now, id).expect("it lives").backoff > 3);
    peer.window = 1_000;
    host.receive(peer.frame(&[]));
    assert_eq!(host.segments().len(), 1);
    assert_eq!(host.engine.info(host.now, id).expect("it lives").backoff, 0);
    for _ in 0..50 {
        host.segments();
        host.sleep(Span::from_secs(1));
    }
    assert_eq!(host.close_reason(), None, "its own patience counts for what was sent");
}

#[test]
fn a_window_that_never_opens_ends_the_connection() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.window = 0;
    host.receive(peer.frame(&[]));
    host.engine.send(host.now, id, b"waiting".to_vec()).expect("there is room");
    for _ in 0..400 {
        host.segments();
        host.sleep(Span::from_secs(1));
    }
    assert_eq!(host.close_reason(), Some(CloseReason::UserTimeout));
    host.assert_baseline();
}

#[test]
fn nothing_is_sent_beyond_the_window() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.window = 2_000;
    host.receive(peer.frame(&[]));
    host.engine.send(host.now, id, vec_of(10_000)).expect("there is room");
    let sent: usize = host.segments().iter().map(|(_, payload)| payload.len()).sum();
    assert_eq!(sent, 1_460, "a whole segment, and no silly one behind it");
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(host.segments().len(), 1);
}

#[test]
fn the_right_edge_never_moves_left() {
    let (mut host, mut peer, id) = connected(|config| {
        config.tcp.receive_window_bytes = 300_000;
    });
    let scale = WindowScale::for_window(300_000);
    let mut edge = SeqNum::ZERO;
    for round in 0u16..200 {
        peer.send(&mut host, &vec_of(usize::from(round % 23 + 1)));
        if round % 3 == 0 {
            // Taken, but delivered onwards only in part.
            let taken = host.engine.recv(id).map_or(0, |payload| payload.len());
            host.engine.consumed(host.now, id, taken / 2);
        }
        for (ack, _) in host.segments() {
            let right = ack.ack.expect("an ACK") + (u32::from(ack.window) << scale.shift());
            assert!(edge == SeqNum::ZERO || right.after_or_eq(edge), "{edge} to {right}");
            edge = right;
        }
    }
}

#[test]
fn a_full_receive_window_refuses_text_and_takes_acks() {
    let (mut host, mut peer, id) = connected(|config| {
        config.tcp.receive_window_bytes = 1_000;
    });
    host.engine.send(host.now, id, b"out".to_vec()).expect("there is room");
    host.segments();
    peer.send(&mut host, &vec_of(1_000));
    let (full, _) = host.segments().pop().expect("an ACK");
    assert_eq!(full.window, 0);
    peer.ack += 3;
    host.receive(peer.frame(b"more"));
    assert_eq!(host.engine.counters().drops(DropReason::OutsideWindow), 1);
    let flight = host.engine.send_view(id).expect("it lives").flight_bytes;
    assert_eq!(flight, 0, "the ACK of the refused segment counts");
    host.segments();
    // The owner reads: the peer hears of it without asking.
    assert_eq!(host.read(id).len(), 1_000);
    let (update, _) = host.segments().pop().expect("a window update");
    assert_eq!(update.window, 1_000);
}

#[test]
fn an_ack_behind_a_window_whose_text_was_lost_counts() {
    let (mut host, mut peer, id) = connected(|config| {
        config.tcp.receive_window_bytes = 1_000;
    });
    host.engine.send(host.now, id, b"out".to_vec()).expect("there is room");
    host.segments();
    peer.ack += 3;
    peer.seq += 1_001;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.send_view(id).expect("it lives").flight_bytes, 3);
    peer.seq = peer.seq - 1;
    host.receive(peer.flagged(crate::wire::tcp::Flags::RST));
    assert_eq!(host.engine.counters().drops(DropReason::OutsideWindow), 2);
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.send_view(id).expect("it lives").flight_bytes, 0);
}

#[test]
fn a_full_send_queue_tells_when_there_is_room_again() {
    let (mut host, mut peer, id) = connected(|config| {
        config.tcp.send_queue_bytes_min = 20_000;
        config.tcp.send_queue_bytes_max = 20_000;
    });
    host.engine.send(host.now, id, vec_of(12_000)).expect("there is room");
    host.engine.send(host.now, id, vec_of(12_000)).expect("there is still some");
    assert_eq!(host.engine.send_view(id).expect("it lives").room_bytes, 0);
    host.engine.send(host.now, id, vec_of(1)).expect("what was under way is taken");
    for (segment, _) in host.segments() {
        peer.ack = segment.seq_end();
    }
    host.receive(peer.frame(&[]));
    assert_eq!(host.take_events(), [Event::Writable { id }]);
    assert_eq!(host.engine.held().send_buffers.count, 2, "the first buffer went back");
}

/// A server whose window has grown to 29,200 bytes and that was then idle for long.
fn idle_after_growth() -> (Host, Peer, ConnectionId) {
    let (mut host, mut peer, id) = connected(|config| config.tcp.send_queue_bytes_min = 1_000);
    host.engine.send(host.now, id, vec_of(14_600)).expect("there is room");
    host.segments();
    host.now += super::host::ROUND_TRIP;
    peer.ack += 14_600;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.send_view(id).expect("it lives").cwnd_bytes, 29_200);
    host.sleep(Span::from_secs(302));
    host.take_events();
    (host, peer, id)
}

#[test]
fn the_first_train_after_idleness_has_the_size_of_a_first_window() {
    let (mut host, mut peer, id) = idle_after_growth();
    host.engine.send(host.now, id, vec_of(29_200)).expect("there is room");
    let mut full = super::host::Wire { room: Some(0), ..Default::default() };
    assert_eq!(host.engine.poll_transmit(host.now, &mut full), crate::Transmitted::LinkFull);
    assert_eq!(host.segments().len(), 10);
    peer.ack += 14_600;
    host.receive(peer.frame(&[]));
    assert_eq!(host.segments().len(), 10);
}

#[test]
fn room_that_idleness_took_is_told_when_it_is_back() {
    let (mut host, mut peer, id) = idle_after_growth();
    host.engine.send(host.now, id, vec_of(30_000)).expect("there is room");
    host.segments();
    assert_eq!(host.engine.send_view(id).expect("it lives").room_bytes, 0);
    peer.ack += 14_600;
    host.receive(peer.frame(&[]));
    assert_eq!(host.take_events(), [Event::Writable { id }]);
}

#[test]
fn a_send_queue_has_an_end_whatever_the_owner_has_under_way() {
    let (mut host, _peer, id) = connected(|config| {
        config.tcp.send_queue_bytes_min = 20_000;
        config.tcp.send_queue_bytes_max = 20_000;
    });
    host.engine.send(host.now, id, vec_of(20_000 + (64 << 10))).expect("the queue is empty");
    let error = host.engine.send(host.now, id, vec_of(1)).expect_err("it is full");
    assert_eq!(error.kind, SendErrorKind::Full);
}

#[test]
fn a_full_link_loses_nothing() {
    let (mut host, mut peer, id) = connected(|_| {});
    host.engine.send(host.now, id, vec_of(10_000)).expect("there is room");
    let mut received = 0;
    for _ in 0..20 {
        let mut wire = super::host::Wire { room: Some(1), ..Default::default() };
        let _: crate::Transmitted = host.engine.poll_transmit(host.now, &mut wire);
        for (segment, payload) in wire.frames.iter().filter_map(|frame| super::host::parse(frame)) {
            assert_eq!(segment.seq, peer.ack + received, "in order, each once");
            received += u32::try_from(payload.len()).expect("a segment");
        }
    }
    assert_eq!(received, 10_000);
    peer.ack += received;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.held().send_buffers.count, 0);
    assert_eq!(host.state(), TcpState::Established);
}

fn vec_of(len: usize) -> std::vec::Vec<u8> {
    std::vec![b'x'; len]
}

#[test]
fn a_window_that_nobody_reads_closes_however_small_the_segments() {
    let (mut host, mut peer, _) = connected(|_| {});
    let first = peer.seq;
    for _ in 0..5_000 {
        peer.send(&mut host, &[b'x'; 31]);
        host.sleep(Span::from_millis(41));
        let (ack, _) = host.segments().pop().expect("an ACK");
        // The unit of a window of 1 MiB is 32 octets; a sixteenth is for rounding.
        let right = first.distance_to(ack.ack.expect("an ACK")) + (u32::from(ack.window) << 5);
        assert!(right <= (1 << 20) + (1 << 16), "{right} octets are promised");
    }
}

#[test]
fn text_that_is_sent_again_brings_its_window_along() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.window = 3_000;
    let edge = peer.ack + 3_000;
    peer.seq += 100;
    host.receive(peer.frame(b"ahead of a gap"));
    host.engine.send(host.now, id, std::vec![b'x'; 10_000]).expect("there is room");
    let sent: usize = host.segments().iter().map(|(_, payload)| payload.len()).sum();
    assert_eq!(sent, 2_920);
    // What fills the gap has a lower number and a newer acknowledgment.
    peer.seq = peer.seq - 100;
    peer.ack += 2_920;
    peer.window = 80;
    host.receive(peer.frame(&[b'y'; 100]));
    host.sleep(Span::from_secs(1));
    for (segment, payload) in host.segments() {
        let end = segment.seq + u32::try_from(payload.len()).expect("short");
        assert!(end.before_or_eq(edge), "{} octets beyond the window", edge.distance_to(end));
    }
}

#[test]
fn the_window_of_an_old_acknowledgment_is_not_taken() {
    let (mut host, mut peer, id) = connected(|_| {});
    let mut old = peer;
    host.engine.send(host.now, id, std::vec![b'x'; 10_000]).expect("there is room");
    let all: usize = host.segments().iter().map(|(_, payload)| payload.len()).sum();
    peer.ack += u32::try_from(all).expect("short");
    peer.window = 100;
    host.receive(peer.frame(&[]));
    old.seq += 10;
    old.window = 10_100;
    host.receive(old.frame(b"ahead of a gap"));
    assert_eq!(host.engine.info(host.now, id).expect("it lives").send_window_bytes, 100);
}
