//! BBR on a path of a known rate, round trip and queue, without the rest of TCP.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use crate::tcp::congestion::{Congestion, CongestionAlgorithm, Delivered};
use crate::tcp::delivery_rate::{Rate, Transmission};
use crate::tcp::ecn::EcnBackoff;
use crate::tcp::pacing::{Pace, Pacer};
use crate::tcp::sack::{Delivery, LostRanges, Sent};
use crate::tcp::seq::SeqNum;
use crate::{Instant, Span};

const MSS: u32 = 1_460;
/// 100 Mbit/s.
const BYTES_PER_SEC: u64 = 12_500_000;
const RTT: Span = Span::from_millis(40);
/// What the path holds without a queue.
const BDP: u32 = 500_000;

/// A quantum under way.
struct Flying {
    arrives: Instant,
    sent_at: Instant,
    bytes: u32,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    Lost,
}

/// How much the owner has to send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// More than any path takes.
    Bulk,
    /// One segment a round trip.
    Little,
}

/// A sender on its path.
struct Flow {
    congestion: Congestion,
    pacer: Pacer,
    now: Instant,
    flying: VecDeque<Flying>,
    in_flight: u32,
    delivered: u64,
    lost: u64,
    rtt: Span,
    queue_bytes: u64,
    free_at: Instant,
}

impl Flow {
    fn new() -> Self {
        Self {
            congestion: Congestion::new(CongestionAlgorithm::Bbr, MSS),
            pacer: Pacer::new(),
            now: Instant::from_millis(1_000),
            flying: VecDeque::new(),
            in_flight: 0,
            delivered: 0,
            lost: 0,
            rtt: RTT,
            queue_bytes: u64::MAX,
            free_at: Instant::ORIGIN,
        }
    }

    /// Sends and receives for `span`; what BBR was at on the way.
    fn run(&mut self, span: Span, demand: Demand) -> Vec<&'static str> {
        let end = self.now + span;
        let mut phases = vec![self.congestion.phase_name()];
        loop {
            let bytes = self.next_bytes(demand);
            let send_at = (bytes > 0).then(|| self.pacer.next_send_time().max(self.now));
            let ack_at = self.flying.front().map(|flying| flying.arrives);
            let Some(next) = [send_at, ack_at].into_iter().flatten().min().filter(|at| *at <= end)
            else {
                self.now = end;
                return phases;
            };
            self.now = next;
            if ack_at == Some(next) {
                self.arrive();
            } else {
                self.send(bytes);
            }
            if phases.last() != Some(&self.congestion.phase_name()) {
                phases.push(self.congestion.phase_name());
            }
        }
    }

    fn pace(&self) -> Option<Pace> {
        let rate = self.congestion.pacing_rate(Some(self.rtt))?;
        Some(Pace::new(rate, MSS, 64_000))
    }

    /// What the window and the owner let go next.
    fn next_bytes(&self, demand: Demand) -> u32 {
        let room = self.congestion.cwnd_bytes().saturating_sub(self.in_flight);
        let quantum = match demand {
            Demand::Bulk => self.pace().map_or(MSS, Pace::quantum),
            Demand::Little if self.in_flight > 0 => 0,
            Demand::Little => MSS,
        };
        let bytes = quantum.min(room);
        bytes - bytes % MSS
    }

    fn send(&mut self, bytes: u32) {
        if bytes == MSS && self.in_flight == 0 {
            self.congestion.on_app_limited(0);
        }
        let in_flight_before = self.in_flight;
        self.in_flight += bytes;
        self.pacer.on_sent(self.now, bytes, self.pace().expect("there is a round trip"));
        let rate = Rate::new(BYTES_PER_SEC, Span::from_secs(1));
        let waiting = rate.bytes_in(self.free_at - self.now);
        let fate = if waiting > self.queue_bytes { Fate::Lost } else { Fate::Delivered };
        if fate == Fate::Delivered {
            self.free_at = self.free_at.max(self.now) + rate.time_of(bytes);
        }
        let arrives = self.free_at + self.rtt;
        self.flying.push_back(Flying { arrives, sent_at: self.now, bytes, fate });
        self.congestion.on_sent(Transmission {
            now: self.now,
            in_flight_before,
            in_flight: self.in_flight,
            granularity: self.rtt / 64,
        });
    }

    fn arrive(&mut self) {
        let flying = self.flying.pop_front().expect("it is under way");
        let Flying { sent_at, bytes, fate, .. } = flying;
        let flight_before = self.in_flight;
        self.in_flight -= bytes;
        if fate == Fate::Lost {
            self.lost += u64::from(bytes);
            let ranges = bytes / MSS;
            self.congestion.on_lost(&LostRanges { bytes, ranges, sent_at: Some(sent_at) });
            return;
        }
        self.delivered += u64::from(bytes);
        self.congestion.on_delivered(&Delivered {
            now: self.now,
            bytes,
            delivery: Some(Delivery { sent_at, end: SeqNum::ZERO, sent: Sent::Once }),
            rtt: Some(self.now - sent_at),
            srtt: Some(self.rtt),
            min_rtt: Some(RTT),
            flight_before,
            in_flight: self.in_flight,
        });
    }

    /// The pacing rate in percent of the path's.
    fn pacing_percent(&self) -> u64 {
        let rate = self.congestion.pacing_rate(Some(self.rtt)).expect("there is a round trip");
        rate.bytes_per_sec() * 100 / BYTES_PER_SEC
    }
}

#[test]
fn startup_finds_the_rate_and_drain_empties_the_queue() {
    let mut flow = Flow::new();
    assert_eq!(flow.congestion.cwnd_bytes(), 14_600);
    let phases = flow.run(Span::from_secs(1), Demand::Bulk);
    assert_eq!(phases.first(), Some(&"startup"));
    assert_eq!(phases.last(), Some(&"probe_bw_cruise"), "{phases:?}");
    let before = flow.delivered;
    flow.run(Span::from_secs(1), Demand::Bulk);
    let goodput = flow.delivered - before;
    assert!(goodput >= BYTES_PER_SEC * 98 / 100, "{goodput} bytes in a second");
    assert_eq!(flow.congestion.phase_name(), "probe_bw_cruise");
    // 1 % below the rate, and no queue but the quanta under way.
    assert_eq!(flow.pacing_percent(), 99);
    assert!(flow.in_flight <= BDP + 40_000, "{} bytes in flight", flow.in_flight);
}

#[test]
fn the_cycle_is_down_cruise_refill_up() {
    let mut flow = Flow::new();
    flow.run(Span::from_secs(2), Demand::Bulk);
    let phases = flow.run(Span::from_secs(7), Demand::Bulk);
    let cycle = ["probe_bw_cruise", "probe_bw_refill", "probe_bw_up", "probe_bw_down"];
    assert!(phases.len() >= 9, "{phases:?}");
    for (at, phase) in phases.iter().enumerate() {
        assert_eq!(*phase, cycle[at % 4]);
    }
}

#[test]
fn an_owner_with_little_to_send_does_not_lower_the_estimate() {
    let mut flow = Flow::new();
    flow.run(Span::from_secs(2), Demand::Bulk);
    let before = flow.pacing_percent();
    assert_eq!(before, 99);
    flow.run(Span::from_secs(60), Demand::Little);
    // A probe may go on with its own gain, 90 % to 125 %.
    assert!(flow.pacing_percent() >= before * 89 / 100, "{} percent", flow.pacing_percent());
    let before = flow.delivered;
    flow.run(Span::from_millis(500), Demand::Bulk);
    let goodput = (flow.delivered - before) * 2;
    assert!(goodput >= BYTES_PER_SEC * 80 / 100, "{goodput} bytes in a second");
}

#[test]
fn a_smallest_round_trip_of_ten_seconds_ago_is_probed_anew() {
    let mut flow = Flow::new();
    flow.run(Span::from_secs(3), Demand::Bulk);
    flow.rtt = RTT * 2;
    let phases = flow.run(Span::from_secs(6), Demand::Bulk);
    assert!(!phases.contains(&"probe_rtt"), "{phases:?}");
    // The window is still the old product's: half of what the path takes.
    while flow.congestion.phase_name() != "probe_rtt" {
        flow.run(Span::from_millis(10), Demand::Bulk);
        assert!(
            flow.now < Instant::from_millis(1_000 + 14_000),
            "10 s and a round trip have passed"
        );
    }
    assert!(flow.congestion.cwnd_bytes() <= BDP / 2 + 40_000);
    // 200 ms, and what it takes to empty the path.
    let start = flow.now;
    while flow.congestion.phase_name() == "probe_rtt" {
        flow.run(Span::from_millis(10), Demand::Bulk);
    }
    let taken = (flow.now - start).as_millis();
    assert!((200..=500).contains(&taken), "{taken} ms");
    // The new product is twice the old one, and the window twice that. §5.6.4.
    flow.run(Span::from_secs(6), Demand::Bulk);
    let before = flow.delivered;
    flow.run(Span::from_secs(2), Demand::Bulk);
    let goodput = (flow.delivered - before) / 2;
    assert!(goodput >= BYTES_PER_SEC * 90 / 100, "{goodput} bytes in a second");
}

#[test]
fn losses_of_a_probe_bound_what_is_in_flight() {
    // A queue of a tenth of the product: Startup overflows it, and so would every probe.
    let mut flow = Flow::new();
    flow.queue_bytes = u64::from(BDP) / 10;
    flow.run(Span::from_secs(5), Demand::Bulk);
    let (delivered, lost) = (flow.delivered, flow.lost);
    flow.run(Span::from_secs(20), Demand::Bulk);
    let (delivered, lost) = (flow.delivered - delivered, flow.lost - lost);
    assert!(lost * 100 <= delivered, "{lost} bytes lost beside {delivered}");
    assert!(delivered / 20 >= BYTES_PER_SEC * 85 / 100, "{} bytes a second", delivered / 20);
    assert!(flow.congestion.cwnd_bytes() < BDP + BDP / 5, "{}", flow.congestion.cwnd_bytes());
}

#[test]
fn a_round_of_much_loss_while_cruising_lowers_the_bounds() {
    // 3 of the product's 342 segments are below LossThresh, 10 are above it.
    for (segments, expected) in [(3, false), (10, true)] {
        let mut flow = Flow::new();
        flow.run(Span::from_millis(1_500), Demand::Bulk);
        assert_eq!(flow.congestion.phase_name(), "probe_bw_cruise");
        let before = flow.congestion.cwnd_bytes();
        let bytes = segments * MSS;
        let lost = LostRanges { bytes, ranges: segments, sent_at: Some(flow.now - RTT) };
        flow.congestion.on_loss(flow.in_flight);
        flow.congestion.on_lost(&lost);
        flow.run(Span::from_millis(100), Demand::Bulk);
        let after = flow.congestion.cwnd_bytes();
        // The bounds are now what a round trip has delivered: the rate, and the product.
        assert_eq!(after < before * 3 / 4, expected, "{before} {after}");
        assert!(after >= BDP * 90 / 100, "{after}");
        assert!(flow.pacing_percent() >= 96, "{} percent", flow.pacing_percent());
        // Nothing had been lost after all.
        flow.congestion.on_undo();
        flow.run(Span::from_millis(100), Demand::Bulk);
        assert!(flow.congestion.cwnd_bytes() >= before * 95 / 100);
    }
}

#[test]
fn a_timeout_leaves_one_segment_and_its_end_brings_the_window_back() {
    let mut flow = Flow::new();
    flow.run(Span::from_millis(1_500), Demand::Bulk);
    let before = flow.congestion.cwnd_bytes();
    flow.congestion.on_rto(flow.in_flight);
    assert_eq!(flow.congestion.cwnd_bytes(), MSS);
    // Neither PRR nor a threshold decides: the model does.
    flow.congestion.set_cwnd(7 * MSS);
    assert_eq!(flow.congestion.cwnd_bytes(), MSS);
    flow.congestion.forget_prior();
    assert_eq!(flow.congestion.cwnd_bytes(), before);
}

#[test]
fn a_mark_is_heeded_as_a_loss() {
    let mut flow = Flow::new();
    flow.run(Span::from_millis(1_500), Demand::Bulk);
    let before = flow.congestion.cwnd_bytes();
    flow.congestion.on_mark(flow.in_flight, EcnBackoff::AsLoss);
    assert_eq!(
        flow.congestion.cwnd_bytes(),
        u32::try_from(u64::from(before) * 7 / 10).expect("small")
    );
}

#[test]
fn the_algorithm_can_change_on_the_way() {
    let mut flow = Flow::new();
    flow.run(Span::from_secs(1), Demand::Bulk);
    let window = flow.congestion.cwnd_bytes();
    for algorithm in [CongestionAlgorithm::Cubic, CongestionAlgorithm::Bbr] {
        flow.congestion.set_algorithm(algorithm);
        assert_eq!(flow.congestion.cwnd_bytes(), window);
    }
    // What was in flight before BBR began has no past to compare with, and does no harm.
    flow.run(Span::from_secs(2), Demand::Bulk);
    assert_eq!(flow.pacing_percent(), 99);
}
