//! That each invariant can fail: a sound connection, broken in one place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::host::{PEER, SERVER};
use crate::engine::info::{Counters, Held};
use crate::engine::payload::Payload;
use crate::engine::reply::Replies;
use crate::tcp::BrokenInvariant;
use crate::tcp::ack::Reported;
use crate::tcp::connection::{Due, Env, Negotiated, Owner, Tcb, TcbParts, TimestampState};
use crate::tcp::header::Route;
use crate::tcp::input::listen::receive_half;
use crate::tcp::isn::Secrets;
use crate::tcp::recovery::{AckFacts, Decision, Progress, Reports, Spurious};
use crate::tcp::recv::{Arrived, Received};
use crate::tcp::sack::Learned;
use crate::tcp::segment::FourTuple;
use crate::tcp::send::{OurFin, WindowUpdate};
use crate::tcp::send_buffer::SeqRange;
use crate::tcp::seq::{SeqNum, WindowScale, WindowSize};
use crate::tcp::short::CoarseInstant;
use crate::tcp::state::{Established, State};
use crate::tcp::timers::Repair;
use crate::wire::ethernet::MacAddress;
use crate::wire::tcp_options::{SackBlock, SackPermitted};
use crate::{Instant, Limits, Span, TcpConfig};

type Connection = Tcb<Vec<u8>, Vec<u8>>;

const NOW: Instant = Instant::from_millis(1_000);
/// Across the wrap.
const ISS: SeqNum = SeqNum::from_wire(u32::MAX - 1);
const IRS: SeqNum = SeqNum::from_wire(u32::MAX - 500);

/// What steps of a connection are given.
struct Bench {
    config: TcpConfig,
    limits: Limits,
    counters: Counters,
    held: Held,
    replies: Replies<Vec<u8>>,
}

impl Bench {
    fn new() -> Self {
        Self {
            config: TcpConfig::default(),
            limits: Limits::default(),
            counters: Counters::default(),
            held: Held::default(),
            replies: Replies::new(16),
        }
    }

    fn env(&mut self) -> Env<'_, Vec<u8>> {
        Env {
            now: NOW,
            config: &self.config,
            limits: &self.limits,
            counters: &mut self.counters,
            held: &mut self.held,
            replies: &mut self.replies,
        }
    }

    /// An established connection with nothing in flight and an open window.
    fn connection(&mut self) -> Connection {
        let route = Route { own_mac: MacAddress([2; 6]), peer_mac: MacAddress([4; 6]), vlan: None };
        let tuple = FourTuple { local: SERVER, remote: PEER };
        let clock = Secrets::new([7; 32]).timestamp_offset(&tuple);
        let timestamps = TimestampState {
            clock,
            recent: 1,
            recent_at: CoarseInstant::of(NOW),
            last_ack_sent: IRS + 1,
        };
        let options = Negotiated { timestamps: Some(timestamps), sack: SackPermitted::Yes };
        let parts = TcbParts {
            tuple,
            state: State::Established(Established),
            route: Some(route),
            path_mtu: 1_500,
            listener: None,
            iss: ISS,
            options,
        };
        let recv = receive_half(IRS, Some(WindowScale::ZERO), &self.config);
        let mut tcb = Tcb::new(parts, recv, &self.env());
        tcb.set_peer_mss(Some(1_460));
        tcb.send.snd_una = ISS + 1;
        tcb.send.snd_nxt = ISS + 1;
        let window = WindowSize::new(60_000);
        tcb.send.set_window(WindowUpdate { seq: IRS + 1, ack: ISS + 1, window });
        tcb
    }

    /// The same with so many bytes queued and in flight.
    fn in_flight(&mut self, bytes: u32) -> Connection {
        let mut tcb = self.connection();
        send(&mut tcb, bytes);
        tcb.timers.arm_repair(Repair::Rto, NOW + Span::from_secs(1));
        tcb
    }

    /// All checks of a connection whose state before was `before`'s.
    fn check(&mut self, before: &Connection, tcb: &Connection) -> Result<(), BrokenInvariant> {
        tcb.check_invariants(&self.config)?;
        tcb.check_sent(&before.before())
    }
}

/// So many bytes are queued and go out.
fn send(tcb: &mut Connection, bytes: u32) {
    tcb.queue.push(vec![0; bytes as usize]).expect("there is room");
    let start = tcb.send.snd_nxt;
    let end = start + bytes;
    tcb.outbound.scoreboard.sent(SeqRange { start, end }, NOW);
    tcb.send.snd_nxt = end;
}

/// Text arrives in order.
fn receive(bench: &mut Bench, tcb: &mut Connection) {
    let payload = Payload::Copied(vec![1; 10]);
    let arrived = Arrived { seq: tcb.recv.rcv_nxt(), payload };
    let _: Received =
        tcb.recv.on_payload(arrived, &bench.limits, &mut bench.held, &mut bench.counters);
}

/// The fact that does not hold of a connection after a step, by what the panic says.
fn broken(bench: &mut Bench, before: &Connection, after: &Connection) -> Option<String> {
    let result = catch_unwind(AssertUnwindSafe(|| bench.check(before, after)));
    result.err().map(|panic| String::from(*panic.downcast::<&str>().expect("a message")))
}

/// One way to break a connection that has 3,000 bytes in flight.
struct Fault {
    number: u8,
    /// Part of the fact that fails.
    fact: &'static str,
    /// What the step does.
    step: fn(&mut Bench, &mut Connection),
}

fn faults_of_numbers() -> Vec<Fault> {
    let fault = |number, fact, step| Fault { number, fact, step };
    vec![
        fault(1, "snd_una.before_or_eq(send.snd_nxt)", |_, tcb| tcb.send.snd_nxt = ISS),
        fault(2, "accounted + syn", |_, tcb| tcb.send.snd_una += 1),
        fault(2, "self.queue.end() + fin", |_, tcb| {
            let end = tcb.send.snd_nxt + 2;
            tcb.outbound.scoreboard.sent(SeqRange { start: tcb.send.snd_nxt, end }, NOW);
            tcb.send.snd_nxt = end;
        }),
        fault(3, "before.edge", |bench, tcb| {
            let config = TcpConfig { receive_window_bytes: 100, ..bench.config };
            tcb.recv = receive_half(IRS, Some(WindowScale::ZERO), &config);
        }),
        fault(3, "told.is_none_or", |_, tcb| {
            let timestamps = tcb.options.timestamps.as_mut().expect("agreed");
            timestamps.last_ack_sent = tcb.recv.rcv_nxt() + 1;
        }),
        fault(3, "Owed::Now", |_, tcb| tcb.recv.ack.at_once()),
        fault(4, "self.recv.is_drained()", |bench, tcb| {
            tcb.owner = Owner::LetGo;
            receive(bench, tcb);
        }),
        fault(5, "opening", |_, tcb| tcb.timers.arm_repair(Repair::Syn, NOW)),
        fault(5, "self.outbound.scoreboard.is_empty()", |_, tcb| {
            tcb.timers.arm_repair(Repair::Persist, NOW);
        }),
        fault(5, "may_end", |_, tcb| tcb.timers.set_deadline(Some(NOW))),
        fault(6, "waits || armed", |_, tcb| tcb.timers.stop_repair()),
        fault(7, "u32::from(self.peer_mss)", |_, tcb| tcb.peer_mss = 1_400),
        fault(7, "u32::from(self.path_mtu)", |_, tcb| tcb.path_mtu = 1_499),
        fault(7, "duplicate().is_none()", |_, tcb| {
            tcb.options.sack = SackPermitted::No;
            let left = tcb.recv.rcv_nxt() - 2;
            let _: Reported = tcb.recv.on_duplicate(SackBlock { left, right: left + 1 });
        }),
        fault(7, "sacked_bytes() == 0", |_, tcb| {
            let left = tcb.send.snd_una + 1;
            let block = SackBlock { left, right: left + 1 };
            tcb.outbound.scoreboard.sack(block, 10, &mut Learned::default());
            tcb.options.sack = SackPermitted::No;
        }),
    ]
}

/// The same of what is limited and of what is measured.
fn faults_of_limits() -> Vec<Fault> {
    let fault = |number, fact, step| Fault { number, fact, step };
    vec![
        fault(10, "challenge_acks_per_second", |bench, tcb| {
            (0..10).for_each(|_| tcb.challenge(&mut bench.env()));
            bench.config.challenge_acks_per_second = 9;
        }),
        fault(11, "una.before_or_eq(before.snd_nxt", |_, tcb| {
            send(tcb, 10);
            let ack = tcb.send.snd_nxt;
            tcb.outbound.scoreboard.acknowledge(ack, &mut Learned::default());
            tcb.queue.acknowledge(ack);
            tcb.send.snd_una = ack;
            tcb.timers.stop_repair();
        }),
        fault(12, "self.send.snd_una + self.send.snd_wnd", |_, tcb| {
            send(tcb, 1_000);
            let window = WindowSize::new(3_999);
            tcb.send.set_window(WindowUpdate { seq: IRS + 1, ack: ISS + 1, window });
        }),
        fault(12, "most.saturating_add(1)", |_, tcb| {
            tcb.congestion.set_cwnd(3_000);
            send(tcb, 2_000);
        }),
        fault(13, "config.rto_min", |bench, _| bench.config.rto_initial = Span::from_millis(1)),
        fault(14, "self.recovery.is_active()", |_, tcb| {
            tcb.options.sack = SackPermitted::No;
            let facts = AckFacts {
                now: NOW,
                snd_una: tcb.send.snd_una,
                snd_nxt: tcb.send.snd_nxt,
                progress: Progress::Duplicate,
                path: tcb.path(),
                reports: Reports::DuplicateAcks,
                spurious: Spurious::Yes,
                duplicate: None,
            };
            for _ in 0..3 {
                let learned = Learned::default();
                let (scoreboard, congestion) = (&mut tcb.outbound.scoreboard, &mut tcb.congestion);
                let _: Decision = tcb.recovery.on_ack(&facts, &learned, scoreboard, congestion);
            }
        }),
    ]
}

#[test]
fn each_invariant_can_fail() {
    for Fault { number, fact, step } in faults_of_numbers().into_iter().chain(faults_of_limits()) {
        let mut bench = Bench::new();
        let before = bench.in_flight(3_000);
        let mut after = bench.in_flight(3_000);
        assert_eq!(broken(&mut bench, &before, &after), None, "it is sound");
        step(&mut bench, &mut after);
        let said = broken(&mut bench, &before, &after);
        assert!(
            said.as_ref().is_some_and(|said| said.contains(fact)),
            "{number}: {fact}: {said:?}"
        );
    }
}

#[test]
fn nothing_is_taken_behind_the_end_of_the_stream() {
    let mut bench = Bench::new();
    let mut before = bench.connection();
    before.recv.on_fin(IRS + 1);
    let mut after = bench.connection();
    after.recv.on_fin(IRS + 1);
    assert_eq!(broken(&mut bench, &before, &after), None);
    receive(&mut bench, &mut after);
    let said = broken(&mut bench, &before, &after).expect("it is broken");
    assert!(said.contains("!before.finished"), "{said}");
}

#[test]
fn data_that_waits_for_a_window_has_a_timer() {
    let mut bench = Bench::new();
    let before = bench.connection();
    let mut after = bench.connection();
    after.queue.push(vec![0; 10]).expect("there is room");
    let said = broken(&mut bench, &before, &after).expect("it is broken");
    assert!(said.contains("!idle || !waits || armed"), "{said}");
    after.timers.arm_repair(Repair::Persist, NOW);
    assert_eq!(broken(&mut bench, &before, &after), None);
}

#[test]
fn probes_may_go_beyond_the_congestion_window() {
    let mut bench = Bench::new();
    let mut before = bench.in_flight(3_000);
    before.due = Due::LossProbe;
    let mut after = bench.in_flight(3_000);
    after.congestion.set_cwnd(3_000);
    send(&mut after, 1_448);
    assert_eq!(broken(&mut bench, &before, &after), None);
}

#[test]
fn the_fin_alone_waits_for_no_congestion_window() {
    let mut bench = Bench::new();
    let before = bench.in_flight(3_000);
    let mut after = bench.in_flight(3_000);
    after.congestion.set_cwnd(1_448);
    let start = after.send.snd_nxt;
    after.outbound.scoreboard.sent(SeqRange { start, end: start + 1 }, NOW);
    after.send.snd_nxt = start + 1;
    after.send.fin = OurFin::Sent(start);
    assert_eq!(broken(&mut bench, &before, &after), None);
}
