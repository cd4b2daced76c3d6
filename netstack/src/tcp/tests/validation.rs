//! Congestion window validation, as RFC 7661 has it: the window of a connection by itself, and one
//! behind an engine.

use std::vec;

use super::congestion::MSS;
use super::host::{Host, Peer, ROUND_TRIP};
use super::recovery::report;
use crate::tcp::congestion::{
    AckEvent, Congestion, CongestionAlgorithm, CwndLimited, Delivered, Repair,
};
use crate::tcp::delivery_rate::Transmission;
use crate::tcp::ecn::EcnBackoff;
use crate::tcp::seq::SeqNum;
use crate::{ConnectionId, Instant, Span};

const RTT: Span = Span::from_millis(50);
const BOTH: [CongestionAlgorithm; 2] = [CongestionAlgorithm::Cubic, CongestionAlgorithm::NewReno];
/// RFC 6928: ten segments.
const IW: u32 = 10 * MSS;

/// A window, and an application that decides how much of it is used.
struct Sender {
    congestion: Congestion,
    now: Instant,
}

impl Sender {
    fn new(algorithm: CongestionAlgorithm) -> Self {
        Self { congestion: Congestion::new(algorithm, MSS), now: Instant::from_millis(5_000) }
    }

    /// One whose window slow start has taken to 80 segments.
    fn grown(algorithm: CongestionAlgorithm) -> Self {
        let mut sender = Self::new(algorithm);
        for _ in 0..3 {
            sender.round(sender.cwnd());
        }
        assert_eq!(sender.cwnd(), 8 * IW);
        assert!(!sender.congestion.is_non_validated());
        sender
    }

    fn cwnd(&self) -> u32 {
        self.congestion.cwnd_bytes()
    }

    /// `bytes` go out at once and are acknowledged two segments at a time, a round trip later.
    fn round(&mut self, bytes: u32) {
        let limited = if bytes + MSS > self.cwnd() { CwndLimited::Yes } else { CwndLimited::No };
        self.congestion.on_sent(Transmission {
            now: self.now,
            in_flight_before: 0,
            in_flight: bytes,
            granularity: Span::ZERO,
        });
        self.now += RTT;
        let mut left = bytes;
        while left > 0 {
            let acked_bytes = left.min(2 * MSS);
            left -= acked_bytes;
            self.congestion.on_delivered(&Delivered {
                now: self.now,
                bytes: acked_bytes,
                delivery: None,
                rtt: Some(RTT),
                srtt: Some(RTT),
                min_rtt: Some(RTT),
                flight_before: left + acked_bytes,
                in_flight: left,
            });
            self.congestion.on_ack(&AckEvent {
                now: self.now,
                acked_bytes,
                rtt: Some(RTT),
                srtt: Some(RTT),
                snd_una: SeqNum::ZERO,
                snd_nxt: SeqNum::ZERO + left,
                limited,
                repair: Repair::No,
            });
        }
    }

    /// The application pauses, and goes on.
    fn pause(&mut self, span: Span) {
        self.now += span;
        self.congestion.after_idle(self.now, span, Some(RTT));
    }
}

#[test]
fn a_sender_that_uses_its_window_is_validated() {
    for algorithm in BOTH {
        let mut sender = Sender::grown(algorithm);
        for _ in 0..40 {
            sender.round(sender.cwnd());
            assert!(!sender.congestion.is_non_validated(), "{}", sender.cwnd());
        }
    }
}

#[test]
fn less_than_half_of_the_window_is_the_non_validated_phase() {
    // RFC 7661 §4.3. The largest sample of the last second counts, so the phase begins only then.
    for (used, non_validated) in [(41 * MSS, false), (38 * MSS, true)] {
        let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
        for _ in 0..14 {
            sender.round(used);
            assert!(!sender.congestion.is_non_validated(), "a second has not passed");
        }
        for _ in 0..10 {
            sender.round(used);
        }
        assert_eq!(sender.congestion.is_non_validated(), non_validated);
        assert_eq!(sender.cwnd(), 8 * IW, "it neither grows nor shrinks");
    }
}

#[test]
fn the_sampling_period_is_three_round_trips_where_those_are_longer() {
    // RFC 7661 §4.2: Max(3*RTT, 1 second); a pause of two seconds of a path of one second is short.
    for (srtt, non_validated) in [(Span::from_secs(1), false), (RTT, true)] {
        let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
        sender.now += Span::from_secs(2);
        sender.congestion.after_idle(sender.now, Span::from_secs(2), Some(srtt));
        assert_eq!(sender.congestion.is_non_validated(), non_validated);
    }
}

#[test]
fn use_of_more_than_half_ends_the_phase() {
    for algorithm in BOTH {
        let mut sender = Sender::grown(algorithm);
        sender.pause(Span::from_secs(10));
        assert!(sender.congestion.is_non_validated());
        sender.round(30 * MSS);
        assert!(sender.congestion.is_non_validated());
        sender.round(50 * MSS);
        assert!(!sender.congestion.is_non_validated());
        assert_eq!(sender.cwnd(), 8 * IW);
    }
}

#[test]
fn a_window_is_preserved_for_five_minutes() {
    for algorithm in BOTH {
        let mut sender = Sender::grown(algorithm);
        sender.pause(Span::from_secs(299));
        assert_eq!(sender.cwnd(), 8 * IW);
        // Used a little, the phase goes on from where it began.
        sender.round(10 * MSS);
        sender.pause(Span::from_millis(1_500));
        assert_eq!(sender.cwnd(), 8 * IW);
        sender.pause(Span::from_millis(1_500));
        assert_eq!(sender.cwnd(), 4 * IW);
        // RFC 7661 §4.4.3: ssthresh is at least three quarters of what the window was.
        assert_eq!(sender.congestion.ssthresh_bytes(), u32::MAX);
    }
}

#[test]
fn each_five_minutes_halve_the_window_down_to_the_first() {
    for algorithm in BOTH {
        for (seconds, halvings) in [(302, 1), (602, 2), (902, 3), (90_000, 20)] {
            let mut sender = Sender::grown(algorithm);
            // A threshold below the window, so that what becomes of it shows.
            sender.congestion.on_loss(sender.cwnd());
            sender.congestion.on_recovered();
            sender.congestion.forget_prior();
            sender.congestion.set_cwnd(8 * IW);
            let threshold = sender.congestion.ssthresh_bytes();
            sender.round(8 * IW);
            let before = sender.cwnd();
            sender.pause(Span::from_secs(seconds));
            assert_eq!(sender.cwnd(), (before >> halvings).max(IW), "{seconds} s");
            assert_eq!(sender.congestion.ssthresh_bytes(), threshold.max(before / 4 * 3));
        }
    }
}

#[test]
fn an_hour_of_little_use_halves_the_window_as_idleness_does() {
    let mut sender = Sender::grown(CongestionAlgorithm::Cubic);
    let start = sender.now;
    while sender.now - start < Span::from_secs(310) {
        sender.round(2 * MSS);
        sender.now += Span::from_millis(150);
    }
    assert_eq!(sender.cwnd(), 4 * IW);
}

#[test]
fn a_loss_of_an_old_window_costs_what_was_not_used_and_what_was_lost() {
    // RFC 7661 §4.4.1: LossFlightSize of 30 segments is more than pipeACK of 20; 5 are sent again.
    for algorithm in BOTH {
        let mut sender = Sender::grown(algorithm);
        sender.pause(Span::from_secs(10));
        sender.round(20 * MSS);
        sender.congestion.on_loss(30 * MSS);
        assert_eq!(sender.congestion.ssthresh_bytes(), 15 * MSS, "(Max(pipeACK,LossFlightSize))/2");
        sender.congestion.on_sent_again(5 * MSS);
        sender.congestion.on_recovered();
        let expected = 25 * MSS / 2;
        assert_eq!(sender.cwnd(), expected, "(Max(pipeACK,LossFlightSize) - R)/2");
        assert_eq!(sender.congestion.ssthresh_bytes(), expected);
        assert!(!sender.congestion.is_non_validated(), "pipeACK is undefined");
    }
}

#[test]
fn a_loss_after_a_pause_in_a_burst_counts_the_burst_before() {
    // RFC 7661 §4.2, note: pipeACK of 30 segments, and one segment in flight that is lost.
    let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
    sender.pause(Span::from_secs(10));
    sender.round(30 * MSS);
    sender.congestion.on_loss(MSS);
    sender.congestion.on_sent_again(MSS);
    sender.congestion.on_recovered();
    assert_eq!(sender.cwnd(), 29 * MSS / 2);
}

#[test]
fn a_window_that_lost_everything_is_one_segment() {
    let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
    sender.pause(Span::from_secs(10));
    sender.congestion.on_loss(6 * MSS);
    sender.congestion.on_sent_again(6 * MSS);
    sender.congestion.on_recovered();
    assert_eq!((sender.cwnd(), sender.congestion.ssthresh_bytes()), (MSS, 2 * MSS));
}

#[test]
fn a_loss_of_a_validated_window_is_the_usual_one() {
    let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
    sender.congestion.on_loss(8 * IW);
    sender.congestion.on_sent_again(20 * MSS);
    sender.congestion.on_recovered();
    assert_eq!(sender.cwnd(), 4 * IW);
}

#[test]
fn a_timeout_ends_the_phase_and_is_the_usual_one() {
    let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
    sender.pause(Span::from_secs(10));
    sender.congestion.on_rto(30 * MSS);
    assert_eq!((sender.cwnd(), sender.congestion.ssthresh_bytes()), (MSS, 15 * MSS));
    assert!(!sender.congestion.is_non_validated());
}

#[test]
fn nothing_is_measured_while_losses_are_repaired() {
    // RFC 7661 §4.2: pipeACK is not updated in recovery, and undefined after it.
    let mut sender = Sender::grown(CongestionAlgorithm::NewReno);
    sender.congestion.on_loss(8 * IW);
    sender.round(MSS);
    sender.congestion.on_recovered();
    sender.pause(Span::from_secs(10));
    assert!(!sender.congestion.is_non_validated(), "there is no sample");
    sender.round(MSS);
    assert!(sender.congestion.is_non_validated());
}

#[test]
fn an_undone_recovery_brings_the_old_window_back() {
    let mut sender = Sender::grown(CongestionAlgorithm::Cubic);
    sender.pause(Span::from_secs(10));
    sender.congestion.on_loss(2 * IW);
    sender.congestion.set_cwnd(IW);
    sender.congestion.on_undo();
    assert_eq!(sender.cwnd(), 8 * IW);
    sender.congestion.on_recovered();
    assert_eq!(sender.cwnd(), 8 * IW, "nothing is left of the recovery");
}

#[test]
fn a_mark_on_an_old_window_counts_what_was_used() {
    let mut sender = Sender::grown(CongestionAlgorithm::Cubic);
    sender.pause(Span::from_secs(10));
    sender.congestion.on_mark(30 * MSS, EcnBackoff::Alternative);
    assert_eq!(sender.cwnd(), 15 * MSS);
    assert!(!sender.congestion.is_non_validated());
}

/// A server whose window has grown to 80 segments, and that was then idle for ten seconds.
fn idle_server() -> (Host, Peer, ConnectionId) {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.syn.window_scale = crate::tcp::seq::WindowScale::new(7);
    let id = peer.handshake(&mut host);
    for segments in [10, 20, 40] {
        exchange(&mut host, &mut peer, id, segments);
    }
    assert_eq!(cwnd(&host, id), 80 * MSS as usize);
    host.sleep(Span::from_secs(10));
    host.take_events();
    (host, peer, id)
}

/// The server sends so many segments, which are acknowledged two at a time a round trip later.
fn exchange(host: &mut Host, peer: &mut Peer, id: ConnectionId, segments: u32) {
    host.engine.send(host.now, id, vec![b'x'; (segments * MSS) as usize]).expect("there is room");
    let mut sent = host.segments().len();
    host.now += ROUND_TRIP;
    for _ in 0..segments / 2 {
        peer.ack += 2 * MSS;
        host.receive(peer.frame(&[]));
        sent += host.segments().len();
    }
    assert_eq!(sent, segments as usize);
}

fn cwnd(host: &Host, id: ConnectionId) -> usize {
    host.engine.send_view(id).expect("it lives").cwnd_bytes
}

#[test]
fn an_old_window_is_not_sent_as_a_burst() {
    // RFC 7661 §4.4.2. Of 80 segments in 20 ms, at twice the window a round trip: eight a millisecond.
    let (mut host, _, id) = idle_server();
    host.engine.send(host.now, id, vec![b'x'; 80 * MSS as usize]).expect("there is room");
    let mut counts = vec![];
    for _ in 0..20 {
        counts.push(host.segments().len());
        host.sleep(Span::from_millis(1));
    }
    assert_eq!(counts.iter().sum::<usize>(), 80, "within the round trip: {counts:?}");
    assert!(counts.iter().all(|count| *count <= 20), "{counts:?}");
}

#[test]
fn an_old_window_grows_when_it_is_used_up_and_not_by_half() {
    for (segments, grows) in [(60, false), (80, true)] {
        let (mut host, mut peer, id) = idle_server();
        let bytes = segments * MSS as usize;
        host.engine.send(host.now, id, vec![b'x'; bytes]).expect("there is room");
        for _ in 0..19 {
            host.segments();
            host.sleep(Span::from_millis(1));
        }
        peer.ack += 2 * MSS;
        host.receive(peer.frame(&[]));
        assert_eq!(cwnd(&host, id) > 80 * MSS as usize, grows, "{segments} of 80 segments");
    }
}

#[test]
fn a_loss_behind_the_engine_costs_an_old_window_its_size() {
    let (mut host, mut peer, id) = idle_server();
    exchange(&mut host, &mut peer, id, 20);
    assert_eq!(cwnd(&host, id), 80 * MSS as usize);
    host.engine.send(host.now, id, vec![b'x'; 20 * MSS as usize]).expect("there is room");
    for _ in 0..20 {
        host.segments();
        host.sleep(Span::from_millis(1));
    }
    // The first two are lost.
    report(&mut peer, 2, 20);
    host.receive(peer.frame(&[]));
    for _ in 0..20 {
        host.segments();
        host.sleep(Span::from_millis(1));
    }
    peer.ack += 20 * MSS;
    peer.sack = Default::default();
    host.receive(peer.frame(&[]));
    assert_eq!(cwnd(&host, id), (20 - 2) * MSS as usize / 2);
}
