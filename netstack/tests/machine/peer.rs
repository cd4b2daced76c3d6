//! The peer: what it knows of the connection, and the frames that it makes.

use std::net::{Ipv4Addr, SocketAddr};

use netstack_model::{Flags, Segment};
use netstack_simulator::{fill_checksum, octet};

use crate::reference::{AckBase, Beginning, PeerOptions, SeqBase, Shape};

/// The engine's address and the peer's.
pub(crate) const ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
/// Their link addresses.
pub(crate) const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
/// Where TCP starts.
const TCP_AT: usize = 34;

/// What the peer knows.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The engine's port and the peer's.
    pub(crate) ports: [u16; 2],
    isn: u32,
    options: PeerOptions,
    /// Behind what it has sent of its stream.
    next: u32,
    /// Whether its FIN is sent.
    finished: bool,
    /// What the engine has acknowledged.
    acked: u32,
    /// The right edge that the engine has offered.
    edge: u32,
    /// The shift of the engine's windows.
    shift: u8,
    /// The number of the SYN that the engine has answered last.
    pub(crate) answered_isn: u32,
    /// The engine's ISS, once its SYN came.
    engine_isn: Option<u32>,
    /// Behind what the engine has sent.
    engine_next: u32,
    /// What the peer has acknowledged.
    acknowledged: u32,
    /// The engine's last timestamp.
    echo: u32,
    /// Its own clock.
    pub(crate) clock: u32,
}

impl Peer {
    pub(crate) fn new(beginning: &Beginning, ports: [u16; 2]) -> Self {
        let isn = beginning.peer_isn;
        Self {
            ports,
            isn,
            options: beginning.options,
            next: isn.wrapping_add(1),
            finished: false,
            acked: isn,
            edge: isn.wrapping_add(1),
            shift: 0,
            answered_isn: isn,
            engine_isn: None,
            engine_next: 0,
            acknowledged: 0,
            echo: 0,
            clock: isn.rotate_left(7),
        }
    }

    /// Its SYN, or its SYN-ACK once the engine's SYN came.
    pub(crate) fn syn(&self) -> Vec<u8> {
        let PeerOptions { mss, scale, sack, stamps } = self.options;
        let mut options = Vec::new();
        if let Some(mss) = mss {
            options.extend([2, 4]);
            options.extend(mss.to_be_bytes());
        }
        if let Some(shift) = scale {
            options.extend([3, 3, shift]);
        }
        if sack {
            options.extend([4, 2]);
        }
        if stamps {
            self.stamp(&mut options, 0, 0);
        }
        let answers = self.engine_isn.is_some();
        let flags = if answers { Flags::SYN.0 | Flags::ACK.0 } else { Flags::SYN.0 };
        self.frame(
            [self.isn, if answers { self.engine_next } else { 0 }],
            flags,
            65_535,
            &options,
            &[],
        )
    }

    /// The next octets of its stream, with everything acknowledged.
    pub(crate) fn honest(&mut self, octets: u16, fin: bool) -> Vec<u8> {
        let octets = if self.finished { 0 } else { octets };
        let fin = fin && !self.finished;
        let mut options = Vec::new();
        if self.options.stamps {
            self.stamp(&mut options, 0, 0);
        }
        let seq = self.next;
        let text = self.text(seq, octets);
        let flags = Flags::ACK.0 | if fin { Flags::FIN.0 } else { 0 };
        self.next = seq.wrapping_add(octets.into()).wrapping_add(fin.into());
        self.finished |= fin;
        self.acknowledged = self.engine_next;
        self.frame([seq, self.engine_next], flags, 65_535, &options, &text)
    }

    /// A segment of that shape.
    pub(crate) fn shaped(&mut self, shape: &Shape) -> Vec<u8> {
        let base = match shape.seq.0 {
            SeqBase::Acknowledged => self.acked,
            SeqBase::Next => self.next,
            SeqBase::Edge => self.edge,
            SeqBase::Start => self.isn,
        };
        let seq = base.wrapping_add_signed(shape.seq.1);
        let ack = self.ack_number(shape.ack);
        let mut options = Vec::new();
        if let Some(ahead) = shape.stamp.filter(|_| self.options.stamps) {
            self.clock = self.clock.wrapping_add(ahead.max(0).cast_unsigned());
            self.stamp(&mut options, ahead.min(0), shape.echo_age);
        }
        if self.options.sack && !shape.sack.is_empty() {
            let blocks = u8::try_from(shape.sack.len()).expect("three at most");
            options.extend([1, 1, 5, 2 + 8 * blocks]);
            for &(base, offset, len) in &shape.sack {
                let left = self.ack_number((base, offset));
                options.extend(left.to_be_bytes());
                options.extend(left.wrapping_add(len).to_be_bytes());
            }
        }
        let flags = Flags(shape.flags);
        // A SYN takes the first number.
        let text = self.text(seq.wrapping_add(flags.has(Flags::SYN).into()), shape.octets);
        if flags.has(Flags::ACK) && self.engine_isn.is_some() {
            let ahead = ack.wrapping_sub(self.acknowledged).cast_signed();
            let sent = self.engine_next.wrapping_sub(ack).cast_signed();
            if ahead > 0 && sent >= 0 {
                self.acknowledged = ack;
            }
        }
        if seq == self.next && flags.0 & !(Flags::ACK.0 | Flags::PSH.0) == 0 && !self.finished {
            self.next = seq.wrapping_add(shape.octets.into());
        }
        self.frame([seq, ack], shape.flags, shape.window, &options, &text)
    }

    fn ack_number(&self, (base, offset): (AckBase, i32)) -> u32 {
        let base = match base {
            AckBase::All => self.engine_next,
            AckBase::Acknowledged => self.acknowledged,
            AckBase::Start => self.engine_isn.unwrap_or(0),
        };
        base.wrapping_add_signed(offset)
    }

    /// Octet `at` of what the engine should deliver of a connection that began with `isn`.
    pub(crate) fn octet(&self, isn: u32, at: u32) -> u8 {
        octet(isn.wrapping_sub(self.isn).wrapping_add(at).into())
    }

    /// The octets of its stream at `seq`: the same wherever a segment begins.
    fn text(&self, seq: u32, octets: u16) -> Vec<u8> {
        let from = seq.wrapping_sub(self.isn).wrapping_sub(1);
        (0..u32::from(octets)).map(|at| octet(from.wrapping_add(at).into())).collect()
    }

    fn stamp(&self, options: &mut Vec<u8>, ahead: i32, echo_age: u32) {
        options.extend([1, 1, 8, 10]);
        options.extend(self.clock.wrapping_add_signed(ahead).to_be_bytes());
        options.extend(self.echo.wrapping_sub(echo_age).to_be_bytes());
    }

    /// Looks at what the engine has sent.
    pub(crate) fn look(&mut self, from: SocketAddr, to: SocketAddr, segment: &Segment) {
        if [from.port(), to.port()] != self.ports || segment.has(Flags::RST) {
            return;
        }
        let len = u32::try_from(segment.len()).expect("a segment is short");
        let end = segment.seq.wrapping_add(len);
        if segment.has(Flags::SYN) {
            self.engine_isn = Some(segment.seq);
            self.engine_next = end;
            self.acknowledged = segment.seq;
            let scale = segment.options.scale.unwrap_or(0);
            if segment.has(Flags::ACK) {
                self.answered_isn = segment.ack.wrapping_sub(1);
            }
            self.shift = if self.options.scale.is_some() { scale } else { 0 };
        }
        if end.wrapping_sub(self.engine_next).cast_signed() > 0 {
            self.engine_next = end;
        }
        if segment.has(Flags::ACK) {
            self.acked = segment.ack;
            let shift = if segment.has(Flags::SYN) { 0 } else { self.shift };
            self.edge = segment.ack.wrapping_add(u32::from(segment.window) << shift);
        }
        if let Some(stamps) = segment.options.stamps {
            self.echo = stamps.value;
        }
    }

    fn frame(
        &self,
        [seq, ack]: [u32; 2],
        flags: u8,
        window: u16,
        options: &[u8],
        text: &[u8],
    ) -> Vec<u8> {
        let padded = options.len().next_multiple_of(4);
        let mut frame = Vec::with_capacity(TCP_AT + 20 + padded + text.len());
        frame.extend(MACS[0]);
        frame.extend(MACS[1]);
        let total = u16::try_from(40 + padded + text.len()).expect("a segment is short");
        frame.extend([0x08, 0x00, 0x45, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        frame.extend(ADDRESSES[1].octets());
        frame.extend(ADDRESSES[0].octets());
        let words = frame[14..TCP_AT].chunks(2);
        let sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) & 0xffff;
        frame[24..26].copy_from_slice(&sum.to_be_bytes()[2..]);
        frame.extend(self.ports[1].to_be_bytes());
        frame.extend(self.ports[0].to_be_bytes());
        frame.extend(seq.to_be_bytes());
        frame.extend(ack.to_be_bytes());
        let offset = u8::try_from(5 + padded / 4).expect("options are short");
        frame.extend([offset << 4, flags]);
        frame.extend(window.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(options);
        frame.resize(TCP_AT + 20 + padded, 0);
        frame.extend(text);
        fill_checksum(&mut frame, TCP_AT);
        frame
    }
}
