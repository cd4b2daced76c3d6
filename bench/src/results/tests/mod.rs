mod distributions;
mod file;
mod hdr_log;
mod judgement;

use std::time::Duration;

use super::facts::{Facts, Machine, PhaseFacts, Scenario};
use super::judgement::Judge;
use super::{Ending, Results};
use crate::report::TlsFacts;
use crate::seconds::{
    ConnectionState, HandshakeKind, Operation, Outcome, OwnSample, Place, Reason, Recorder, Second,
};
use crate::tick::Tick;

/// Phases of [`facts`].
const WARM_UP: Place = Place { phase: 0, step: 0 };
pub(super) const HOLD: Place = Place { phase: 1, step: 0 };
const HOLD_POSTS: Place = Place { phase: 1, step: 1 };

/// Two seconds of warm-up and ten that count.
pub(super) fn facts() -> Facts {
    let phase = |name: &str, begin_s, end_s, measured| PhaseFacts {
        name: name.to_owned(),
        begin_s,
        end_s,
        pace: "400/s".to_owned(),
        open_loop: true,
        measured,
    };
    Facts {
        started_unix_s: 1_800_000_000.25,
        ended_s: 12.2,
        stopped: false,
        scenario: Scenario {
            target: "https://one.example/".to_owned(),
            address: "192.0.2.1:443".to_owned(),
            transport: "kernel".to_owned(),
            connections: 20,
            workers: 2,
            seed: 7,
            phases: vec![phase("warm-up", 0.0, 2.0, false), phase("hold", 2.0, 12.0, true)],
            steps: vec!["get".to_owned(), "post <b>\"&".to_owned()],
        },
        tls: Some(TlsFacts {
            version: "TLS 1.3".to_owned(),
            cipher_suite: "TLS13_AES_128_GCM_SHA256".to_owned(),
            group: "X25519MLKEM768".to_owned(),
        }),
        first_failure: Some("status: 503 instead of 200".to_owned()),
        machine: Machine {
            kernel: "6.18.0".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
            load_before: vec![0.02, 0.1, 0.25],
            version: "0.1.0".to_owned(),
            commit: Some("0123abc".to_owned()),
        },
    }
}

impl Results {
    /// From the seconds of several workers, in any order.
    pub(super) fn new(facts: Facts, all: impl IntoIterator<Item = Second>) -> Self {
        let mut judge = Judge::default();
        let mut seconds: Vec<Second> = Vec::new();
        for second in all {
            judge.look_at(&second);
            match seconds.binary_search_by_key(&second.number, |it| it.number) {
                Ok(at) => seconds[at].merge(&second),
                Err(at) => seconds.insert(at, second),
            }
        }
        Self { facts, seconds, limited: judge.limited() }
    }
}

/// What the run's own end tells of [`facts`].
pub(super) fn ending() -> Ending {
    let Facts { started_unix_s, stopped, tls, first_failure, .. } = facts();
    Ending { started_unix_s, stopped, tls, first_failure }
}

/// Seeded randomness for tests.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // Xorshift, by G. Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 to 1, without the 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}

pub(super) fn ms(count: u64) -> Tick {
    Tick(count * 1_000_000)
}

/// One worker's seconds: an operation every 5 ms, and each takes longer than the one before.
pub(super) fn worker(number: u64) -> Vec<Second> {
    let mut recorder = Recorder::new(Tick::START);
    let mut seconds = Vec::new();
    for _ in 0..10 {
        recorder.moved(None, Some(ConnectionState::Idle));
    }
    recorder.moved(Some(ConnectionState::Idle), Some(ConnectionState::Busy));
    let own = OwnSample { cpu: Duration::from_millis(300), turns: 200, ring_drops: 0 };
    for turn in 0..2400_u64 {
        let intended = ms(turn * 5);
        if recorder.is_over(intended) {
            seconds.push(recorder.close(intended, own));
        }
        let place = match turn {
            0..400 => WARM_UP,
            _ if turn % 8 == 7 => HOLD_POSTS,
            _ => HOLD,
        };
        let sent = Tick(intended.0 + 20_000 + number * 3_000);
        let ended = Tick(sent.0 + 300_000 + (turn * turn * 37) % 4_000_000);
        let outcome = match turn {
            1000 => Outcome::Failed(Reason::Status),
            1001..1010 => Outcome::Failed(Reason::Reset),
            _ => Outcome::Done,
        };
        recorder.due(place, intended, Tick(intended.0 + 15_000));
        recorder.begun(place);
        recorder.operation(&Operation { place, intended, sent, ended, outcome });
        recorder.bytes_received(place, 1_000);
        if turn % 50 == 0 {
            let kind = if turn % 100 == 0 { HandshakeKind::Full } else { HandshakeKind::Resumed };
            recorder.handshake(place, kind, Duration::from_micros(900 + turn));
        }
    }
    seconds.push(recorder.close(ms(12_000), own));
    seconds
}

/// A run of two workers.
pub(super) fn results() -> Results {
    Results::new(facts(), worker(0).into_iter().chain(worker(1)))
}

/// The same in a closed loop.
pub(super) fn closed() -> Results {
    let mut facts = facts();
    for phase in &mut facts.scenario.phases {
        phase.open_loop = false;
        phase.pace = "closed loop".to_owned();
    }
    Results::new(facts, worker(0).into_iter().chain(worker(1)))
}

/// The user had enough before the first second was over, and nothing had come.
pub(super) fn stopped_at_once() -> Results {
    let mut facts = facts();
    (facts.ended_s, facts.stopped, facts.tls) = (0.3, true, None);
    let mut recorder = Recorder::new(Tick::START);
    recorder.moved(None, Some(ConnectionState::Connecting));
    Results::new(facts, [recorder.close(ms(300), OwnSample::default())])
}

/// The same, but a worker had no time left in two of its seconds.
pub(super) fn limited() -> Results {
    let mut seconds: Vec<Second> = worker(0).into_iter().chain(worker(1)).collect();
    for second in seconds.iter_mut().take(5).skip(3) {
        second.own.cpu = second.own.span;
    }
    Results::new(facts(), seconds)
}
