//! Peers by number: what each says next, and in which order they speak.

use crate::frames::{ACK, FIN, SYN, Segment, Writer};

/// Very many peers.
pub(crate) struct Peers {
    all: Vec<Peer>,
    /// The order in which they speak, each once a round: random, and always the same.
    order: Vec<u32>,
    /// Who is next in it.
    turn: usize,
    pub(crate) writer: Writer,
    /// Frames that are free.
    pool: Vec<Vec<u8>>,
}

/// What a peer says next.
#[derive(Clone, Copy)]
struct Peer {
    seq: u32,
    ack: u32,
}

impl Peers {
    /// `count` peers, of which the first `speakers` take turns.
    pub(crate) fn new(count: u32, speakers: u32, writer: Writer) -> Self {
        // Some wrap within their first bytes.
        let first = |number: u32| number.wrapping_mul(0x9e37_79b9).wrapping_sub(3);
        let all = (0..count).map(|number| Peer { seq: first(number), ack: 0 }).collect();
        Self { all, order: shuffled(speakers), turn: 0, writer, pool: Vec::new() }
    }

    /// The next peers in random order.
    pub(crate) fn next(&mut self, count: usize) -> Vec<u32> {
        let mut next = Vec::with_capacity(count);
        for _ in 0..count {
            next.push(self.order[self.turn]);
            self.turn = (self.turn + 1) % self.order.len();
        }
        next
    }

    /// Takes a frame that is not needed any more.
    pub(crate) fn give_back(&mut self, frame: Vec<u8>) {
        self.pool.push(frame);
    }

    /// A SYN.
    pub(crate) fn syn(&mut self, peer: u32) -> Vec<u8> {
        let frame = self.segment(peer, SYN, 0);
        self.of(peer).seq = self.of(peer).seq.wrapping_add(1);
        frame
    }

    /// The host's sequence number, as its SYN-ACK says.
    pub(crate) fn answered(&mut self, peer: u32, seq: u32) {
        self.of(peer).ack = seq.wrapping_add(1);
    }

    /// A full segment of data in order.
    pub(crate) fn data(&mut self, peer: u32) -> Vec<u8> {
        let len = self.writer.payload_len();
        let frame = self.segment(peer, ACK, len);
        self.of(peer).seq = self.of(peer).seq.wrapping_add(u32::try_from(len).expect("a segment"));
        frame
    }

    /// An acknowledgment of `octets` more.
    pub(crate) fn ack(&mut self, peer: u32, octets: usize) -> Vec<u8> {
        let octets = u32::try_from(octets).expect("a segment");
        self.of(peer).ack = self.of(peer).ack.wrapping_add(octets);
        self.segment(peer, ACK, 0)
    }

    /// The sequence number that a peer sends next, and the one that it waits for.
    pub(crate) fn numbers(&self, peer: u32) -> (u32, u32) {
        let Peer { seq, ack } = self.all[peer as usize];
        (seq, ack)
    }

    /// A FIN.
    pub(crate) fn fin(&mut self, peer: u32) -> Vec<u8> {
        let frame = self.segment(peer, ACK | FIN, 0);
        self.of(peer).seq = self.of(peer).seq.wrapping_add(1);
        frame
    }

    fn of(&mut self, peer: u32) -> &mut Peer {
        &mut self.all[peer as usize]
    }

    fn segment(&mut self, peer: u32, flags: u8, payload_len: usize) -> Vec<u8> {
        let Peer { seq, ack } = *self.of(peer);
        let mut frame = self.pool.pop().unwrap_or_else(|| Vec::with_capacity(2048));
        self.writer.write(Segment { peer, seq, ack, flags, payload_len }, &mut frame);
        frame
    }
}

/// The numbers below `count`, in an order that is random and always the same: Fisher and Yates'.
fn shuffled(count: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for at in (1..order.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = usize::try_from(random % (at as u64 + 1)).expect("a place");
        order.swap(at, other);
    }
    order
}
