//! Two engines and a link with a delay that can lose frames: whole connections, every end.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::VecDeque;
use std::vec::Vec;

use super::host::{Host, PEER_MAC, SERVER, SERVER_MAC};
use crate::{CloseReason, ConnectionId, Instant, SendErrorKind, Span, TcpState};

/// Two hosts, `a` opens to `b`.
struct Pair {
    a: Host,
    b: Host,
    /// Frames on their way, with the time of their arrival: to `b`, to `a`.
    to_b: VecDeque<(Instant, Vec<u8>)>,
    to_a: VecDeque<(Instant, Vec<u8>)>,
    delay: Span,
    /// Every so many frames one is lost; 0 for none.
    lose_every: u64,
    carried: u64,
}

/// One direction's progress.
#[derive(Default)]
struct Stream {
    sent: usize,
    received: Vec<u8>,
}

const A4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 0);
const A6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));
const B6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));

impl Pair {
    fn new(lose_every: u64) -> Self {
        Self::between(A4, SERVER, lose_every)
    }

    fn between(a: SocketAddr, b: SocketAddr, lose_every: u64) -> Self {
        Self {
            a: Host::at(SocketAddr::new(a.ip(), 443), PEER_MAC, |_| {}),
            b: Host::at(b, SERVER_MAC, |config| config.seed = [9; 32]),
            to_b: VecDeque::new(),
            to_a: VecDeque::new(),
            delay: Span::from_millis(10),
            lose_every,
            carried: 0,
        }
    }

    fn now(&self) -> Instant {
        self.a.now
    }

    /// Puts what both send on the link.
    fn exchange(&mut self) {
        let at = self.now() + self.delay;
        for (host, queue) in [(&mut self.a, &mut self.to_b), (&mut self.b, &mut self.to_a)] {
            for frame in host.transmit() {
                self.carried += 1;
                if self.lose_every == 0 || !self.carried.is_multiple_of(self.lose_every) {
                    queue.push_back((at, frame));
                }
            }
        }
    }

    /// Goes on to the next arrival or timer; `false` if there is none.
    fn step(&mut self) -> bool {
        self.exchange();
        let arrivals = [self.to_b.front(), self.to_a.front()];
        let arrivals = arrivals.into_iter().flatten().map(|(at, _)| *at);
        let timers = [self.a.engine.poll_timeout(), self.b.engine.poll_timeout()];
        let Some(next) = arrivals.chain(timers.into_iter().flatten()).min() else { return false };
        let now = self.now().max(next);
        for (host, queue) in [(&mut self.b, &mut self.to_b), (&mut self.a, &mut self.to_a)] {
            host.now = now;
            host.engine.handle_timeout(now);
            while queue.front().is_some_and(|(at, _)| *at <= now) {
                let (_, frame) = queue.pop_front().expect("looked at above");
                host.receive(frame);
            }
        }
        true
    }

    /// Goes on until `done` or nothing more happens.
    fn run(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..2_000_000 {
            if done(self) {
                return;
            }
            if !self.step() {
                return;
            }
        }
        panic!("no end in sight");
    }

    /// Opens a connection and waits for both ends of it.
    fn open_between(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> (ConnectionId, ConnectionId) {
        let id = self.a.connect(local, remote);
        self.run(|pair| {
            pair.b.engine.connections().next().is_some() && pair.a.state() == TcpState::Established
        });
        (id, self.b.only())
    }
}

/// Byte `at` of every stream.
fn byte(at: usize) -> u8 {
    u8::try_from(at * 7 % 251).expect("below 251")
}

/// Queues as much of a stream of `total` bytes as there is room for, then shuts down.
fn feed(host: &mut Host, id: ConnectionId, stream: &mut Stream, total: usize) {
    while stream.sent < total {
        let len = (total - stream.sent).min(16_384);
        let buffer: Vec<u8> = (stream.sent..stream.sent + len).map(byte).collect();
        match host.engine.send(host.now, id, buffer) {
            Ok(()) => stream.sent += len,
            Err(error) => {
                assert_eq!(error.kind, SendErrorKind::Full);
                return;
            }
        }
    }
    host.engine.shutdown(host.now, id);
}

fn drain(host: &mut Host, id: ConnectionId, stream: &mut Stream) {
    stream.received.extend_from_slice(&host.read(id));
}

/// Both ends send `total` bytes and finish; the streams arrive whole, and nothing is left.
fn transfer(mut pair: Pair, ends: (SocketAddr, SocketAddr), total: usize) -> Pair {
    let (a, b) = pair.open_between(ends.0, ends.1);
    let (mut up, mut down) = (Stream::default(), Stream::default());
    pair.run(|pair| {
        feed(&mut pair.a, a, &mut up, total);
        feed(&mut pair.b, b, &mut down, total);
        drain(&mut pair.a, a, &mut down);
        drain(&mut pair.b, b, &mut up);
        false
    });
    let expected: Vec<u8> = (0..total).map(byte).collect();
    assert!(up.received == expected, "{} of {total} bytes up", up.received.len());
    assert!(down.received == expected, "{} of {total} bytes down", down.received.len());
    for host in [&mut pair.a, &mut pair.b] {
        assert_eq!(host.close_reason(), Some(CloseReason::Finished));
        host.assert_baseline();
    }
    pair
}

#[test]
fn both_directions_arrive_whole() {
    let pair = transfer(Pair::new(0), (A4, SERVER), 1_000_000);
    assert_eq!(pair.a.engine.counters().bytes_retransmitted, 0);
    assert_eq!(pair.b.engine.counters().bytes_retransmitted, 0);
}

#[test]
fn both_directions_arrive_whole_over_ipv6() {
    let ends = (SocketAddr::new(A6, 0), SocketAddr::new(B6, 443));
    transfer(Pair::between(ends.0, ends.1, 0), ends, 300_000);
}

#[test]
fn losses_are_repaired() {
    for lose_every in [5, 7, 11, 17, 29, 50] {
        let pair = transfer(Pair::new(lose_every), (A4, SERVER), 300_000);
        let counters = pair.b.engine.counters();
        assert!(counters.bytes_retransmitted > 0, "one frame in {lose_every} is lost");
        assert!(counters.bytes_retransmitted < 300_000, "no storm: {counters:?}");
    }
}
