//! What the owner of a connection does: it sends, reads, checks and ends.

use netstack::{CloseReason, Instant, Span};

use crate::random::Random;

/// How one side of a connection behaves.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Bytes it sends.
    pub send_bytes: u64,
    /// The longest buffer it queues at once.
    pub buffer_max: u64,
    /// How it ends.
    pub ending: Ending,
    /// How it reads.
    pub reader: Reader,
    /// Whether what it receives must be what the peer sent.
    pub trust: Trust,
}

/// Whether what is received must be what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It must.
    Peer,
    /// Somebody forges segments: it may be anything.
    Nobody,
}

/// How one side ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN as soon as all is queued.
    Finish,
    /// FIN when the peer's stream has ended.
    FinishAfterPeer,
    /// It lets go when all is queued and the peer's stream has ended.
    LetGoAfterPeer,
    /// It lets go as soon as all is queued, whatever the peer does.
    LetGo,
    /// RST when that many bytes were received.
    Abort {
        /// Received bytes.
        after_received: u64,
    },
    /// Nothing: the connection stays.
    Never,
}

/// How one side reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Everything at once.
    Eager,
    /// One payload at a time, with a pause after each.
    Paced(Span),
    /// Nothing for so long, then everything.
    Asleep(Span),
}

impl Plan {
    /// Sends `send_bytes`, reads at once, and finishes.
    pub const fn sending(send_bytes: u64) -> Self {
        let (ending, reader) = (Ending::Finish, Reader::Eager);
        Self { send_bytes, buffer_max: 16_384, ending, reader, trust: Trust::Peer }
    }

    /// The same with another ending.
    pub const fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// The same with another reader.
    pub const fn reader(self, reader: Reader) -> Self {
        Self { reader, ..self }
    }

    /// Plans of any size and pace for the two sides, that read everything and end by FIN. One of
    /// the two may wait for the other's end.
    pub fn pair(random: &mut Random, send_bytes_max: u64) -> [Self; 2] {
        let mut plans = [Self::any(random, send_bytes_max), Self::any(random, send_bytes_max)];
        let waits = usize::try_from(random.within(0..4)).expect("it is small");
        if let Some(plan) = plans.get_mut(waits) {
            plan.ending = random.pick(&[Ending::FinishAfterPeer, Ending::LetGoAfterPeer]);
        }
        plans
    }

    /// A plan of any size and pace that reads everything and finishes.
    fn any(random: &mut Random, send_bytes_max: u64) -> Self {
        let reader = match random.within(0..10) {
            0 => Reader::Paced(Span::from_micros(random.within(1..3_000))),
            1 => Reader::Asleep(Span::from_millis(random.within(1..3_000))),
            _ => Reader::Eager,
        };
        Self {
            send_bytes: if random.chance(100) { 0 } else { random.within(0..send_bytes_max) },
            buffer_max: random.pick(&[1, 100, 1_460, 4_096, 16_413]).max(send_bytes_max / 4_000),
            ending: Ending::Finish,
            reader,
            trust: Trust::Peer,
        }
    }
}

/// What became of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes received, each checked.
    pub received: u64,
    /// Bytes queued.
    pub queued: u64,
    /// Whether the peer's stream ended, once, behind its bytes.
    pub peer_finished: bool,
    /// Why the engine said that it was over; `None` when it is not, or the owner let go.
    pub closed: Option<CloseReason>,
    /// Whether it let go.
    pub let_go: bool,
}

/// One side of a connection.
#[derive(Debug)]
pub struct App {
    /// What it does.
    pub plan: Plan,
    /// What became of it so far.
    pub outcome: Outcome,
    /// Whether there may be something to read.
    pub readable: bool,
    /// Whether our direction was shut down.
    pub shut_down: bool,
    /// Whether the handshake is done.
    pub open: bool,
    /// No reading before this.
    pub reads_at: Instant,
}

impl App {
    /// A side that starts now.
    pub fn new(plan: Plan, now: Instant) -> Self {
        let reads_at = match plan.reader {
            Reader::Asleep(span) => now + span,
            Reader::Eager | Reader::Paced(_) => now,
        };
        let outcome = Outcome::default();
        Self { plan, outcome, readable: false, shut_down: false, open: false, reads_at }
    }

    /// When it wants to be called without an event.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.readable.then_some(self.reads_at)
    }

    /// Checks what arrived: octet n of every stream is a function of n.
    pub fn take(&mut self, bytes: &[u8]) {
        assert!(!self.outcome.peer_finished, "no byte comes behind the end");
        for (at, byte) in bytes.iter().enumerate() {
            if self.plan.trust == Trust::Nobody {
                break;
            }
            let offset = self.outcome.received + at as u64;
            assert_eq!(*byte, octet(offset), "octet {offset} of the stream");
        }
        self.outcome.received += bytes.len() as u64;
    }

    /// Whether it wants to reset the connection.
    pub fn wants_abort(&self) -> bool {
        match self.plan.ending {
            Ending::Abort { after_received } => self.outcome.received >= after_received,
            _ => false,
        }
    }

    /// Whether it wants to end its direction.
    pub fn wants_shutdown(&self) -> bool {
        let all_queued = self.outcome.queued == self.plan.send_bytes;
        let ready = match self.plan.ending {
            Ending::Finish => true,
            Ending::FinishAfterPeer => self.outcome.peer_finished,
            Ending::LetGoAfterPeer | Ending::LetGo | Ending::Abort { .. } | Ending::Never => false,
        };
        all_queued && ready && !self.shut_down
    }

    /// Whether it wants to let go.
    pub fn wants_to_let_go(&self) -> bool {
        let all_queued = self.outcome.queued == self.plan.send_bytes;
        match self.plan.ending {
            Ending::LetGoAfterPeer => all_queued && self.outcome.peer_finished,
            Ending::LetGo => all_queued,
            Ending::Finish | Ending::FinishAfterPeer | Ending::Abort { .. } | Ending::Never => {
                false
            }
        }
    }
}

/// Octet `offset` of every stream: no two nearby stretches are alike.
pub fn octet(offset: u64) -> u8 {
    let mixed = offset.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0] ^ mixed.to_be_bytes()[3]
}
