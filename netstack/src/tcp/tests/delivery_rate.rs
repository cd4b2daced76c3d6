//! Delivery rates: measured over a flight, not believed where they can't be true.

use crate::tcp::delivery_rate::{AppLimited, DeliveryRate, Rate, RateSample, Transmission};
use crate::tcp::sack::{Delivery, Sent};
use crate::tcp::seq::SeqNum;
use crate::{Instant, Span};

const MSS: u32 = 1_000;

/// An estimator with its time and what is in flight.
struct Flight {
    rate: DeliveryRate,
    start: Instant,
    in_flight: u32,
}

impl Flight {
    fn new() -> Self {
        Self { rate: DeliveryRate::new(), start: Instant::from_millis(1_000), in_flight: 0 }
    }

    /// Sends `bytes` at `ms`.
    fn send(&mut self, ms: u64, bytes: u32) {
        let in_flight_before = self.in_flight;
        self.in_flight += bytes;
        self.rate.on_sent(Transmission {
            now: self.start + Span::from_millis(ms),
            in_flight_before,
            in_flight: self.in_flight,
            granularity: Span::ZERO,
        });
    }

    /// `bytes` that were sent at `sent_ms` arrive at `ms`.
    fn deliver(&mut self, ms: u64, bytes: u32, sent_ms: u64) -> Option<RateSample> {
        self.in_flight -= bytes;
        let sent_at = self.start + Span::from_millis(sent_ms);
        let delivery = Delivery { sent_at, end: SeqNum::from_wire(0), sent: Sent::Once };
        let min_rtt = Some(Span::from_millis(10));
        self.rate.on_delivered(self.start + Span::from_millis(ms), bytes, delivery, min_rtt)
    }
}

fn bytes_per_sec(sample: Option<RateSample>) -> Option<u64> {
    sample.and_then(|sample| sample.delivery_rate).map(Rate::bytes_per_sec)
}

#[test]
fn a_steady_flight_is_measured_exactly() {
    // A segment every millisecond and a round trip of 10 ms: a million bytes a second. The sample of
    // the segment sent at 20 covers what was delivered from its sending on: 10 segments in 10 ms.
    let mut flight = Flight::new();
    let mut last = None;
    for ms in 0..40 {
        if ms >= 10 {
            last = flight.deliver(ms, MSS, ms - 10);
        }
        flight.send(ms, MSS);
    }
    assert_eq!(bytes_per_sec(last), Some(1_000_000));
    let sample = last.expect("it was sent");
    assert_eq!((sample.delivered, sample.tx_in_flight, sample.lost), (10_000, 10_000, 0));
    assert_eq!(sample.app_limited, AppLimited::No);
}

#[test]
fn acknowledgments_that_come_at_once_do_not_make_the_path_faster_than_the_sender() {
    // 10 segments, one a millisecond, all acknowledged at 19.5 within a moment: the sending took
    // 9 ms, the acknowledging from 10 on another 9.
    let mut flight = Flight::new();
    for ms in 0..20 {
        if ms >= 10 {
            flight.deliver(ms, MSS, ms - 10);
        }
        flight.send(ms, MSS);
    }
    // All that is in flight, sent from 10 to 19, arrives at 29: sent in 10 ms since the one at 9.
    let sample = flight.deliver(29, 10 * MSS, 19);
    assert_eq!(bytes_per_sec(sample), Some(1_000_000));
    // The next flight goes out slowly and is acknowledged in one go.
    flight.send(40, MSS);
    flight.send(60, MSS);
    let sample = flight.deliver(70, 2 * MSS, 60);
    // 2000 bytes in 30 ms since 40, when the pipe was empty.
    assert_eq!(bytes_per_sec(sample), Some(66_666));
}

#[test]
fn an_interval_below_the_smallest_round_trip_is_not_believed() {
    // The answer comes 2 ms after the retransmission: it is the original's.
    let mut flight = Flight::new();
    flight.send(0, 2 * MSS);
    flight.deliver(10, MSS, 0);
    flight.in_flight = 0;
    flight.send(11, MSS);
    assert_eq!(bytes_per_sec(flight.deliver(13, MSS, 11)), None);
}

#[test]
fn samples_are_app_limited_until_the_gap_has_passed_the_path() {
    let mut flight = Flight::new();
    flight.send(0, 2 * MSS);
    // All is sent, and the window had room: up to the 2000 bytes in flight.
    flight.rate.mark_app_limited(flight.in_flight);
    flight.send(1, MSS);
    assert_eq!(
        flight.deliver(10, 2 * MSS, 0).map(|sample| sample.app_limited),
        Some(AppLimited::No)
    );
    flight.send(10, MSS);
    let sample = flight.deliver(11, MSS, 1);
    assert_eq!(sample.map(|sample| sample.app_limited), Some(AppLimited::Yes));
    assert!(!flight.rate.is_app_limited(), "more than the mark was delivered");
    flight.send(11, MSS);
    assert_eq!(flight.deliver(20, MSS, 10).map(|sample| sample.app_limited), Some(AppLimited::Yes));
    assert_eq!(flight.deliver(21, MSS, 11).map(|sample| sample.app_limited), Some(AppLimited::No));
}

#[test]
fn losses_are_counted_from_the_sending_of_what_was_lost() {
    let mut flight = Flight::new();
    flight.send(0, 10 * MSS);
    flight.send(5, 10 * MSS);
    let at = |flight: &Flight, ms| flight.start + Span::from_millis(ms);
    let first = flight.rate.on_lost(MSS, at(&flight, 0)).expect("it was sent");
    assert_eq!((first.lost, first.tx_in_flight), (1_000, 10_000));
    let second = flight.rate.on_lost(2 * MSS, at(&flight, 5)).expect("it was sent");
    assert_eq!((second.lost, second.tx_in_flight), (3_000, 20_000));
    flight.send(6, MSS);
    let third = flight.rate.on_lost(MSS, at(&flight, 6)).expect("it was sent");
    assert_eq!(third.lost, 1_000, "what was lost before is not its own");
}

#[test]
fn close_transmissions_share_what_is_remembered() {
    let mut rate = DeliveryRate::new();
    let start = Instant::from_millis(1_000);
    for micros in 0..100_000 {
        rate.on_sent(Transmission {
            now: start + Span::from_micros(micros),
            in_flight_before: 1,
            in_flight: u32::try_from(micros).expect("it is small"),
            granularity: Span::from_micros(1_000),
        });
    }
    // What went out at 50.3 ms belongs to the moment of 50 ms and what followed it.
    let lost = rate.on_lost(1, start + Span::from_micros(50_300)).expect("it is remembered");
    assert_eq!(lost.tx_in_flight, 50_999);
    // The oldest go when there are too many: 256 of a millisecond each.
    for millis in 100..400 {
        rate.on_sent(Transmission {
            now: start + Span::from_millis(millis),
            in_flight_before: 1,
            in_flight: 1,
            granularity: Span::from_micros(1_000),
        });
    }
    assert!(rate.on_lost(1, start + Span::from_millis(100)).is_none());
    assert!(rate.on_lost(1, start + Span::from_millis(200)).is_some());
}
