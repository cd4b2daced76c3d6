//! HyStart++ by the steps and the constants of RFC 9406 §4.2, §4.3.

use super::congestion::MSS;
use crate::Span;
use crate::tcp::congestion::{AckEvent, Congestion, CongestionAlgorithm, CwndLimited, Repair};
use crate::tcp::seq::SeqNum;
use crate::time::Instant;

/// A connection that sends whatever its window takes.
struct Flow {
    congestion: Congestion,
    now: Instant,
    una: SeqNum,
    nxt: SeqNum,
    /// SND.NXT when the round began.
    round_end: SeqNum,
}

impl Flow {
    /// A connection that has sent its first window.
    fn new() -> Self {
        let congestion = Congestion::new(CongestionAlgorithm::Cubic, MSS);
        let nxt = SeqNum::ZERO + congestion.cwnd_bytes();
        let (now, una) = (Instant::from_millis(1_000), SeqNum::ZERO);
        Self { congestion, now, una, nxt, round_end: nxt }
    }

    /// One that has measured `base` for three rounds.
    fn measured(base: Span) -> Self {
        let mut flow = Self::new();
        for _ in 0..3 {
            flow.round(base, 10);
        }
        flow
    }

    /// An ACK of so many bytes; the window is used up then.
    fn ack(&mut self, rtt: Span, acked_bytes: u32) {
        self.now += rtt / 10;
        self.una += acked_bytes;
        self.congestion.on_ack(&AckEvent {
            now: self.now,
            acked_bytes,
            rtt: Some(rtt),
            srtt: Some(rtt),
            snd_una: self.una,
            snd_nxt: self.nxt,
            limited: CwndLimited::Yes,
            repair: Repair::No,
        });
        if self.una.after_or_eq(self.round_end) {
            self.round_end = self.nxt;
        }
        self.nxt = self.una + self.congestion.cwnd_bytes();
    }

    /// A round with that round trip and so many ACKs: what it brought, in percent of what it
    /// acknowledged.
    fn round(&mut self, rtt: Span, acks: u32) -> u32 {
        let before = self.congestion.cwnd_bytes();
        let bytes = self.una.distance_to(self.round_end);
        let piece = bytes.div_ceil(acks);
        let mut left = bytes;
        while left > 0 {
            let acked_bytes = left.min(piece);
            left -= acked_bytes;
            self.ack(rtt, acked_bytes);
        }
        u32::try_from(u64::from(self.congestion.cwnd_bytes() - before) * 100 / u64::from(bytes))
            .expect("at most 100")
    }
}

#[test]
fn the_round_trip_must_grow_by_an_eighth_and_by_4_to_16_milliseconds() {
    for (base, less, enough) in [(80, 9, 10), (16, 3, 4), (400, 15, 16)] {
        let with = |more: u64| {
            let mut flow = Flow::measured(Span::from_millis(base));
            flow.round(Span::from_millis(base + more), 10)
        };
        assert_eq!(with(less), 100, "{base} ms and {less} more");
        assert!(with(enough) < 100, "{base} ms and {enough} more");
    }
}

#[test]
fn eight_samples_are_needed() {
    for (acks, conservative) in [(7, false), (8, true)] {
        let mut flow = Flow::measured(Span::from_millis(50));
        let brought = flow.round(Span::from_millis(80), acks);
        assert_eq!(brought < 100, conservative, "{acks} samples: {brought} %");
    }
}

#[test]
fn conservative_slow_start_grows_by_a_quarter_for_five_rounds() {
    let mut flow = Flow::measured(Span::from_millis(50));
    // The round in which it begins is the first of the five.
    flow.round(Span::from_millis(80), 10);
    for _ in 0..4 {
        assert!(flow.congestion.in_slow_start());
        let brought = flow.round(Span::from_millis(80), 10);
        assert!((24..=25).contains(&brought), "{brought} %");
    }
    assert!(!flow.congestion.in_slow_start());
    assert_eq!(flow.congestion.ssthresh_bytes(), flow.congestion.cwnd_bytes());
}

#[test]
fn a_round_trip_below_the_one_that_began_it_resumes_slow_start() {
    let mut flow = Flow::measured(Span::from_millis(50));
    flow.round(Span::from_millis(80), 10);
    assert!(flow.round(Span::from_millis(60), 10) < 100, "eight samples show it");
    assert_eq!(flow.round(Span::from_millis(60), 10), 100);
}

#[test]
fn only_the_first_slow_start_is_looked_at() {
    let mut flow = Flow::measured(Span::from_millis(50));
    flow.congestion.on_rto(100 * MSS);
    flow.congestion.on_timeout_recovered();
    flow.congestion.set_cwnd(20 * MSS);
    flow.nxt = flow.una + 20 * MSS;
    flow.round_end = flow.nxt;
    assert!(flow.congestion.in_slow_start());
    assert_eq!(flow.round(Span::from_millis(90), 10), 100);
}

#[test]
fn the_first_flight_is_the_first_round() {
    // On a slow link each segment of the first flight arrives later than the one before it: nothing
    // was measured before that it could be compared with.
    let mut flow = Flow::new();
    for segment in 1..=10 {
        flow.ack(Span::from_millis(40 + 12 * segment), MSS);
    }
    assert_eq!(flow.congestion.cwnd_bytes(), 20 * MSS);
}
