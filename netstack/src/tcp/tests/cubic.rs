//! CUBIC against the formulas of RFC 9438, with values computed by hand.

use super::congestion::{MSS, Sender};
use super::host::{Host, Peer};
use crate::tcp::congestion::{AckEvent, CongestionAlgorithm, CwndLimited, Repair};
use crate::tcp::seq::SeqNum;
use crate::{Instant, Span};

/// A sender with a window of 100 segments and a round trip of 100 ms: slow enough for the cubic to
/// be ahead of Reno's estimate.
fn hundred_segments() -> Sender {
    let mut sender = Sender::new(CongestionAlgorithm::Cubic);
    sender.rtt = Span::from_millis(100);
    sender.congestion.set_cwnd(100 * MSS);
    sender
}

/// The window in thousandths of a segment.
fn milli_segments(sender: &Sender) -> u64 {
    u64::from(sender.congestion.cwnd_bytes()) * 1_000 / u64::from(MSS)
}

/// Checks the window against the curve: where the curve is now at least, where it will be a round
/// trip from now at most; half a segment for rounding.
fn assert_on_curve(sender: &Sender, since: Instant, now_and_next: [u64; 2]) {
    let cwnd = milli_segments(sender);
    let [now, next] = now_and_next;
    let at = (sender.now - since).as_millis();
    assert!(
        cwnd + 500 >= now && cwnd <= next + 500,
        "{cwnd} is not within {now}..{next} at {at} ms"
    );
}

#[test]
fn the_window_follows_figure_1_of_the_rfc() {
    // W_max = 100, cwnd_epoch = 70: K = cbrt(30 / 0.4) = cbrt(75) = 4.217 s, and
    // W(t) = 0.4 (t - 4.217)^3 + 100.
    //   W(2.0) = 100 - 0.4 * 10.90 = 95.64    W(2.1) = 100 - 0.4 * 9.488 = 96.20
    //   W(4.2) = 100 - 0.4 * 0.000 = 100.00   W(4.3) = 100 + 0.4 * 0.001 = 100.00
    //   W(6.0) = 100 + 0.4 * 5.668 = 102.27   W(6.1) = 100 + 0.4 * 6.677 = 102.67
    //   W(10.0) = 100 + 0.4 * 193.4 = 177.36  W(10.1) = 100 + 0.4 * 203.6 = 181.43
    // Reno's estimate gains 0.529 a round trip, and 1 from 100 on: 80.6, 92.2, 103 and 143, each
    // below or beside the curve.
    let mut sender = hundred_segments();
    sender.loss();
    assert_eq!(milli_segments(&sender), 70_000);
    let mut start = None;
    for (round, expected) in [
        (20, [95_640, 96_200]),
        (42, [100_000, 100_001]),
        (60, [102_270, 102_670]),
        (100, [177_360, 181_430]),
    ] {
        // The stage begins with its first ACK.
        let begun = *start.get_or_insert(sender.now);
        while (sender.now - begun).as_millis() + 1 < round * 100 {
            sender.round();
        }
        assert_on_curve(&sender, begun, expected);
    }
}

#[test]
fn the_reno_friendly_region_has_the_alpha_of_the_rfc() {
    // 10 ms and W_max = 100: in 50 round trips (0.5 s) the cubic is at
    // 100 + 0.4 (0.5 - 4.217)^3 = 79.46, and Reno's estimate at 70 + 50 * 0.529 * 70 / cwnd, where
    // the window is the estimate itself: 70 + 50 * 0.529 = 96.45.
    let mut sender = hundred_segments();
    sender.rtt = Span::from_millis(10);
    sender.loss();
    sender.rounds(50);
    let cwnd = milli_segments(&sender);
    assert!((95_500..=96_500).contains(&cwnd), "{cwnd}");
    // From cwnd_prior = 100 on alpha is 1: 8 rounds to get there, then 42 segments in 42 rounds,
    // where the cubic is at 100 + 0.4 (1.0 - 4.217)^3 = 86.7.
    sender.rounds(50);
    let cwnd = milli_segments(&sender);
    assert!((138_500..=143_500).contains(&cwnd), "{cwnd}");
}

#[test]
fn fast_convergence_takes_the_plateau_to_85_percent() {
    // A second loss at 70 of 100: W_max = 70 * (1 + 0.7) / 2 = 59.5, cwnd = 49,
    // K = cbrt(10.5 / 0.4) = 2.972 s, W(3.0) = 59.50 and W(3.2) = 59.50. Reno's estimate is at
    // 49 + 15 * 0.529 = 56.9 after 15 round trips of 200 ms.
    let mut sender = hundred_segments();
    sender.rtt = Span::from_millis(200);
    sender.loss();
    sender.loss();
    assert_eq!(milli_segments(&sender), 49_000);
    let start = sender.now;
    sender.rounds(15);
    assert_on_curve(&sender, start, [59_500, 59_505]);
}

#[test]
fn a_timeout_leaves_no_concave_region() {
    // RFC 9438 §4.8: K = 0 and W_max is the window where congestion avoidance begins, 70:
    // W(2.0) = 70 + 0.4 * 8 = 73.2. With the plateau of 100 it would be 95.6; Reno's estimate is at
    // 70 + 5 * 0.529 = 72.6 with a round trip of 400 ms.
    let mut sender = hundred_segments();
    sender.congestion.on_rto(100 * MSS);
    sender.congestion.forget_prior();
    assert_eq!(milli_segments(&sender), 1_000);
    sender.rtt = Span::from_millis(400);
    while sender.congestion.in_slow_start() {
        sender.round();
    }
    assert!((70_000..=70_500).contains(&milli_segments(&sender)));
    let start = sender.now;
    sender.rounds(5);
    assert_on_curve(&sender, start, [73_200, 75_530]);
}

#[test]
fn after_hystart_the_curve_begins_where_the_window_is() {
    // RFC 9438 §4.10: K = 0, so W grows by 0.4 * 4.0^3 = 25.6 in 4 s and by 29.6 in 4.2 s; Reno's
    // estimate by a segment a round, 20.
    let mut sender = Sender::new(CongestionAlgorithm::Cubic);
    sender.rounds(3);
    sender.rtt = Span::from_millis(200);
    while sender.congestion.in_slow_start() {
        sender.round();
    }
    let (begin, start) = (milli_segments(&sender), sender.now);
    sender.rounds(20);
    assert_on_curve(&sender, start, [begin + 25_600, begin + 29_600]);
}

#[test]
fn a_spurious_reduction_leaves_the_curve_where_it_was() {
    // Two senders 4 s into the same epoch; one takes a loss back. RFC 9438 §4.9.
    let mut sender = hundred_segments();
    sender.loss();
    sender.rounds(40);
    let before = sender.congestion.cwnd_bytes();
    sender.congestion.on_loss(before);
    sender.congestion.on_recovered();
    assert!(sender.congestion.cwnd_bytes() < before);
    sender.congestion.on_undo();
    assert_eq!(sender.congestion.cwnd_bytes(), before);
    // W(6.0) as in the table above, 20 rounds on: neither W_max nor K nor the epoch has moved.
    let start = sender.now - Span::from_millis(4_000);
    sender.rounds(20);
    assert_on_curve(&sender, start, [102_270, 102_670]);
}

#[test]
fn time_without_sending_is_no_time_of_growth() {
    // RFC 9438 §5.8: 7 s into the epoch, a pause, and then 2 s more. The window is to be where W(9) =
    // 100 + 0.4 * 4.783^3 = 143.77 has it, W(9.1) = 146.57. W(3609) would be beyond every bound, and an
    // epoch that began anew at W(7) = 108.62 would be at 108.62 + 0.4 * 8 = 111.8.
    for idle in [Span::from_millis(150), Span::from_secs(3_600)] {
        let mut sender = hundred_segments();
        sender.loss();
        sender.rounds(70);
        let before = sender.congestion.cwnd_bytes();
        sender.now += idle;
        sender.congestion.after_idle(sender.now, idle, Some(sender.rtt));
        // An hour has made it smaller, which is another matter.
        sender.congestion.set_cwnd(before);
        let start = sender.now - Span::from_millis(7_000);
        sender.rounds(20);
        assert_on_curve(&sender, start, [143_770, 146_570]);
    }
}

#[test]
fn the_curve_has_an_end_but_no_overflow() {
    // The farthest point that is told apart is 2^20 / 1024 = 1024 s from K: 0.4 * 1024^3 segments is
    // beyond the largest window, whatever the segment. One ACK brings half a window at most. §4.2.
    for mss in [1, 536, 1_460, 65_000] {
        for after in [Span::from_secs(1_024), Span::from_secs(400 * 24 * 3_600), Span::MAX] {
            let mut sender = hundred_segments();
            sender.congestion.set_mss(mss);
            sender.loss();
            sender.round();
            let before = sender.congestion.cwnd_bytes();
            sender.congestion.on_ack(&AckEvent {
                now: sender.now + after,
                acked_bytes: before,
                rtt: Some(sender.rtt),
                srtt: Some(sender.rtt),
                snd_una: SeqNum::from_wire(0),
                snd_nxt: SeqNum::from_wire(1),
                limited: CwndLimited::Yes,
                repair: Repair::No,
            });
            let after = sender.congestion.cwnd_bytes();
            assert!(after >= before && after <= before + before / 2, "{before} {after}");
        }
    }
}

#[test]
fn the_algorithm_is_chosen_by_listener_and_by_connection() {
    let mut host = Host::new();
    let name = |host: &Host, id| host.engine.info(host.now, id).map(|info| info.congestion);
    let listener = host.listener;
    assert!(host.engine.set_listener_congestion(listener, CongestionAlgorithm::NewReno).is_some());
    let id = Peer::new().handshake(&mut host);
    assert_eq!(name(&host, id), Some("reno"));
    let window = host.engine.send_view(id).map(|view| view.cwnd_bytes);
    assert!(host.engine.set_congestion(id, CongestionAlgorithm::Cubic).is_some());
    assert_eq!(name(&host, id), Some("cubic"));
    assert_eq!(host.engine.send_view(id).map(|view| view.cwnd_bytes), window);
    host.engine.close(host.now, id);
    assert!(host.engine.set_congestion(id, CongestionAlgorithm::NewReno).is_none());
}
