//! Congestion control: growth, reduction, undo and arithmetic at its limits.

use proptest::prelude::*;

use crate::tcp::congestion::{AckEvent, Congestion, CongestionAlgorithm, CwndLimited, Repair};
use crate::tcp::ecn::EcnBackoff;
use crate::tcp::seq::SeqNum;
use crate::time::{Instant, Span};

pub(super) const MSS: u32 = 1460;
const RTT: Span = Span::from_millis(50);
const BOTH: [CongestionAlgorithm; 2] = [CongestionAlgorithm::Cubic, CongestionAlgorithm::NewReno];

/// A connection that sends a whole window each round trip.
pub(super) struct Sender {
    pub(super) congestion: Congestion,
    pub(super) now: Instant,
    una: SeqNum,
    pub(super) rtt: Span,
}

impl Sender {
    pub(super) fn new(algorithm: CongestionAlgorithm) -> Self {
        let congestion = Congestion::new(algorithm, MSS);
        Self { congestion, now: Instant::ORIGIN, una: SeqNum::from_wire(0), rtt: RTT }
    }

    /// One round trip, an ACK for every second segment.
    pub(super) fn round(&mut self) {
        let window = self.congestion.cwnd_bytes();
        let snd_nxt = self.una + window;
        let acks = window.div_ceil(2 * MSS);
        for ack in 0..acks {
            let acked_bytes = (window - ack * 2 * MSS).min(2 * MSS);
            self.una += acked_bytes;
            self.now += self.rtt / acks;
            self.congestion.on_ack(&AckEvent {
                now: self.now,
                acked_bytes,
                rtt: Some(self.rtt),
                srtt: Some(self.rtt),
                snd_una: self.una,
                snd_nxt: snd_nxt + ack * 2 * MSS,
                limited: CwndLimited::Yes,
                repair: Repair::No,
            });
        }
    }

    pub(super) fn rounds(&mut self, count: u32) {
        for _ in 0..count {
            self.round();
        }
    }

    /// A loss with the whole window in flight, repaired at once.
    pub(super) fn loss(&mut self) {
        self.congestion.on_loss(self.congestion.cwnd_bytes());
        self.congestion.on_recovered();
        self.congestion.forget_prior();
    }
}

#[test]
fn the_first_window_is_ten_segments() {
    for algorithm in BOTH {
        assert_eq!(Congestion::new(algorithm, 1460).cwnd_bytes(), 14_600);
        assert_eq!(Congestion::new(algorithm, 536).cwnd_bytes(), 5_360);
        assert_eq!(Congestion::new(algorithm, 9_000).cwnd_bytes(), 18_000);
        let mut lost_syn = Congestion::new(algorithm, 1460);
        lost_syn.after_syn_loss();
        assert_eq!(lost_syn.cwnd_bytes(), 1460);
    }
}

#[test]
fn slow_start_doubles_each_round() {
    for algorithm in BOTH {
        let mut sender = Sender::new(algorithm);
        sender.rounds(5);
        assert_eq!(sender.congestion.cwnd_bytes(), 14_600 << 5);
    }
}

#[test]
fn a_growing_round_trip_ends_slow_start() {
    let mut sender = Sender::new(CongestionAlgorithm::Cubic);
    sender.rounds(4);
    assert!(sender.congestion.in_slow_start());
    sender.rtt = RTT + Span::from_millis(20);
    sender.rounds(7);
    assert!(!sender.congestion.in_slow_start(), "conservative slow start lasts five rounds");
    // Each of those rounds grew by a quarter, not by the whole.
    assert!(sender.congestion.cwnd_bytes() < 14_600 << 8);
}

#[test]
fn a_spike_of_the_round_trip_does_not_end_slow_start() {
    let mut sender = Sender::new(CongestionAlgorithm::Cubic);
    sender.rounds(4);
    sender.rtt = RTT + Span::from_millis(20);
    sender.round();
    sender.rtt = RTT;
    sender.rounds(5);
    assert!(sender.congestion.in_slow_start());
}

#[test]
fn an_unused_window_does_not_grow() {
    for algorithm in BOTH {
        for rounds in [0, 3] {
            let mut sender = Sender::new(algorithm);
            if rounds > 0 {
                sender.loss();
                sender.rounds(rounds);
            }
            let before = sender.congestion.cwnd_bytes();
            for _ in 0..100 {
                sender.now += RTT;
                sender.congestion.on_ack(&AckEvent {
                    now: sender.now,
                    acked_bytes: MSS,
                    rtt: Some(RTT),
                    srtt: Some(RTT),
                    snd_una: sender.una,
                    snd_nxt: sender.una,
                    limited: CwndLimited::No,
                    repair: Repair::No,
                });
            }
            assert_eq!(sender.congestion.cwnd_bytes(), before);
        }
    }
}

#[test]
fn a_loss_takes_a_half_or_three_tenths() {
    for (algorithm, expected) in
        [(CongestionAlgorithm::NewReno, 7_300), (CongestionAlgorithm::Cubic, 10_220)]
    {
        let mut sender = Sender::new(algorithm);
        sender.loss();
        assert_eq!(sender.congestion.cwnd_bytes(), expected);
        assert_eq!(sender.congestion.ssthresh_bytes(), expected);
    }
}

#[test]
fn thresholds_are_never_below_two_segments() {
    for algorithm in BOTH {
        let mut congestion = Congestion::new(algorithm, MSS);
        for _ in 0..20 {
            congestion.on_loss(0);
            congestion.on_recovered();
        }
        assert_eq!(congestion.cwnd_bytes(), 2 * MSS);
        congestion.on_rto(0);
        assert_eq!((congestion.cwnd_bytes(), congestion.ssthresh_bytes()), (MSS, 2 * MSS));
    }
}

#[test]
fn reno_grows_by_one_segment_a_round() {
    let mut sender = Sender::new(CongestionAlgorithm::NewReno);
    sender.rounds(3);
    sender.loss();
    let before = sender.congestion.cwnd_bytes();
    sender.rounds(10);
    let grown = sender.congestion.cwnd_bytes() - before;
    assert!((9 * MSS..=10 * MSS).contains(&grown), "{grown}");
}

#[test]
fn cubic_is_back_at_its_plateau_after_k() {
    let mut sender = Sender::new(CongestionAlgorithm::Cubic);
    sender.rounds(6);
    let w_max = sender.congestion.cwnd_bytes();
    sender.loss();
    // K = cbrt(W_max * 0.3 / 0.4) seconds with W_max in segments: 640 of them give 7.8 s.
    let segments = w_max / MSS;
    assert_eq!(segments, 640);
    let start = sender.now;
    while sender.congestion.cwnd_bytes() < w_max / 100 * 99 {
        sender.round();
    }
    // 1 % of the window below the plateau is cbrt(6.4 / 0.4) = 2.5 s before K.
    let taken = (sender.now - start).as_millis();
    assert!((5_200..=5_500).contains(&taken), "{taken} ms");
    // Around K it is flat, and then it probes ever faster.
    let flat = sender.congestion.cwnd_bytes();
    sender.rounds(10);
    let after = sender.congestion.cwnd_bytes() - flat;
    assert!(after < w_max / 50, "{after}");
    sender.rounds(200);
    assert!(sender.congestion.cwnd_bytes() > w_max / 4 * 5);
}

#[test]
fn cubic_is_not_slower_than_reno_on_a_short_path() {
    // 10 segments and 2 ms: the cubic's first seconds bring nothing, Reno's estimate does.
    let mut cubic = Sender::new(CongestionAlgorithm::Cubic);
    cubic.rtt = Span::from_millis(2);
    cubic.loss();
    let before = cubic.congestion.cwnd_bytes();
    cubic.rounds(100);
    let grown = (cubic.congestion.cwnd_bytes() - before) / MSS;
    assert!(grown >= 50, "{grown} segments in 100 rounds");
}

#[test]
fn fast_convergence_sinks_the_plateau() {
    let grown_after = |losses: u32| {
        let mut sender = Sender::new(CongestionAlgorithm::Cubic);
        sender.rounds(6);
        for _ in 0..losses {
            sender.loss();
        }
        let start = sender.congestion.cwnd_bytes();
        sender.rounds(40);
        sender.congestion.cwnd_bytes() - start
    };
    assert!(grown_after(2) < grown_after(1));
}

#[test]
fn an_undo_brings_everything_back() {
    for algorithm in BOTH {
        let mut sender = Sender::new(algorithm);
        sender.rounds(3);
        let before = (sender.congestion.cwnd_bytes(), sender.congestion.ssthresh_bytes());
        sender.congestion.on_loss(before.0);
        sender.congestion.set_cwnd(3 * MSS);
        sender.congestion.on_rto(before.0);
        sender.congestion.on_undo();
        let after = (sender.congestion.cwnd_bytes(), sender.congestion.ssthresh_bytes());
        assert_eq!(after, before);
        // A second one has nothing to bring back.
        sender.congestion.set_cwnd(3 * MSS);
        sender.congestion.on_undo();
        assert_eq!(sender.congestion.cwnd_bytes(), 3 * MSS);
    }
}

#[test]
fn an_undo_leaves_a_window_alone_that_has_outgrown_the_old_one() {
    for algorithm in BOTH {
        let mut sender = Sender::new(algorithm);
        sender.rounds(3);
        sender.congestion.on_loss(sender.congestion.cwnd_bytes());
        let grown = 2 * sender.congestion.cwnd_bytes();
        sender.congestion.set_cwnd(grown);
        let threshold = sender.congestion.ssthresh_bytes();
        sender.congestion.on_undo();
        let after = (sender.congestion.cwnd_bytes(), sender.congestion.ssthresh_bytes());
        assert_eq!(after, (grown, threshold));
    }
}

#[test]
fn marks_shrink_the_window_to_one_segment_and_the_threshold_to_two() {
    for algorithm in BOTH {
        let mut congestion = Congestion::new(algorithm, MSS);
        for _ in 0..20 {
            congestion.on_mark(congestion.cwnd_bytes(), EcnBackoff::AsLoss);
            congestion.end_of_mark();
        }
        assert_eq!((congestion.cwnd_bytes(), congestion.ssthresh_bytes()), (MSS, 2 * MSS));
    }
}

#[test]
fn a_year_of_idleness_does_not_overflow() {
    for algorithm in BOTH {
        let mut sender = Sender::new(algorithm);
        sender.rounds(6);
        sender.loss();
        sender.rounds(2);
        let before = sender.congestion.cwnd_bytes();
        sender.now += Span::from_secs(365 * 24 * 3600);
        sender.round();
        let after = sender.congestion.cwnd_bytes();
        assert!(after >= before && after <= before * 2, "{before} {after}");
    }
}

/// Anything that can happen to a window.
#[derive(Clone, Debug)]
enum Step {
    Ack { acked: u32, rtt: u64, after: u64, limited: bool },
    Loss { flight: u32 },
    Rto { flight: u32 },
    Recovered,
    Undo,
    Idle { idle: u64 },
    SetCwnd { cwnd: u32 },
    SetMss { mss: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let ack = (any::<u32>(), any::<u64>(), any::<u64>(), any::<bool>())
        .prop_map(|(acked, rtt, after, limited)| Step::Ack { acked, rtt, after, limited });
    prop_oneof![
        8 => ack,
        1 => any::<u32>().prop_map(|flight| Step::Loss { flight }),
        1 => any::<u32>().prop_map(|flight| Step::Rto { flight }),
        1 => Just(Step::Recovered),
        1 => Just(Step::Undo),
        1 => any::<u64>().prop_map(|idle| Step::Idle { idle }),
        1 => any::<u32>().prop_map(|cwnd| Step::SetCwnd { cwnd }),
        1 => (0u32..70_000).prop_map(|mss| Step::SetMss { mss }),
    ]
}

proptest! {
    #[test]
    fn nothing_that_happens_overflows_or_closes_the_window(
        steps in prop::collection::vec(step(), 0..60),
        cubic in any::<bool>(),
    ) {
        let algorithm = BOTH[usize::from(!cubic)];
        let mut congestion = Congestion::new(algorithm, MSS);
        let mut mss = MSS;
        let mut now = Instant::ORIGIN;
        for step in steps {
            match step {
                Step::Ack { acked, rtt, after, limited } => {
                    now += Span::from_nanos(after >> (after % 64));
                    let rtt = Some(Span::from_nanos(rtt >> (rtt % 64)));
                    let limited = if limited { CwndLimited::Yes } else { CwndLimited::No };
                    congestion.on_ack(&AckEvent {
                        now,
                        acked_bytes: acked >> (acked % 32),
                        rtt,
                        srtt: rtt,
                        snd_una: SeqNum::from_wire(acked),
                        snd_nxt: SeqNum::from_wire(acked) + 1,
                        limited,
                        repair: Repair::No,
                    });
                }
                Step::Loss { flight } => congestion.on_loss(flight),
                Step::Rto { flight } => congestion.on_rto(flight),
                Step::Recovered if congestion.ssthresh_bytes() < u32::MAX => congestion.on_recovered(),
                Step::Recovered => {}
                Step::Undo => congestion.on_undo(),
                Step::Idle { idle } => {
                    now += Span::from_nanos(idle >> (idle % 64));
                    congestion.after_idle(now, Span::from_nanos(idle), Some(RTT));
                }
                Step::SetCwnd { cwnd } => congestion.set_cwnd(cwnd),
                Step::SetMss { mss: new } => {
                    congestion.set_mss(new);
                    mss = new.max(1);
                }
            }
            prop_assert!(congestion.cwnd_bytes() >= mss.min(1));
            prop_assert!(congestion.cwnd_bytes() <= 1 << 30);
        }
    }
}
