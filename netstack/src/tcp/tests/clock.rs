//! A clock that jumps: a machine that slept, a virtual one that was moved.

use std::vec;
use std::vec::Vec;

use super::host::{Host, Peer};
use crate::wire::tcp::Flags;
use crate::{Event, Keepalive, Span};

/// What a machine may sleep for.
const JUMP: Span = Span::from_secs(3_600);

/// Calls for timers, until nothing is due any more, and what went out.
fn settle(host: &mut Host) -> Vec<Flags> {
    let mut sent = Vec::new();
    for _ in 0..CALLS_MAX {
        host.engine.handle_timeout(host.now);
        sent.extend(host.segments().iter().map(|(segment, _)| segment.flags));
        if host.engine.poll_timeout().is_none_or(|at| at > host.now) {
            return sent;
        }
    }
    panic!("there is always more to do");
}

/// Calls in which all that is due at one time must be done.
const CALLS_MAX: usize = 4;

#[test]
fn after_an_hour_each_timer_fires_once() {
    let mut host = Host::with(|config| {
        let (idle, interval) = (Span::from_secs(600), Span::from_secs(10));
        config.tcp.keepalive = Some(Keepalive { idle, interval, probes_max: 3 });
    });
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    // What is acknowledged at once at the start of a connection is over.
    for _ in 0..20 {
        peer.send(&mut host, &[1; 10]);
        host.segments();
    }
    assert_eq!(host.read(id).len(), 200);
    peer.send(&mut host, &[1; 10]);
    let before = host.engine.counters().clone();
    host.now += JUMP;
    let sent = settle(&mut host);
    let after = host.engine.counters();
    assert_eq!(after.acks_delayed - before.acks_delayed, 1);
    assert_eq!(after.keepalive_probes - before.keepalive_probes, 1);
    // A probe that goes out in the same turn acknowledges as well.
    assert!((1..=2).contains(&sent.len()), "{sent:?}");
    // It counts from now: the next probe is due ten seconds later, not long ago.
    let at = host.engine.poll_timeout().expect("the probe is to be answered");
    assert!(at > host.now && at <= host.now + Span::from_secs(11));
}

#[test]
fn after_an_hour_what_was_lost_is_sent_once() {
    // With the usual patience it would be given up.
    let mut host = Host::with(|config| config.tcp.user_timeout = JUMP * 2);
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.engine.send(host.now, id, vec![1; 1_000]).expect("there is room");
    assert_eq!(host.segments().len(), 1);
    let before = host.engine.counters().clone();
    host.now += JUMP;
    let sent = settle(&mut host);
    assert!(sent.len() <= 1, "{sent:?}");
    let after = host.engine.counters();
    let timers = after.retransmits_timeout + after.loss_probes;
    assert_eq!(timers - before.retransmits_timeout - before.loss_probes, 1);
    assert_eq!(after.invariants_broken, 0);
}

#[test]
fn after_an_hour_everything_that_waited_for_an_end_has_ended() {
    let mut host = Host::new();
    // One in SYN-RECEIVED, one in TIME-WAIT, one that is let go while its peer is gone.
    let mut other = Peer::new();
    other.tuple.local.set_port(1);
    let mut waiting = Peer::new();
    waiting.tuple.local.set_port(2);
    let id = waiting.handshake(&mut host);
    host.engine.close(host.now, id);
    let (fin, _) = host.segments().pop().expect("a FIN");
    waiting.ack = fin.seq + 1;
    host.receive(waiting.flagged(Flags::FIN | Flags::ACK));
    assert_eq!(host.engine.held().time_wait.count, 1);
    let mut gone = Peer::new();
    gone.tuple.local.set_port(3);
    let id = gone.handshake(&mut host);
    host.engine.send(host.now, id, vec![1; 1_000]).expect("there is room");
    host.engine.close(host.now, id);
    host.receive(other.flagged(Flags::SYN));
    host.segments();
    assert_eq!(host.engine.held().half_open.count, 1);
    for _ in 0..40 {
        host.now += JUMP;
        settle(&mut host);
    }
    host.assert_baseline();
    assert!(!host.take_events().iter().any(|event| matches!(event, Event::Closed { .. })));
}
