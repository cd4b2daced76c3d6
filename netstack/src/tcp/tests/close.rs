//! Closing: every order, half-closes, deadlines, TIME-WAIT and its reuse.

use alloc::vec;

use super::host::{Host, Peer};
use crate::tcp::segment::Control;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::Timestamps;
use crate::{
    CloseReason, ConnectionId, DropReason, Event, Record, SendErrorKind, Span, TcpState, Verdict,
};

/// A server with one connection.
fn connected() -> (Host, Peer, ConnectionId) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer, id)
}

/// Shuts our side down; the peer acknowledges the FIN.
fn finish(host: &mut Host, peer: &mut Peer, id: ConnectionId) {
    host.engine.shutdown(host.now, id);
    let (fin, _) = host.segments().pop().expect("a FIN");
    assert_eq!(fin.control, Control::Fin);
    peer.ack = fin.seq + 1;
    host.receive(peer.frame(&[]));
}

#[test]
fn the_fin_is_behind_the_last_of_many_small_buffers() {
    let (mut host, _, id) = connected();
    // More than one segment gathers.
    let all = [b'x'; 100];
    for byte in all {
        host.engine.send(host.now, id, vec![byte]).expect("there is room");
    }
    host.engine.shutdown(host.now, id);
    let segments = host.segments();
    let (last, others) = segments.split_last().expect("it all fits the window");
    assert!(!others.is_empty(), "one segment does not gather them");
    assert_eq!(last.0.control, Control::Fin);
    assert!(others.iter().all(|(segment, _)| segment.control == Control::None));
    assert_eq!(segments.iter().map(|(_, payload)| payload.len()).sum::<usize>(), all.len());
}

#[test]
fn finishing_first_ends_in_time_wait_and_then_in_nothing() {
    let (mut host, mut peer, id) = connected();
    finish(&mut host, &mut peer, id);
    assert_eq!(host.state(), TcpState::FinWait2);
    host.receive(peer.flagged(Flags::ACK | Flags::FIN));
    let (ack, _) = host.segments().pop().expect("the last ACK");
    assert_eq!(ack.ack, Some(peer.seq + 1));
    let reason = CloseReason::Finished;
    assert_eq!(host.take_events(), [Event::PeerFinished { id }, Event::Closed { id, reason }]);
    assert_eq!(host.engine.held().tcbs.count, 0);
    assert_eq!(host.engine.held().time_wait.count, 1);
    // The FIN again: our ACK was lost.
    host.receive(peer.flagged(Flags::ACK | Flags::FIN));
    assert_eq!(host.segments().len(), 1);
    // A RST does not end TIME-WAIT: RFC 1337.
    peer.seq += 1;
    host.receive(peer.flagged(Flags::RST));
    assert_eq!(host.engine.held().time_wait.count, 1);
    host.sleep(Span::from_secs(61));
    host.assert_baseline();
}

#[test]
fn finishing_second_ends_with_the_last_ack() {
    let (mut host, mut peer, id) = connected();
    host.receive(peer.flagged(Flags::ACK | Flags::FIN));
    assert_eq!(host.state(), TcpState::CloseWait);
    host.segments();
    peer.seq += 1;
    host.engine.send(host.now, id, b"the answer".to_vec()).expect("half-closed is open our way");
    let (_, payload) = host.segments().pop().expect("data");
    assert_eq!(payload, b"the answer");
    peer.ack += 10;
    host.receive(peer.frame(&[]));
    finish(&mut host, &mut peer, id);
    assert_eq!(host.close_reason(), Some(CloseReason::Finished));
    host.assert_baseline();
}

#[test]
fn crossing_fins_pass_through_closing() {
    let (mut host, mut peer, id) = connected();
    host.engine.shutdown(host.now, id);
    host.segments();
    host.receive(peer.flagged(Flags::ACK | Flags::FIN));
    assert_eq!(host.state(), TcpState::Closing);
    peer.seq += 1;
    peer.ack += 1;
    host.receive(peer.frame(&[]));
    assert_eq!(host.close_reason(), Some(CloseReason::Finished));
    assert_eq!(host.engine.held().time_wait.count, 1);
    host.sleep(Span::from_secs(61));
    host.assert_baseline();
}

#[test]
fn data_arrives_after_our_fin() {
    let (mut host, mut peer, id) = connected();
    finish(&mut host, &mut peer, id);
    peer.send(&mut host, b"late");
    assert_eq!(host.read(id), b"late");
    let error = host.engine.send(host.now, id, b"x".to_vec()).expect_err("our side is shut");
    assert_eq!(error.kind, SendErrorKind::ShutDown);
    assert_eq!(error.buffer, b"x");
}

#[test]
fn the_end_is_told_when_everything_was_read() {
    let (mut host, mut peer, id) = connected();
    finish(&mut host, &mut peer, id);
    peer.flags = Flags::ACK | Flags::FIN;
    host.receive(peer.frame(b"rest"));
    assert_eq!(host.take_events(), [Event::Readable { id }, Event::PeerFinished { id }]);
    assert!(!host.engine.recv_finished(id));
    assert_eq!(host.read(id), b"rest");
    assert!(host.engine.recv_finished(id));
    let reason = CloseReason::Finished;
    assert_eq!(host.take_events(), [Event::Closed { id, reason }]);
    assert_eq!(host.engine.recv(id).map(|payload| payload.len()), None);
    host.sleep(Span::from_secs(61));
    host.assert_baseline();
}

#[test]
fn data_for_one_that_was_let_go_is_answered_with_reset() {
    let (mut host, mut peer, id) = connected();
    host.engine.close(host.now, id);
    let (fin, _) = host.segments().pop().expect("a FIN");
    peer.ack = fin.seq + 1;
    host.receive(peer.frame(b"nobody reads this"));
    let (reset, _) = host.segments().pop().expect("a RST");
    assert_eq!(reset.control, Control::Rst);
    assert_eq!(host.take_events(), []);
    assert_eq!(host.engine.counters().drops(DropReason::AfterClose), 1);
    host.assert_baseline();
}

#[test]
fn what_was_queued_goes_out_after_letting_go() {
    let (mut host, mut peer, id) = connected();
    host.engine.send(host.now, id, b"last words".to_vec()).expect("there is room");
    host.engine.close(host.now, id);
    let (last, payload) = host.segments().pop().expect("data and FIN");
    assert_eq!(payload, b"last words");
    assert_eq!(last.control, Control::Fin);
    peer.ack = last.seq_end();
    peer.flags = Flags::ACK | Flags::FIN;
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_secs(61));
    host.assert_baseline();
}

#[test]
fn fin_wait_2_without_an_owner_has_a_deadline() {
    let (mut host, mut peer, id) = connected();
    host.engine.close(host.now, id);
    let (fin, _) = host.segments().pop().expect("a FIN");
    peer.ack = fin.seq + 1;
    host.receive(peer.frame(&[]));
    host.sleep(Span::from_secs(59));
    assert_eq!(host.engine.held().tcbs.count, 1);
    host.sleep(Span::from_secs(2));
    assert_eq!(host.engine.counters().closes(CloseReason::CloseTimeout), 1);
    host.assert_baseline();
}

#[test]
fn last_ack_and_closing_have_a_deadline() {
    for first in [Flags::ACK | Flags::FIN, Flags::ACK] {
        let (mut host, mut peer, id) = connected();
        if first.contains(Flags::FIN) {
            host.receive(peer.flagged(first));
            host.engine.shutdown(host.now, id);
        } else {
            host.engine.shutdown(host.now, id);
            host.segments();
            host.receive(peer.flagged(Flags::ACK | Flags::FIN));
        }
        peer.seq += 1;
        for _ in 0..100 {
            host.sleep(Span::from_secs(1));
            host.segments();
        }
        assert_eq!(host.close_reason(), Some(CloseReason::CloseTimeout));
        host.assert_baseline();
    }
}

#[test]
fn time_wait_makes_room_for_a_newer_syn() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value: 100, echo: 0 });
    let id = peer.handshake(&mut host);
    host.segments();
    finish(&mut host, &mut peer, id);
    host.receive(peer.flagged(Flags::ACK | Flags::FIN));
    let (last, _) = host.segments().pop().expect("the last ACK");
    peer.seq += 1;
    // An old SYN: neither a newer timestamp nor, with an equal one, a later number.
    let mut syn = peer;
    syn.seq = peer.seq - 100;
    host.receive(syn.flagged(Flags::SYN));
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!((ack.control, ack.ack), (Control::None, Some(peer.seq)));
    // A newer timestamp makes it new, whatever its number. RFC 6191.
    syn.timestamps = Some(Timestamps { value: 101, echo: 0 });
    host.receive(syn.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!((syn_ack.control, syn_ack.ack), (Control::Syn, Some(syn.seq + 1)));
    assert!(syn_ack.seq.after(last.seq), "numbers go on above the old ones");
    assert_eq!(host.engine.counters().time_wait_reused, 1);
    assert_eq!(host.engine.held().time_wait.count, 0);
}

#[test]
fn a_newer_syn_where_nobody_listens_any_more_does_not_end_time_wait() {
    let (mut host, mut peer, id) = connected();
    finish(&mut host, &mut peer, id);
    host.receive(peer.flagged(Flags::ACK | Flags::FIN));
    host.segments();
    host.engine.unlisten(host.listener);
    let mut syn = peer;
    syn.seq = peer.seq + 1_000;
    host.receive(syn.flagged(Flags::SYN));
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!((ack.control, ack.ack), (Control::None, Some(peer.seq + 1)));
    assert_eq!(host.engine.held().time_wait.count, 1);
}

#[test]
fn time_wait_claims_nothing_but_the_fin_it_has_seen() {
    let (mut host, mut peer, id) = connected();
    finish(&mut host, &mut peer, id);
    let fin = peer.flagged(Flags::ACK | Flags::FIN);
    host.receive(fin.clone());
    host.segments();
    assert!(matches!(host.engine.handle_frame(host.now, fin), Verdict::Taken));
    // A newer connection with the same two ends may be another engine's.
    peer.seq += 1000;
    for frame in [peer.flagged(Flags::SYN), peer.frame(b"of another"), peer.flagged(Flags::RST)] {
        let Verdict::Unclaimed(unclaimed) = host.engine.handle_frame(host.now, frame) else {
            panic!("the record took it");
        };
        assert_eq!(unclaimed.record, Record::TimeWait);
    }
    assert_eq!(host.engine.held().time_wait.count, 1);
}

#[test]
fn beyond_the_limit_time_wait_is_skipped() {
    let mut host = Host::with(|config| config.limits.time_wait_max = 1);
    for port in [30_000, 30_001] {
        let mut peer = Peer::new();
        peer.tuple.local.set_port(port);
        let id = peer.handshake(&mut host);
        host.segments();
        finish(&mut host, &mut peer, id);
        host.receive(peer.flagged(Flags::ACK | Flags::FIN));
        host.take_events();
    }
    assert_eq!(host.engine.held().time_wait.count, 1);
    assert_eq!(host.engine.counters().time_wait_full, 1);
}

#[test]
fn a_close_with_unread_data_resets() {
    // RFC 9293 §3.6.1 (SHLD-3), RFC 2525 §2.17: in whichever state the data waits, and in place of
    // what is queued.
    for peer_finishes in [false, true] {
        for shut_down in [false, true] {
            let (mut host, mut peer, id) = connected();
            if shut_down {
                finish(&mut host, &mut peer, id);
            }
            peer.send(&mut host, b"nobody reads this");
            if peer_finishes && !shut_down {
                host.receive(peer.flagged(Flags::ACK | Flags::FIN));
            }
            host.segments();
            host.take_events();
            let nxt = peer.ack;
            host.engine.close(host.now, id);
            let segments = host.segments();
            let [(reset, _)] = &segments[..] else { panic!("one segment: {segments:?}") };
            assert_eq!((reset.control, reset.seq), (Control::Rst, nxt));
            assert_eq!(host.take_events(), []);
            host.assert_baseline();
        }
    }
}

#[test]
fn a_close_when_all_was_read_sends_what_is_queued() {
    let (mut host, mut peer, id) = connected();
    peer.send(&mut host, b"a request");
    assert_eq!(host.read(id), b"a request");
    host.segments();
    host.engine.send(host.now, id, vec![b'x'; 100]).expect("there is room");
    host.engine.close(host.now, id);
    let (last, payload) = host.segments().pop().expect("a segment");
    assert_eq!((last.control, payload.len()), (Control::Fin, 100));
}

#[test]
fn the_fin_is_no_byte() {
    let (mut host, _, id) = connected();
    host.engine.send(host.now, id, vec![b'x'; 100]).expect("there is room");
    host.engine.shutdown(host.now, id);
    host.segments();
    host.sleep(Span::from_millis(1_500));
    host.segments();
    let info = host.engine.info(host.now, id).expect("it lives");
    assert!(info.retransmits > 0);
    assert_eq!(info.bytes_sent, 100);
    assert_eq!(info.bytes_retransmitted % 100, 0, "{}", info.bytes_retransmitted);
    assert_eq!(host.engine.counters().bytes_sent, 100);
}
