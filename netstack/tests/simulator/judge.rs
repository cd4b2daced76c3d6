//! A judge is shown every step of an engine, and nothing happens between two of them.

use std::cell::RefCell;
use std::rc::Rc;

use netstack::{Engine, Event, Instant};
use netstack_simulator::{Call, Counted, Family, Judge, NetworkConfig, Plan, Step, for_seeds};

use crate::transfer::assert_delivered;

/// What was seen of one engine.
#[derive(Debug, Default)]
struct Seen {
    frames_in: u64,
    frames_out: u64,
    connects: u64,
    queued_bytes: u64,
    taken_bytes: u64,
    shutdowns: u64,
    closed: u64,
    at: Option<Instant>,
}

/// Counts what it sees.
struct Counting(Rc<RefCell<Seen>>);

impl Judge for Counting {
    fn step(&mut self, now: Instant, step: Step<'_>, engine: &Engine<Counted, Counted>) {
        let mut seen = self.0.borrow_mut();
        assert!(seen.at <= Some(now), "time goes on");
        seen.at = Some(now);
        match step {
            Step::Frame(_) => seen.frames_in += 1,
            Step::Transmit(frames) => seen.frames_out += frames.len() as u64,
            Step::Call(Call::Connect(..)) => seen.connects += 1,
            Step::Call(Call::Send(_, bytes)) => seen.queued_bytes += bytes as u64,
            Step::Call(Call::Receive(_, bytes)) => seen.taken_bytes += bytes as u64,
            Step::Call(Call::Shutdown(_)) => seen.shutdowns += 1,
            Step::Event(Event::Closed { .. }) => seen.closed += 1,
            Step::Timeout | Step::Call(Call::Close(_) | Call::Abort(_)) | Step::Event(_) => {}
        }
        let counters = engine.counters();
        assert_eq!(counters.frames_received, seen.frames_in, "no frame comes unseen");
        assert_eq!(counters.opens_active, seen.connects, "no connection is opened unseen");
    }
}

#[test]
pub(crate) fn a_judge_sees_every_step() {
    for_seeds(0..50, |random| {
        let plans = [Plan::sending(50_000), Plan::sending(30_000)];
        let mut network = NetworkConfig::impaired(plans[1], random).build(random);
        let seen = network.hosts.each_mut().map(|host| {
            let seen = Rc::new(RefCell::new(Seen::default()));
            host.judge(Box::new(Counting(Rc::clone(&seen))));
            seen
        });
        network.connect(Family::V6, plans[0]);
        let outcomes = network.finish();
        assert_delivered(&outcomes, plans);
        for (side, seen) in seen.iter().enumerate() {
            let seen = seen.borrow();
            assert_eq!(seen.frames_out, network.cables[side].frames());
            assert_eq!(seen.queued_bytes, plans[side].send_bytes);
            assert_eq!(seen.taken_bytes, plans[1 - side].send_bytes);
            assert_eq!((seen.shutdowns, seen.closed), (1, 1));
        }
        assert_eq!(seen[0].borrow().connects + seen[1].borrow().connects, 1);
    });
}
