//! What a peer may send to cost as much as it can, on one connection.

use crate::frames::{ACK, Options, Segment};
use crate::world::{Setup, World};

/// What a hostile peer's segments are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// Text in order, for comparison: what a segment costs with no harm meant.
    InOrder,
    /// Each with one byte, ahead of a gap and with a gap to any other.
    SingleBytes,
    /// Each full, ahead of a gap, and a byte further than the one before.
    Overlapping,
    /// Each overlaps all that came before it, ahead of a gap.
    Widening,
    /// Acknowledgments that report four more single bytes each of what is in flight.
    Holes,
    /// Acknowledgments that report the same holes again and again, from the far end.
    SameHoles,
}

impl Flood {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::InOrder,
        Self::SingleBytes,
        Self::Overlapping,
        Self::Widening,
        Self::Holes,
        Self::SameHoles,
    ];

    /// An engine with one connection, and `count` such segments that are about to come in.
    #[must_use]
    pub fn prepare(self, count: u32) -> World {
        let mut world = World::new(Setup { options: Options::Sack, ..Setup::new(1) });
        // The window grows, and what is acknowledged at once at the start is over.
        for _ in 0..40 {
            world.prepare_data(1);
            world.take();
            world.read();
            world.prepare_send(16);
            world.send();
            world.pass(netstack::Span::from_micros(100));
            world.prepare_acks();
            world.take();
            world.forget_events();
            world.answer();
        }
        if matches!(self, Self::Holes | Self::SameHoles) {
            world.prepare_send(IN_FLIGHT as usize);
            world.send();
        }
        for number in 0..count {
            self.push(&mut world, number);
        }
        world
    }

    fn push(self, world: &mut World, number: u32) {
        // An order in which nothing is beside what came before it.
        let shuffled = number.wrapping_mul(0x9e37_79b1) >> 16;
        match self {
            Self::InOrder => world.prepare_data(1),
            Self::SingleBytes => world.push_ahead(1 + shuffled % (1 << 15) * 2, 1),
            Self::Overlapping => world.push_ahead(1 + number, 1_460),
            Self::Widening => world.push_ahead(30_000 - number % 20_000, 1_460),
            Self::Holes => {
                let first = shuffled % (IN_FLIGHT * 1_460 / 8) * 8;
                world.push_blocks([first + 1, first + 3, first + 5, first + 7]);
            }
            Self::SameHoles => {
                let first = (IN_FLIGHT * 1_460 - 2_000) + number % 64 * 16;
                world.push_blocks([first + 1, first + 5, first + 9, first + 13]);
            }
        }
    }
}

/// Full segments that are in flight while a peer reports holes in them.
const IN_FLIGHT: u32 = 64;

impl World {
    /// A segment of the first peer is about to come in, that far ahead of what comes next.
    fn push_ahead(&mut self, offset: u32, payload_len: usize) {
        let (seq, ack) = self.peers.numbers(0);
        let seq = seq.wrapping_add(offset);
        self.push(Segment { peer: 0, seq, ack, flags: ACK, payload_len }, &[]);
    }

    /// An acknowledgment of the first peer is about to come in, with blocks of one byte that lie that
    /// far behind what it has acknowledged.
    fn push_blocks(&mut self, offsets: [u32; 4]) {
        let (seq, ack) = self.peers.numbers(0);
        let mut options = vec![1, 1, 5, 34];
        for offset in offsets {
            let left = ack.wrapping_add(offset);
            options.extend(left.to_be_bytes());
            options.extend(left.wrapping_add(1).to_be_bytes());
        }
        self.push(Segment { peer: 0, seq, ack, flags: ACK, payload_len: 0 }, &options);
    }

    fn push(&mut self, segment: Segment, options: &[u8]) {
        let mut frame = Vec::with_capacity(2_048);
        self.peers.writer.write_with(segment, options, &mut frame);
        self.inbox.push(frame);
    }
}
