//! Peers by the hundred thousand, written by hand: one segment at a time over IPv6.

use std::net::{Ipv6Addr, SocketAddr};

use counting_allocator::Counts;
use netstack::{
    Config, ConnectionId, Engine, Event, Instant, Interface, Limits, Link, Listen, MacAddress,
    Span, Train, Transmitted, Verdict,
};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const PORT: u16 = 443;
/// Where TCP begins in a frame.
const TCP_AT: usize = 54;
/// Room for a segment with its headers.
const FRAME_BYTES: usize = 1_514;

/// The link: keeps the last segment.
pub(crate) struct Last {
    frame: [u8; FRAME_BYTES],
    len: usize,
}

impl Link for Last {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let written = train.write_segment(train.segments() - 1, &mut self.frame);
        self.len = written.expect("a segment fits");
        train.segments()
    }
}

impl Last {
    /// The sequence number behind the segment, which has timestamps and no FIN.
    fn sequence_end(&self) -> u32 {
        let payload = self.len - TCP_AT - 20 - 12;
        self.number(4).wrapping_add(u32::try_from(payload).expect("a segment"))
    }

    /// The 32-bit number at an offset from where TCP begins.
    fn number(&self, at: usize) -> u32 {
        let at = TCP_AT + at;
        let [a, b, c, d] = self.frame[at..at + 4] else { panic!("four octets") };
        u32::from_be_bytes([a, b, c, d])
    }
}

/// A server, its time and its link.
pub(crate) struct Server {
    pub(crate) engine: Engine<Vec<u8>, Vec<u8>>,
    pub(crate) now: Instant,
    pub(crate) link: Last,
    /// What its thread had allocated before it was made.
    start: Counts,
    /// What it allocated when it was made.
    base: isize,
}

impl Server {
    /// A server with these limits that listens.
    pub(crate) fn new(limits: Limits) -> Self {
        let now = Instant::from_millis(1_000);
        let interface = Interface::new(MacAddress(SERVER_MAC), SERVER.into(), 64);
        let start = Counts::now();
        let mut config = Config::new(interface, [7; 32]);
        config.limits = limits;
        let mut engine = Engine::new(config, now).expect("a right configuration");
        let mut listen = Listen::new(SocketAddr::new(SERVER.into(), PORT));
        listen.half_open_max = limits.half_open_max;
        engine.listen(listen).expect("nobody listens yet");
        let link = Last { frame: [0; FRAME_BYTES], len: 0 };
        let base = start.until_now().bytes;
        Self { engine, now, link, start, base }
    }

    /// Bytes that the engine holds beyond what it held at first.
    pub(crate) fn grown(&self) -> isize {
        self.start.until_now().bytes - self.base
    }

    /// Takes a segment and sends what is due; how many allocations that were.
    pub(crate) fn receive(&mut self, frame: Vec<u8>) -> u64 {
        let before = Counts::now();
        if let Verdict::Unclaimed(unclaimed) = self.engine.handle_frame(self.now, frame) {
            self.engine.handle_unclaimed(self.now, unclaimed.frame);
        }
        self.transmit();
        before.until_now().allocations
    }

    /// Sends what is due.
    pub(crate) fn transmit(&mut self) {
        assert_eq!(self.engine.poll_transmit(self.now, &mut self.link), Transmitted::Done);
    }

    /// Lets time pass; what is due is done at its end.
    pub(crate) fn sleep(&mut self, span: Span) {
        self.now += span;
        while self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now);
            self.transmit();
        }
    }

    /// The connection that the next event is about, the other events thrown away.
    pub(crate) fn accepted(&mut self) -> ConnectionId {
        let mut found = None;
        while let Some(event) = self.engine.poll_event() {
            if let Event::Accepted { id, .. } = event {
                found = Some(id);
            }
        }
        found.expect("a connection was accepted")
    }

    /// Reads all there is; how many allocations that were.
    pub(crate) fn read(&mut self, id: ConnectionId) -> u64 {
        let before = Counts::now();
        while let Some(payload) = self.engine.recv(id) {
            self.engine.consumed(self.now, id, payload.len());
        }
        while self.engine.poll_event().is_some() {}
        before.until_now().allocations
    }

    /// Sends a buffer; how many allocations that were.
    pub(crate) fn send(&mut self, id: ConnectionId, bytes: Vec<u8>) -> u64 {
        let before = Counts::now();
        self.engine.send(self.now, id, bytes).expect("there is room");
        self.transmit();
        before.until_now().allocations
    }
}

/// A peer: what it says next.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    number: u32,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    ts_value: u32,
    ts_echo: u32,
}

impl Peer {
    /// Peer `number`, each with an address of its own.
    pub(crate) fn new(number: u32) -> Self {
        // Some wrap within their first bytes.
        let seq = number.wrapping_mul(0x9e37_79b9).wrapping_sub(3);
        Self { number, seq, ack: 0, ts_value: 1_000, ts_echo: 0 }
    }

    /// A SYN with all options.
    pub(crate) fn syn(&self) -> Vec<u8> {
        let [a, b, c, d] = self.ts_value.to_be_bytes();
        let options = [2, 4, 5, 160, 4, 2, 8, 10, a, b, c, d, 0, 0, 0, 0, 1, 3, 3, 7];
        self.frame(SYN, &options, &[])
    }

    /// Another segment.
    pub(crate) fn segment(&self, flags: u8, payload: &[u8]) -> Vec<u8> {
        let [a, b, c, d] = self.ts_value.to_be_bytes();
        let [e, f, g, h] = self.ts_echo.to_be_bytes();
        self.frame(flags, &[1, 1, 8, 10, a, b, c, d, e, f, g, h], payload)
    }

    /// Opens a connection, and takes the server's number.
    pub(crate) fn open(&mut self, server: &mut Server) -> ConnectionId {
        server.receive(self.syn());
        self.seq = self.seq.wrapping_add(1);
        self.ack = server.link.number(4).wrapping_add(1);
        self.ts_echo = server.link.number(28);
        server.now += Span::from_micros(100);
        server.receive(self.segment(ACK, &[]));
        server.accepted()
    }

    /// Sends payload, which is read; how many allocations that were.
    pub(crate) fn ask(&mut self, server: &mut Server, id: ConnectionId, payload: &[u8]) -> u64 {
        let frame = self.segment(ACK, payload);
        let allocations = server.receive(frame) + server.read(id);
        self.seq = self.seq.wrapping_add(u32::try_from(payload.len()).expect("a segment"));
        allocations
    }

    /// Takes an answer of so many bytes, and acknowledges it; how many allocations that were.
    pub(crate) fn answered(&mut self, server: &mut Server, id: ConnectionId, len: usize) -> u64 {
        let mut allocations = server.send(id, vec![0; len]);
        let end = self.ack.wrapping_add(u32::try_from(len).expect("an answer"));
        while self.ack != end {
            self.ack = server.link.sequence_end();
            self.ts_value = self.ts_value.wrapping_add(1);
            self.ts_echo = server.link.number(24);
            server.now += Span::from_micros(100);
            allocations += server.receive(self.segment(ACK, &[]));
        }
        while server.engine.poll_event().is_some() {}
        allocations
    }

    fn frame(&self, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TCP_AT + 20 + options.len() + payload.len());
        bytes.extend(SERVER_MAC);
        bytes.extend(PEER_MAC);
        bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        let tcp_len = u16::try_from(20 + options.len() + payload.len()).expect("a segment");
        bytes.extend(tcp_len.to_be_bytes());
        bytes.extend([6, 64]);
        let [a, b, c, d] = self.number.to_be_bytes();
        bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 1, a, b, c, d]);
        bytes.extend(SERVER.octets());
        bytes.extend(40_000u16.to_be_bytes());
        bytes.extend(PORT.to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        let header_words = u8::try_from(5 + options.len() / 4).expect("a header");
        bytes.extend([header_words << 4, flags, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend(options);
        bytes.extend(payload);
        fill_checksum(&mut bytes);
        bytes
    }
}

/// Writes the TCP checksum, the plain way.
fn fill_checksum(bytes: &mut [u8]) {
    let octets = bytes[22..].chunks(2);
    let words = octets.map(|word| {
        let low = word.get(1).copied().unwrap_or(0);
        u64::from(u16::from_be_bytes([word[0], low]))
    });
    let mut sum = words.sum::<u64>() + 6 + (bytes.len() - TCP_AT) as u64;
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [.., high, low] = (!sum).to_be_bytes();
    bytes[TCP_AT + 16..TCP_AT + 18].copy_from_slice(&[high, low]);
}
