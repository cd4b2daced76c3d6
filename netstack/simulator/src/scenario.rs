//! One run from its seed to its figures: what is sent over which link, and what came of it.

use netstack::{CloseReason, CongestionAlgorithm, Span};

use crate::app::{Outcome, Plan};
use crate::cable::{Bottleneck, Cable, Impairments};
use crate::capture::Capture;
use crate::host::{Family, Host, Ports};
use crate::mixed::Mixed;
use crate::network::{Network, NetworkConfig};
use crate::random::Random;
use crate::smoltcp::{Opener, SmoltcpConfig, SmoltcpHost};
use crate::units::Buffer;

/// How long a run may take, in virtual time.
const WITHIN: Span = Span::from_secs(7_200);
/// What waits before a bottleneck at least, however short the path: ten full frames.
const QUEUE_BYTES_MIN: u64 = 15_140;

/// What is sent over which link. Shares are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Connections, opened at once.
    pub streams: u16,
    /// Bytes that the client sends on each.
    pub bytes: u64,
    /// Bytes that the server sends on each.
    pub answer_bytes: u64,
    /// Frames that never arrive.
    pub loss: u64,
    /// Frames that arrive twice.
    pub duplication: u64,
    /// Frames that overtake or are overtaken, by up to 10 ms.
    pub reordering: u64,
    /// Frames that arrive with a bit changed.
    pub corruption: u64,
    /// The time of the way, each direction: drawn between the two for each seed.
    pub delay: [Span; 2],
    /// What a frame may take longer, without overtaking.
    pub jitter: Span,
    /// The rate of each direction in bytes a millisecond; `None` is without limit.
    pub bytes_per_ms: Option<u64>,
    /// What may wait before the link.
    pub buffer: Buffer,
    /// The largest packet.
    pub mtu_bytes: u16,
    /// The IP version.
    pub family: Family,
    /// The congestion control of both sides.
    pub congestion: CongestionAlgorithm,
    /// Who is on the other side.
    pub peer: Peer,
}

/// Who is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Another engine: the server.
    Engine,
    /// smoltcp, over IPv4: it listens in runs with an even seed and opens in the others. What the
    /// client sends is then what our engine sends.
    Smoltcp,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            streams: 1,
            bytes: 100_000,
            answer_bytes: 0,
            loss: 0,
            duplication: 0,
            reordering: 0,
            corruption: 0,
            delay: [Span::from_millis(5); 2],
            jitter: Span::ZERO,
            bytes_per_ms: None,
            buffer: Buffer::BdpThousandths(1_000),
            mtu_bytes: 1_500,
            family: Family::V4,
            congestion: CongestionAlgorithm::Cubic,
            peer: Peer::Engine,
        }
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// From the first SYN to the last byte that the server received.
    pub taken: Span,
    /// Bytes that the client's connections delivered.
    pub sent_bytes: u64,
    /// Bytes that they sent again.
    pub retransmitted_bytes: u64,
    /// Their retransmission timeouts.
    pub timeouts: u64,
    /// Frames of both sides.
    pub frames: u64,
    /// A hash of all frames: equal runs have equal ones.
    pub digest: u64,
}

impl Report {
    /// What the engine of `sender` counted.
    fn new(taken: Span, sent_bytes: u64, sender: &Host, cables: &[Cable; 2]) -> Self {
        let counters = sender.engine.counters();
        Self {
            taken,
            sent_bytes,
            retransmitted_bytes: counters.bytes_retransmitted,
            timeouts: counters.retransmits_timeout,
            frames: cables.iter().map(Cable::frames).sum(),
            digest: cables.iter().fold(0, |sum, cable| sum ^ cable.digest()),
        }
    }

    /// Bits of payload a second, from the client to the server.
    #[must_use]
    pub fn goodput_bits_per_s(&self) -> u64 {
        self.sent_bytes * 8 * 1_000_000 / self.taken.as_micros().max(1)
    }

    /// Bytes sent again, of a million sent.
    #[must_use]
    pub fn retransmitted_ppm(&self) -> u64 {
        self.retransmitted_bytes * 1_000_000 / self.sent_bytes.max(1)
    }
}

impl Scenario {
    /// Runs it. `capture`: where every frame is written to.
    ///
    /// # Panics
    /// Something is not as it has to be: a byte, the end of a stream, an invariant of an engine,
    /// what it holds at the end.
    pub fn run(&self, seed: u64, capture: Option<&Capture>) -> Report {
        match self.peer {
            Peer::Engine => self.run_engines(seed, capture),
            Peer::Smoltcp => self.run_smoltcp(seed, capture),
        }
    }

    /// Runs two engines.
    fn run_engines(&self, seed: u64, capture: Option<&Capture>) -> Report {
        let mut random = Random::new(seed);
        let config = self.config(&mut random);
        let mut network = config.build(&mut random);
        if let Some(capture) = capture {
            for (host, side) in network.hosts.iter_mut().zip([0, 1]) {
                host.judge(capture.judge(side));
            }
        }
        let plan = Plan::sending(self.bytes);
        for _ in 0..self.streams {
            network.connect(self.family, plan);
        }
        let all = self.bytes * u64::from(self.streams);
        network.run_until(WITHIN, |network| received(network) == all);
        let taken = network.now - netstack::Instant::ORIGIN;
        network.settle();
        network.assert_baseline();
        for (host, peer_bytes) in network.hosts.iter().zip([self.answer_bytes, self.bytes]) {
            assert_eq!(host.outcomes.len(), usize::from(self.streams), "each connection ends once");
            for outcome in &host.outcomes {
                check(outcome, peer_bytes);
            }
        }
        Report::new(taken, all, &network.hosts[0], &network.cables)
    }

    /// Runs our engine against smoltcp.
    fn run_smoltcp(&self, seed: u64, capture: Option<&Capture>) -> Report {
        let mut random = Random::new(seed);
        let NetworkConfig { hosts: [config, _], impairments, .. } = self.config(&mut random);
        let plan = Plan::sending(self.bytes);
        let opener = if seed.is_multiple_of(2) { Opener::Engine } else { Opener::Peer };
        let peer = SmoltcpHost::new(SmoltcpConfig {
            streams: self.streams,
            send_bytes: self.answer_bytes,
            mtu_bytes: self.mtu_bytes,
            seed: random.next_u64(),
            opener,
        });
        let mut host = Host::new(config, plan, random.fork());
        if let Some(capture) = capture {
            host.judge(capture.judge(0));
        }
        let cables = impairments.map(|impairments| Cable::new(impairments, random.fork()));
        let mut mixed = Mixed::new(host, peer, cables);
        if opener == Opener::Engine {
            for _ in 0..self.streams {
                mixed.host.connect(mixed.now, Family::V4, Ports::TO_SERVER, plan);
            }
        }
        let all = self.bytes * u64::from(self.streams);
        mixed.run_until(WITHIN, |mixed| mixed.peer.received() == all);
        let taken = mixed.now - netstack::Instant::ORIGIN;
        let ended = usize::from(self.streams);
        mixed.run_until(WITHIN, |mixed| mixed.peer.is_done() && mixed.host.outcomes.len() == ended);
        mixed.finish();
        for outcome in &mixed.host.outcomes {
            check(outcome, self.answer_bytes);
        }
        Report::new(taken, all, &mixed.host, &mixed.cables)
    }

    /// The network of one run.
    fn config(&self, random: &mut Random) -> NetworkConfig {
        let server = Plan { buffer_max: 16_384, ..Plan::sending(self.answer_bytes) };
        let mut config = NetworkConfig::new(server);
        let [from, to] = self.delay.map(|span| span.as_nanos());
        let delay = Span::from_nanos(random.within(from..to + 1));
        let bottleneck = self.bytes_per_ms.map(|bytes_per_ms| {
            let queue_bytes = match self.buffer {
                Buffer::Bytes(bytes) => bytes,
                Buffer::BdpThousandths(count) => {
                    2 * delay.as_micros() * bytes_per_ms / 1_000 * count / 1_000
                }
            };
            let queue_bytes = queue_bytes.max(QUEUE_BYTES_MIN);
            Bottleneck { bytes_per_ms, queue_bytes, marks_above_bytes: u64::MAX }
        });
        config.impairments = [Impairments {
            loss: self.loss,
            duplication: self.duplication,
            reordering: self.reordering,
            corruption: self.corruption,
            delay,
            jitter: self.jitter,
            bottleneck,
            ..Impairments::NONE
        }; 2];
        for host in &mut config.hosts {
            host.mtu_bytes = self.mtu_bytes;
            host.tcp.congestion = self.congestion;
            // The path is the limit, not the receiver.
            host.tcp.receive_window_bytes = 4 << 20;
            host.limits.out_of_order_bytes_max = 16 << 20;
            host.limits.out_of_order_ranges_max = 1_024;
        }
        config
    }

    /// The smallest scenario that can be found in which `fails` still holds: fewer streams and
    /// bytes, then less that goes wrong. `fails` holds for `self`.
    #[must_use]
    pub fn shrink(self, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let mut smallest = self;
        loop {
            let smaller = smallest.smaller();
            let next = smaller.into_iter().find(|next| *next != smallest && fails(next));
            let Some(next) = next else { return smallest };
            smallest = next;
        }
    }

    /// Scenarios with a little less of something.
    fn smaller(self) -> [Self; 14] {
        let Self { streams, bytes, answer_bytes, delay: [from, _], .. } = self;
        [
            Self { streams: 1, ..self },
            Self { streams: (streams / 2).max(1), ..self },
            Self { streams: (streams - 1).max(1), ..self },
            Self { answer_bytes: 0, ..self },
            Self { answer_bytes: answer_bytes / 2, ..self },
            Self { bytes: bytes / 2, ..self },
            Self { bytes: bytes - bytes / 10, ..self },
            Self { corruption: 0, ..self },
            Self { duplication: 0, ..self },
            Self { reordering: 0, ..self },
            Self { loss: 0, ..self },
            Self { jitter: Span::ZERO, ..self },
            Self { delay: [from; 2], ..self },
            Self { bytes_per_ms: None, ..self },
        ]
    }
}

/// What the server has received so far, on all connections.
fn received(network: &Network) -> u64 {
    let server = &network.hosts[1];
    server.outcomes.iter().chain(server.living()).map(|outcome| outcome.received).sum()
}

/// Checks that a side has the other's whole stream and its end.
fn check(outcome: &Outcome, peer_bytes: u64) {
    assert_eq!(outcome.received, peer_bytes, "{outcome:?}");
    assert!(outcome.peer_finished, "{outcome:?}");
    assert_eq!(outcome.closed, Some(CloseReason::Finished), "{outcome:?}");
}
