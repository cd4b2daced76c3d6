//! Pacing: a quantum at a time, by a timer of the wheel, and nothing that waits is forgotten.

use std::vec;
use std::vec::Vec;

use super::host::{Host, Peer, Wire};
use crate::tcp::delivery_rate::Rate;
use crate::tcp::pacing::{Pace, Pacer};
use crate::{CongestionAlgorithm, ConnectionId, Instant, Pacing, Span, Transmitted};

const MSS: u32 = 1_460;

/// A server that paces every connection, with `segments` queued and the first of them sent.
fn paced(segments: usize) -> (Host, Peer, ConnectionId, usize) {
    let mut host = Host::with(|config| config.tcp.pacing = Pacing::Always);
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    let mss = host.engine.send_view(id).expect("it lives").mss_bytes;
    host.engine.send(host.now, id, vec![b'x'; segments * mss]).expect("there is room");
    let sent = host.segments().len();
    (host, peer, id, sent)
}

#[test]
fn a_quantum_is_a_millisecond_in_whole_segments_and_two_at_least() {
    let quantum = |bytes_per_sec, train_max| {
        Pace::new(Rate::new(bytes_per_sec, Span::from_secs(1)), MSS, train_max).quantum()
    };
    // 100 Mbit/s: 12,500 bytes a millisecond.
    assert_eq!(quantum(12_500_000, 64_000), 8 * MSS);
    assert_eq!(quantum(1_000, 64_000), 2 * MSS);
    assert_eq!(quantum(12_500_000_000, 64_000), 43 * MSS);
}

#[test]
fn a_late_wake_is_made_up_for_by_one_quantum() {
    let pace = Pace::new(Rate::new(14_600_000, Span::from_secs(1)), MSS, 64_000);
    let quantum = pace.quantum();
    assert_eq!(quantum, 10 * MSS);
    let sent_after = |pause: Span| {
        let mut pacer = Pacer::new();
        let mut now = Instant::from_millis(1_000);
        pacer.on_sent(now, quantum, pace);
        now += pause;
        let mut sent = 0;
        while pacer.may_send(now) {
            pacer.on_sent(now, quantum, pace);
            sent += 1;
        }
        sent
    };
    assert_eq!(sent_after(Span::from_micros(400)), 1, "the first one had a quantum to spare");
    assert_eq!(sent_after(Span::from_millis(1)), 2);
    // However late it is: one for now and one for what was missed.
    assert_eq!(sent_after(Span::from_secs(3_600)), 2);
}

#[test]
fn what_waits_is_sent_by_the_timer_and_by_nothing_else() {
    let (mut host, _, id, sent) = paced(10);
    // 10 segments in 20 ms, twice as fast: a segment a millisecond, and so quanta of two.
    assert_eq!(sent, 4, "a quantum, and one to make up for the time before");
    let timer = host.engine.info(host.now, id).and_then(|info| info.timer);
    let (name, at) = timer.expect("something waits");
    assert_eq!(name, "pacing");
    assert!(at > host.now && at <= host.now + Span::from_millis(2));
    assert_eq!(host.segments().len(), 0, "not before its time");
    let mut times = Vec::new();
    while times.len() < 3 {
        let next = host.engine.poll_timeout().expect("something waits");
        host.now = host.now.max(next);
        host.engine.handle_timeout(host.now);
        let sent = host.segments().len();
        if sent > 0 {
            assert_eq!(sent, 2);
            times.push(host.now);
        }
    }
    let spent = times[2] - times[0];
    // Two quanta of two segments: 4 ms but for a tick of the wheel.
    assert!((3_900..=4_100).contains(&spent.as_micros()), "{spent:?}");
    let timer = host.engine.info(host.now, id).and_then(|info| info.timer);
    assert_ne!(timer.map(|(name, _)| name), Some("pacing"), "nothing waits any more");
}

#[test]
fn waiting_for_a_release_time_is_no_closed_window() {
    // Everything in flight is acknowledged while the rest waits: nothing is in flight, and yet no
    // window probe goes out and no patience runs out.
    let (mut host, mut peer, id, sent) = paced(10);
    peer.ack += u32::try_from(sent).expect("it is small") * 1_460;
    host.receive(peer.frame(&[]));
    host.segments();
    let timer = host.engine.info(host.now, id).and_then(|info| info.timer);
    assert_eq!(timer.map(|(name, _)| name), Some("pacing"));
    host.sleep(Span::from_millis(5));
    assert!(!host.segments().is_empty());
    assert_eq!(host.engine.counters().window_probes, 0);
}

#[test]
fn a_full_link_does_not_lose_what_waits() {
    let (mut host, _, _, sent) = paced(10);
    host.sleep(Span::from_millis(3));
    let mut wire = Wire { room: Some(0), ..Wire::default() };
    assert_eq!(host.engine.poll_transmit(host.now, &mut wire), Transmitted::LinkFull);
    let mut total = sent + host.segments().len();
    for _ in 0..10 {
        host.sleep(Span::from_millis(2));
        total += host.segments().len();
    }
    assert_eq!(total, 10);
}

#[test]
fn who_needs_no_pacing_is_not_paced_unless_asked() {
    for (algorithm, paced) in [
        (CongestionAlgorithm::Cubic, false),
        (CongestionAlgorithm::NewReno, false),
        (CongestionAlgorithm::Bbr, true),
    ] {
        let mut host = Host::with(|config| config.tcp.congestion = algorithm);
        let id = Peer::new().handshake(&mut host);
        host.segments();
        let mss = host.engine.send_view(id).expect("it lives").mss_bytes;
        host.engine.send(host.now, id, vec![b'x'; 10 * mss]).expect("there is room");
        assert_eq!(host.segments().len() < 10, paced, "{algorithm:?}");
    }
}
