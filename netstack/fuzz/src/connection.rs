//! One connection, and a peer that does anything.

use netstack::Span;

use crate::input::Input;
use crate::packet::{Segment, flags};
use crate::world::{PORT, World};

/// The port of the peer.
const PEER_PORT: u16 = 40_000;

/// Bytes that one call sends at most.
const SEND_MAX: u16 = 20_000;

/// A peer: where it is in sequence space, and what it has seen of the engine.
struct Peer {
    /// Its port and the engine's.
    ports: [u16; 2],
    /// The next number that it sends.
    seq: u32,
    /// The next number that it expects.
    ack: u32,
    /// Below this the engine has sent.
    seen: u32,
    /// The engine's last timestamp.
    echo: Option<u32>,
    /// Its own clock.
    clock: u32,
}

/// A connection under {segment, time, user call}: segments have numbers near the live ones, so that
/// most of them mean something.
pub fn connection(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(0, input.byte());
    let mut peer = open(&mut world, &mut input);
    while !input.is_empty() {
        match input.byte() % 8 {
            0..=3 => {
                let segment = peer.segment(&mut input);
                world.receive(segment.frame());
            }
            4 => world.sleep(Span::from_millis(1 << (input.byte() % 18))),
            5 => call(&mut world, &mut input),
            6 => world.wire.room = usize::from(input.byte()),
            _ => world.read(),
        }
        world.transmit();
        peer.look(&mut world);
    }
    world.end();
}

/// The start: by the peer or by the engine, with live numbers for what follows.
fn open(world: &mut World, input: &mut Input<'_>) -> Peer {
    let how = input.byte();
    let seq = input.long();
    let mut peer =
        Peer { ports: [PEER_PORT, PORT], seq, ack: 0, seen: 0, echo: None, clock: input.long() };
    let options: &[u8] = match how >> 1 & 3 {
        0 => &[],
        1 => &[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7],
        2 => &[2, 4, 0, 64, 4, 2],
        _ => &[2, 4, 5, 180, 3, 3, 14],
    };
    let mut syn = Segment {
        ports: peer.ports,
        seq,
        window: 65_535,
        flags: flags::SYN,
        options: options.to_vec(),
        ..Segment::default()
    };
    if how & 1 == 0 {
        world.receive(syn.frame());
        world.transmit();
        peer.look(world);
    } else {
        world.connect(0, PEER_PORT);
        world.transmit();
        let sent = world.wire.frames.last().and_then(|frame| Segment::parse(frame));
        let ours = sent.map_or([PORT, PEER_PORT], |segment| segment.ports);
        peer.ports = [PEER_PORT, ours[0]];
        peer.look(world);
        // With an ACK it answers the engine's SYN, without one both open at once.
        syn.ports = peer.ports;
        syn.ack = peer.ack;
        syn.flags |= if how & 8 == 0 { flags::ACK } else { 0 };
        world.receive(syn.frame());
        world.transmit();
        peer.look(world);
    }
    peer.seq = seq.wrapping_add(1);
    if how & 16 == 0 {
        let ack = Segment { flags: flags::ACK, options: Vec::new(), ..syn };
        world.receive(Segment { seq: peer.seq, ack: peer.ack, ..ack }.frame());
    }
    peer
}

/// The owner does something.
fn call(world: &mut World, input: &mut Input<'_>) {
    let kind = input.byte();
    let Some(&id) = world.open.get(usize::from(kind >> 4) % world.open.len().max(1)) else {
        return;
    };
    match kind % 8 {
        0..=3 => {
            let len = usize::from(input.word() % SEND_MAX);
            // What does not fit comes back, and is gone.
            drop(world.engine.send(world.now, id, vec![kind; len]));
        }
        4 => world.engine.shutdown(world.now, id),
        5 => {
            world.engine.close(world.now, id);
            world.open.retain(|other| *other != id);
        }
        6 => world.engine.abort(world.now, id),
        _ => drop(world.engine.recv(id)),
    }
}

impl Peer {
    /// The next segment, whatever it is.
    fn segment(&mut self, input: &mut Input<'_>) -> Segment {
        let kind = input.byte();
        let flags = match kind & 7 {
            0..=3 => flags::ACK,
            4 => flags::ACK | flags::FIN,
            5 => flags::RST,
            6 => flags::SYN,
            _ => input.byte(),
        };
        let len = if kind & 8 == 0 { 0 } else { usize::from(input.word() % 1461) };
        let seq = self.seq.wrapping_add(input.step());
        let segment = Segment {
            ports: self.ports,
            seq,
            ack: self.ack.wrapping_add(input.step()),
            flags,
            window: if kind & 16 == 0 { 65_535 } else { input.word() },
            options: self.options(kind >> 5, input),
            payload: vec![kind; len],
        };
        if seq == self.seq {
            self.seq = seq.wrapping_add(segment.len());
        }
        segment
    }

    fn options(&mut self, kind: u8, input: &mut Input<'_>) -> Vec<u8> {
        let mut options = Vec::new();
        if kind & 1 != 0 {
            self.clock = self.clock.wrapping_add(input.step()).wrapping_add(1);
            options.extend([1, 1, 8, 10]);
            options.extend(self.clock.to_be_bytes());
            options.extend(self.echo.unwrap_or(0).wrapping_sub(input.step()).to_be_bytes());
        }
        if kind & 2 != 0 {
            let count = input.byte() % 4;
            options.extend([5, 2 + 8 * count]);
            for _ in 0..count {
                let from = self.ack.wrapping_add(input.step());
                options.extend(from.to_be_bytes());
                options.extend(from.wrapping_add(input.step()).to_be_bytes());
            }
        }
        if kind & 4 != 0 {
            let len = usize::from(input.byte() % 12);
            options.extend(input.take(len));
        }
        options
    }

    /// Looks at what the engine has sent, and checks what a peer can check.
    fn look(&mut self, world: &mut World) {
        for frame in std::mem::take(&mut world.wire.frames) {
            let Some(segment) = Segment::parse(&frame) else { continue };
            if segment.ports != [self.ports[1], self.ports[0]] || segment.flags & flags::RST != 0 {
                continue;
            }
            assert!(frame.len() <= 1514, "a frame of {} bytes", frame.len());
            let end = segment.seq.wrapping_add(segment.len());
            if segment.flags & flags::SYN != 0 {
                self.seen = end;
                self.ack = end;
            }
            if end.wrapping_sub(self.seen) < 1 << 31 {
                self.seen = end;
            }
            if segment.seq == self.ack {
                self.ack = end;
            }
            self.echo = segment.timestamp().or(self.echo);
        }
    }
}
