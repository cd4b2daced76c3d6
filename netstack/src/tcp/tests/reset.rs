//! RST, SYN and ACK from strangers. RFC 9293 §3.5.2, RFC 5961.

use super::host::{Host, Peer};
use crate::tcp::segment::Control;
use crate::wire::tcp::Flags;
use crate::{CloseReason, ConnectionId, DropReason, Instant, Span, TcpState};

fn connected() -> (Host, Peer, ConnectionId) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer, id)
}

#[test]
fn an_exact_reset_ends_the_connection() {
    let (mut host, peer, id) = connected();
    host.engine.send(host.now, id, b"lost".to_vec()).expect("there is room");
    host.receive(peer.flagged(Flags::RST));
    assert_eq!(host.close_reason(), Some(CloseReason::ResetByPeer));
    assert!(host.segments().is_empty(), "a RST is never answered");
    host.assert_baseline();
}

#[test]
fn a_reset_elsewhere_in_the_window_gets_a_challenge_ack() {
    let (mut host, mut peer, _) = connected();
    let expected = peer.seq;
    peer.seq += 1;
    host.receive(peer.flagged(Flags::RST));
    let (ack, _) = host.segments().pop().expect("a challenge ACK");
    assert_eq!((ack.control, ack.ack), (Control::None, Some(expected)));
    assert_eq!(host.state(), TcpState::Established);
    assert_eq!(host.engine.counters().drops(DropReason::ResetNotExact), 1);
}

#[test]
fn a_reset_outside_the_window_is_dropped_in_silence() {
    let (mut host, mut peer, _) = connected();
    peer.seq = peer.seq - 1;
    host.receive(peer.flagged(Flags::RST));
    assert!(host.segments().is_empty());
    assert_eq!(host.engine.counters().drops(DropReason::OutsideWindow), 1);
}

#[test]
fn a_syn_gets_a_challenge_ack_wherever_it_is() {
    let (mut host, mut peer, _) = connected();
    let expected = peer.seq;
    for offset in [0, 1, 1 << 30] {
        peer.seq = expected + offset;
        host.receive(peer.flagged(Flags::SYN));
        let (ack, _) = host.segments().pop().expect("a challenge ACK");
        assert_eq!((ack.control, ack.ack), (Control::None, Some(expected)));
    }
    assert_eq!(host.state(), TcpState::Established);
}

#[test]
fn challenge_acks_are_limited_per_connection_and_second() {
    let (mut host, mut peer, _) = connected();
    peer.seq += 1;
    let mut answers = 0;
    for _ in 0..50 {
        host.receive(peer.flagged(Flags::RST));
        answers += host.segments().len();
    }
    assert_eq!(answers, 10);
    assert_eq!(host.engine.counters().challenge_acks_limited, 40);
    host.sleep(Span::from_secs(1));
    host.receive(peer.flagged(Flags::RST));
    assert_eq!(host.segments().len(), 1);
}

#[test]
fn challenge_acks_are_limited_where_their_clock_wraps() {
    let (mut host, mut peer, _) = connected();
    // It has 32 bits of milliseconds: 49.7 days.
    host.now = Instant::from_millis((1 << 32) - 300);
    peer.seq += 1;
    let answers = |host: &mut Host| {
        host.receive(peer.flagged(Flags::RST));
        host.segments().len()
    };
    assert_eq!((0..50).map(|_| answers(&mut host)).sum::<usize>(), 10);
    host.now += Span::from_millis(600);
    assert_eq!(answers(&mut host), 0);
    host.now += Span::from_millis(400);
    assert_eq!(answers(&mut host), 1);
}

#[test]
fn an_ack_of_what_was_never_sent_or_far_too_old_gets_a_challenge_ack() {
    let (mut host, mut peer, id) = connected();
    let right = peer.ack;
    for wrong in [right + 1, right - 0x1_0001] {
        peer.ack = wrong;
        host.receive(peer.frame(b"data"));
        assert_eq!(host.segments().len(), 1);
        assert!(host.read(id).is_empty());
    }
    assert_eq!(host.engine.counters().drops(DropReason::AckOutsideRange), 2);
    peer.ack = right - 0xffff;
    host.receive(peer.frame(b"data"));
    assert_eq!(host.read(id), b"data");
}

#[test]
fn nothing_is_sent_for_a_connection_that_was_reset() {
    let (mut host, mut peer, id) = connected();
    host.engine.send(host.now, id, std::vec![b'x'; 100]).expect("there is room");
    peer.send(&mut host, b"to be acknowledged");
    // The owner has not heard of it yet.
    let reset = peer.flagged(Flags::RST);
    let _: crate::Verdict<std::vec::Vec<u8>> = host.engine.handle_frame(host.now, reset);
    assert!(host.segments().is_empty());
    assert_eq!(host.close_reason(), Some(CloseReason::ResetByPeer));
    assert_eq!(host.engine.poll_timeout(), None);
}

#[test]
fn a_segment_without_ack_is_dropped() {
    let (mut host, mut peer, id) = connected();
    peer.flags = Flags::NONE;
    host.receive(peer.frame(b"data"));
    assert!(host.read(id).is_empty());
    assert_eq!(host.engine.counters().drops(DropReason::NoAck), 1);
}

#[test]
fn an_abort_resets_the_peer_and_tells_the_owner() {
    let (mut host, peer, id) = connected();
    host.engine.abort(host.now, id);
    let (reset, _) = host.segments().pop().expect("a RST");
    assert_eq!((reset.control, reset.seq), (Control::Rst, peer.ack));
    assert_eq!(host.close_reason(), Some(CloseReason::Aborted));
    host.engine.abort(host.now, id);
    assert!(host.segments().is_empty(), "a dead name does nothing");
    host.assert_baseline();
}
