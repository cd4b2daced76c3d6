//! A panic while one connection is at work: it is lost, the others go on.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::host::{Peer, SERVER, SERVER_MAC, Wire, config, parse};
use crate::engine::Engine;
use crate::tcp::segment::Control;
use crate::wire::tcp::Flags;
use crate::{
    CloseReason, ConnectionId, Event, Instant, Link, Listen, ListenerId, Span, Train, Transmitted,
    Verdict,
};

/// What is queued for sending. To let go of it is a fault, where it says so.
struct Queued {
    bytes: Vec<u8>,
    faulty: bool,
}

impl Deref for Queued {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        assert!(!self.faulty || std::thread::panicking(), "on purpose");
    }
}

/// A link that fails in the middle of a step.
struct Broken;

impl Link for Broken {
    fn transmit(&mut self, _: &Train<'_>) -> usize {
        panic!("on purpose");
    }
}

/// A server with two connections.
struct Server {
    engine: Engine<Vec<u8>, Queued>,
    listener: ListenerId,
    now: Instant,
    victim: (Peer, ConnectionId),
    bystander: (Peer, ConnectionId),
}

impl Server {
    fn new() -> Self {
        let now = Instant::from_millis(1_000);
        let mut engine =
            Engine::new(config(SERVER.ip(), SERVER_MAC), now).expect("a right configuration");
        let listen = Listen { address: SERVER, half_open_max: 4, connections_max: 4, name: 1 };
        let listener = engine.listen(listen).expect("nobody listens yet");
        let victim = open(&mut engine, now, 40_000);
        let bystander = open(&mut engine, now, 40_001);
        Self { engine, listener, now, victim, bystander }
    }

    fn send(&mut self, id: ConnectionId, faulty: bool) {
        let queued = Queued { bytes: vec![b'x'; 100], faulty };
        assert!(self.engine.send(self.now, id, queued).is_ok(), "there is room");
    }

    /// What goes out, by the peer's port.
    fn transmit(&mut self) -> Vec<(u16, Control, usize)> {
        let mut wire = Wire::default();
        assert_eq!(self.engine.poll_transmit(self.now, &mut wire), Transmitted::Done);
        let segments = wire.frames.iter().filter_map(|frame| parse(frame));
        segments.map(|(it, payload)| (it.tuple.local.port(), it.control, payload.len())).collect()
    }

    /// The victim has been reset and its owner hears of it; nothing of it is left.
    fn assert_only_the_victim_is_lost(mut self) {
        let lost = self.engine.recover(self.now);
        assert_eq!(lost, Some(self.victim.1));
        assert_eq!(self.engine.recover(self.now), None, "it is named once");
        let reset = (40_000, Control::Rst, 0);
        assert!(self.transmit().contains(&reset), "its peer is told");
        let closed = Event::Closed { id: self.victim.1, reason: CloseReason::Internal };
        assert_eq!(self.engine.poll_event(), Some(closed));

        let (peer, id) = &mut self.bystander;
        peer.ack += 100;
        receive(&mut self.engine, self.now, peer.frame(b"still here"));
        assert_eq!(self.engine.recv(*id).as_deref(), Some(&b"still here"[..]));
        self.engine.abort(self.now, *id);
        while self.engine.poll_event().is_some() {}
        let held = self.engine.held();
        let left = [held.tcbs, held.timers, held.flow_table];
        assert_eq!(left.map(|pool| pool.count), [0; 3], "{held:?}");
        let counts = self.engine.state_counts(self.listener).expect("it listens");
        assert_eq!(counts.total(), 0);
    }
}

fn receive(engine: &mut Engine<Vec<u8>, Queued>, now: Instant, frame: Vec<u8>) {
    if let Verdict::Unclaimed(unclaimed) = engine.handle_frame(now, frame) {
        engine.handle_unclaimed(now, unclaimed.frame);
    }
}

/// A connection from that port.
fn open(engine: &mut Engine<Vec<u8>, Queued>, now: Instant, port: u16) -> (Peer, ConnectionId) {
    let mut peer = Peer::new();
    peer.tuple.local.set_port(port);
    receive(engine, now, peer.flagged(Flags::SYN));
    let mut wire = Wire::default();
    assert_eq!(engine.poll_transmit(now, &mut wire), Transmitted::Done);
    let (syn_ack, _) = parse(&wire.frames[0]).expect("a SYN-ACK");
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    receive(engine, now, peer.frame(&[]));
    let Some(Event::Accepted { id, .. }) = engine.poll_event() else {
        panic!("the handshake is done");
    };
    while engine.poll_event().is_some() {}
    (peer, id)
}

#[test]
fn panic_while_transmitting_ends_one_connection() {
    let mut server = Server::new();
    server.send(server.victim.1, false);
    server.send(server.bystander.1, false);
    let Server { engine, now, .. } = &mut server;
    catch_unwind(AssertUnwindSafe(|| engine.poll_transmit(*now, &mut Broken)))
        .expect_err("the link panics");
    assert_eq!(server.engine.recover(server.now), Some(server.victim.1));
    assert_eq!(
        server.transmit(),
        [(40_000, Control::Rst, 0), (40_001, Control::None, 100)],
        "the other's data goes out"
    );
}

#[test]
fn panic_while_receiving_ends_one_connection() {
    let mut server = Server::new();
    server.send(server.victim.1, true);
    server.send(server.bystander.1, false);
    server.transmit();
    let Server { engine, now, victim: (peer, _), .. } = &mut server;
    peer.ack += 100;
    let ack = peer.frame(&[]);
    catch_unwind(AssertUnwindSafe(|| receive(engine, *now, ack)))
        .expect_err("the buffer that is acknowledged panics");
    server.assert_only_the_victim_is_lost();
}

#[test]
fn panic_in_a_timer_ends_one_connection() {
    let mut server = Server::new();
    server.send(server.victim.1, true);
    server.transmit();
    server.now += Span::from_secs(3_600);
    let Server { engine, now, .. } = &mut server;
    while catch_unwind(AssertUnwindSafe(|| engine.handle_timeout(*now))).is_ok() {
        assert_eq!(engine.poll_transmit(*now, &mut Wire::default()), Transmitted::Done);
        *now = engine.poll_timeout().expect("the peer does not answer");
    }
    assert_eq!(server.engine.recover(server.now), Some(server.victim.1));
}
