//! The AccECN option: what it says, when it goes out, beside what it fits, and when it is heeded.
//! RFC 9768 §3.2.3.

use std::vec;
use std::vec::Vec;

use super::host::{Host, PEER, PEER_MAC, Peer, SERVER};
use crate::tcp::segment::{Options, Segment};
use crate::tcp::seq::SeqNum;
use crate::wire::accecn::{AccEcn, EcnBytes, Fields};
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackBlock, SegmentOptions, SynOptions, Timestamps};
use crate::{Config, ConnectionId, EcnByteCounts, EcnFeedback, EcnMode, EcnOption, Span};

fn accurate(config: &mut Config) {
    config.tcp.ecn = EcnMode::On;
    config.tcp.ecn_feedback = EcnFeedback::Accurate;
}

/// A number for AE, CWR and ECE beside other flags.
fn with(flags: Flags, ace: u8) -> Flags {
    flags | Flags::with_ace(ace)
}

/// EE0B, ECEB and EE1B of a segment's option; `None` without one.
fn fields(segment: &Segment) -> Option<[Option<u32>; 3]> {
    segment.options.accecn().map(|option| option.values())
}

/// A server after a handshake, and its peer.
fn accepted(timestamps: Option<Timestamps>) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(accurate);
    let mut peer = Peer { timestamps, ..Peer::new() };
    host.receive(peer.flagged(with(Flags::SYN, 0b111)));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(fields(&syn_ack), Some([Some(1), Some(0), Some(1)]));
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.now += super::host::ROUND_TRIP;
    host.receive(peer.flagged(with(Flags::ACK, 0b010)));
    peer.flags = with(Flags::ACK, 5);
    let id = host.only();
    host.segments();
    (host, peer, id)
}

/// A client after a SYN-ACK with that option; its answer.
fn opened(accecn: Option<AccEcn>) -> (Host, Peer, Segment) {
    let mut host = Host::with(accurate);
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    host.connect(SERVER, PEER);
    let (syn, _) = host.segments().pop().expect("a SYN");
    assert_eq!(fields(&syn), None, "a SYN has none");
    let mut peer = Peer { ack: syn.seq + 1, ..Peer::new() };
    peer.syn = SynOptions { accecn, ..peer.syn };
    host.receive(peer.flagged(with(Flags::SYN | Flags::ACK, 0b010)));
    let (answer, _) = host.segments().pop().expect("the handshake's last ACK");
    peer.seq += 1;
    peer.flags = with(Flags::ACK, 5);
    (host, peer, answer)
}

fn first_of_peer() -> AccEcn {
    AccEcn::new(&EcnBytes { ect0: 1, ce: 0, ect1: 1 }, Fields::ALL)
}

fn send(host: &mut Host, id: ConnectionId, len: usize) -> Vec<Segment> {
    host.engine.send(host.now, id, vec![b'x'; len]).expect("there is room");
    host.segments().into_iter().map(|(segment, _)| segment).collect()
}

fn told(host: &Host) -> EcnByteCounts {
    let info = host.engine.info(host.now, host.only()).expect("it lives");
    info.ecn_told.expect("feedback is accurate")
}

/// The peer acknowledges `len` more bytes, with that option.
fn acknowledge(host: &mut Host, peer: &mut Peer, len: u32, accecn: Option<AccEcn>) {
    peer.ack += len;
    peer.sack = SegmentOptions { accecn, ..SegmentOptions::default() };
    host.receive(peer.frame(&[]));
    peer.sack.accecn = None;
}

#[test]
fn each_counter_that_moved_is_told_and_others_are_left_out() {
    let (mut host, mut peer, _) = accepted(None);
    let mut told = |ecn: Ecn| {
        peer.ecn = ecn;
        peer.send(&mut host, b"12345");
        fields(&host.segments().pop().expect("an ACK").0)
    };
    assert_eq!(told(Ecn::NotEct), None);
    assert_eq!(told(Ecn::Ect1), Some([None, None, Some(6)]));
    assert_eq!(told(Ecn::NotEct), None, "no news");
    assert_eq!(told(Ecn::Ce), Some([None, Some(5), Some(6)]));
    assert_eq!(told(Ecn::Ect1), Some([None, Some(5), Some(11)]));
    assert_eq!(told(Ecn::Ect0), Some([Some(6), Some(5), Some(11)]));
    let info = host.engine.info(host.now, host.only()).expect("it lives");
    assert_eq!(info.ecn_received, Some(EcnByteCounts { ect0: 5, ect1: 10, ce: 5 }));
}

#[test]
fn an_option_on_a_syn_is_ignored() {
    let cleared = AccEcn::new(&EcnBytes { ect0: 0, ce: 7, ect1: 0 }, Fields::ALL);
    let mut host = Host::with(accurate);
    let mut peer = Peer::new();
    peer.syn.accecn = Some(cleared);
    host.receive(peer.flagged(with(Flags::SYN, 0b111)));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(fields(&syn_ack), Some([Some(1), Some(0), Some(1)]));
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.receive(peer.flagged(with(Flags::ACK, 0b010)));
    assert_eq!(told(&host), EcnByteCounts::default());
    // The first that counts is one of a later segment.
    let id = host.only();
    send(&mut host, id, 100);
    peer.flags = with(Flags::ACK, 5);
    let option = AccEcn::new(&EcnBytes { ect0: 101, ce: 0, ect1: 1 }, Fields::ECT0);
    acknowledge(&mut host, &mut peer, 100, Some(option));
    assert_eq!(told(&host).ect0, 100);
}

#[test]
fn ect0_is_told_in_the_other_order() {
    let (mut host, mut peer, _) = accepted(None);
    for (ecn, expected) in [(Ecn::Ect0, [Some(6), None, None]), (Ecn::Ce, [Some(6), Some(5), None])]
    {
        peer.ecn = ecn;
        peer.send(&mut host, b"12345");
        assert_eq!(fields(&host.segments().pop().expect("an ACK").0), Some(expected));
    }
}

#[test]
fn data_carries_the_news_once() {
    let (mut host, mut peer, id) = accepted(None);
    peer.ecn = Ecn::Ect0;
    peer.send(&mut host, b"12345");
    let sent = send(&mut host, id, 4 * 1_460);
    let carried: Vec<_> = sent.iter().map(fields).collect();
    assert_eq!(carried, [Some([Some(6), None, None]), None, None, None, None]);
    assert_eq!(sent[0].payload_len(), 1_452, "it takes its room from the text");
    let mut peer_ack = sent[4].seq_end();
    core::mem::swap(&mut peer.ack, &mut peer_ack);
    // What is sent again carries none.
    peer.send(&mut host, b"12345");
    host.segments();
    host.sleep(Span::from_secs(2));
    let again = host.segments();
    assert!(again.iter().all(|(segment, _)| fields(segment).is_none()));
}

#[test]
fn loss_comes_before_marks_where_there_is_little_room() {
    let (mut host, mut peer, _) = accepted(Some(Timestamps { value: 1, echo: 0 }));
    let mut ahead = |offset: u32, ecn: Ecn| {
        let mut other = Peer { seq: peer.seq + offset, ecn, ..peer };
        other.send(&mut host, b"12345");
        let (ack, _) = host.segments().pop().expect("an ACK");
        let Options::Other(options) = ack.options else { panic!("no SYN") };
        (options.sack.len(), fields(&ack))
    };
    assert_eq!(ahead(100, Ecn::Ect0), (1, Some([Some(6), None, None])));
    assert_eq!(ahead(200, Ecn::Ce), (2, Some([Some(6), Some(5), None])));
    // Three blocks would leave no room for it, two do.
    assert_eq!(ahead(300, Ecn::Ce), (2, Some([Some(6), Some(10), None])));
    // All three counters do not fit: those that moved do.
    assert_eq!(ahead(400, Ecn::Ect1), (2, Some([None, None, Some(6)])));
    // These two stand in no short option.
    peer.ecn = Ecn::Ect0;
    let mut other = Peer { seq: peer.seq + 500, ..peer };
    other.send(&mut host, b"12345");
    other = Peer { seq: peer.seq + 600, ecn: Ecn::Ect1, ..peer };
    other.send(&mut host, b"12345");
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!(fields(&ack), None);
}

#[test]
fn the_first_ack_and_the_first_data_of_an_open_try_the_path() {
    let (mut host, mut peer, answer) = opened(Some(first_of_peer()));
    let all = Some([Some(1), Some(0), Some(1)]);
    assert_eq!(fields(&answer), all);
    peer.send(&mut host, b"not ECN-capable");
    assert_eq!(fields(&host.segments().pop().expect("an ACK").0), None);
    let id = host.only();
    let carried: Vec<_> = send(&mut host, id, 3_000).iter().map(fields).collect();
    assert_eq!(carried, [all, None, None]);
    assert_eq!(fields(&send(&mut host, id, 10)[0]), None);
}

#[test]
fn none_is_sent_where_nobody_wants_it_and_theirs_are_heeded() {
    let mut host = Host::with(|config| {
        accurate(config);
        config.tcp.ecn_option = EcnOption::Off;
    });
    let mut peer = Peer::new();
    host.receive(peer.flagged(with(Flags::SYN, 0b111)));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(fields(&syn_ack), None);
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.receive(peer.flagged(with(Flags::ACK, 0b010)));
    peer.flags = with(Flags::ACK, 5);
    peer.ecn = Ecn::Ce;
    peer.send(&mut host, b"marked");
    assert_eq!(fields(&host.segments().pop().expect("an ACK").0), None);
    let id = host.only();
    send(&mut host, id, 100);
    let option = AccEcn::new(&EcnBytes { ect0: 101, ce: 0, ect1: 1 }, Fields::ECT0);
    acknowledge(&mut host, &mut peer, 100, Some(option));
    assert_eq!(told(&host), EcnByteCounts { ect0: 100, ect1: 0, ce: 0 });
}

#[test]
fn what_comes_again_twice_ends_the_options_unless_one_has_arrived() {
    for proven in [false, true] {
        let (mut host, mut peer, _) = opened(Some(first_of_peer()));
        let id = host.only();
        if proven {
            let sent = send(&mut host, id, 10);
            assert!(fields(&sent[0]).is_some());
            acknowledge(&mut host, &mut peer, 10, None);
        }
        peer.ecn = Ecn::Ect0;
        for _ in 0..2 {
            let again = peer;
            peer.send(&mut host, b"12345");
            assert!(fields(&host.segments().pop().expect("an ACK").0).is_some());
            host.receive(again.frame(b"12345"));
            host.segments();
        }
        peer.send(&mut host, b"12345");
        let (ack, _) = host.segments().pop().expect("an ACK");
        assert_eq!(fields(&ack).is_some(), proven);
    }
}

#[test]
fn bytes_are_counted_across_the_wrap_of_their_field() {
    let (mut host, mut peer, _) = opened(Some(first_of_peer()));
    let id = host.only();
    send(&mut host, id, 400);
    let most = EcnBytes { ect0: 0x00ff_ffff, ce: 0, ect1: 1 };
    acknowledge(&mut host, &mut peer, 100, Some(AccEcn::new(&most, Fields::ECT0)));
    assert_eq!(told(&host).ect0, 0x00ff_fffe);
    let more = EcnBytes { ect0: 0x0100_0009, ..most };
    acknowledge(&mut host, &mut peer, 100, Some(AccEcn::new(&more, Fields::ECT0)));
    assert_eq!(told(&host).ect0, 0x0100_0008);
}

#[test]
fn an_option_whose_first_counters_are_zero_is_never_heeded() {
    let cleared = AccEcn::new(&EcnBytes { ect0: 0, ce: 0, ect1: 0 }, Fields::ALL);
    let (mut host, mut peer, _) = opened(Some(cleared));
    let id = host.only();
    send(&mut host, id, 100);
    let option = AccEcn::new(&EcnBytes { ect0: 51, ce: 50, ect1: 1 }, Fields::ALL);
    acknowledge(&mut host, &mut peer, 100, Some(option));
    assert_eq!(told(&host), EcnByteCounts::default());
    assert_eq!(send(&mut host, id, 100)[0].ecn, Ecn::Ect0, "nor is it a contradiction");
}

#[test]
fn one_that_comes_late_is_heeded() {
    let (mut host, mut peer, _) = opened(None);
    let id = host.only();
    send(&mut host, id, 100);
    let option = AccEcn::new(&EcnBytes { ect0: 101, ce: 0, ect1: 1 }, Fields::ECT0);
    acknowledge(&mut host, &mut peer, 100, Some(option));
    assert_eq!(told(&host).ect0, 100);
}

#[test]
fn the_bytes_say_how_often_the_counter_went_around() {
    for (ce, echoes) in [(0, 0), (1_460, 8), (5 * 1_460, 8), (9 * 1_460, 16)] {
        let (mut host, mut peer, _) = opened(Some(first_of_peer()));
        let id = host.only();
        let sent = send(&mut host, id, 9 * 1_460);
        host.now += Span::from_millis(20);
        let len = sent[0].seq.distance_to(sent.last().expect("some").seq_end());
        // The counter has gone around once, or not at all.
        let option = AccEcn::new(&EcnBytes { ect0: 1, ce, ect1: 1 }, Fields::CE);
        if (1..=7 * 1_460).contains(&ce) {
            // So few bytes and no packet: a contradiction.
            acknowledge(&mut host, &mut peer, len, Some(option));
            assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::NotEct);
            continue;
        }
        acknowledge(&mut host, &mut peer, len, Some(option));
        assert_eq!(host.engine.counters().ecn_echoes_received, echoes);
        assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::Ect0);
    }
}

#[test]
fn marks_that_the_flags_told_are_no_contradiction() {
    let (mut host, mut peer, _) = opened(Some(first_of_peer()));
    let id = host.only();
    send(&mut host, id, 2_000);
    peer.flags = with(Flags::ACK, 6);
    acknowledge(&mut host, &mut peer, 1_000, None);
    let option = AccEcn::new(&EcnBytes { ect0: 1, ce: 1_000, ect1: 1 }, Fields::CE);
    acknowledge(&mut host, &mut peer, 1_000, Some(option));
    assert_eq!(host.engine.counters().ecn_echoes_received, 1);
    assert_eq!(told(&host).ce, 1_000);
    assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::Ect0);
}

#[test]
fn every_length_is_read_and_odd_ends_are_padding() {
    for (body, values) in [
        (&[][..], [None, None, None]),
        (&[0, 1, 2], [Some(0x102), None, None]),
        (&[0, 1, 2, 9], [Some(0x102), None, None]),
        (&[0, 1, 2, 0, 0, 3], [Some(0x102), Some(3), None]),
        (&[0, 1, 2, 0, 0, 3, 255, 255, 255], [Some(0x102), Some(3), Some(0xff_ffff)]),
        (&[0, 1, 2, 0, 0, 3, 0, 0, 4, 7, 7, 7], [Some(0x102), Some(3), Some(4)]),
    ] {
        for (kind, order) in [(172, [0, 1, 2]), (174, [2, 1, 0])] {
            let mut bytes = vec![kind, u8::try_from(body.len() + 2).expect("short")];
            bytes.extend_from_slice(body);
            let read = SegmentOptions::parse(&bytes).expect("it is understood");
            let read = read.accecn.expect("an option").values();
            assert_eq!(order.map(|at| read[at]), values);
        }
    }
}

#[test]
fn what_is_written_is_read() {
    let bytes = EcnBytes { ect0: 0x1_0203, ce: 0x405, ect1: 0x6 };
    let mut sets = vec![Fields::NONE];
    for field in [Fields::ECT0, Fields::CE, Fields::ECT1] {
        for index in 0..sets.len() {
            let mut more = sets[index];
            more.add(field);
            sets.push(more);
        }
    }
    for set in sets {
        let option = AccEcn::new(&bytes, set);
        let mut sack = crate::wire::tcp_options::SackBlocks::EMPTY;
        for at in [10, 20, 30, 40] {
            let left = SeqNum::from_wire(at);
            sack.push(SackBlock { left, right: left + 5 });
        }
        let options = SegmentOptions {
            timestamps: Some(Timestamps { value: 1, echo: 2 }),
            sack,
            user_timeout: None,
            accecn: Some(option),
        };
        let mut out = [0xaa; 40];
        let len = options.emit(&mut out).expect("it fits");
        assert_eq!((len, len % 4), (options.len(), 0));
        let read = SegmentOptions::parse(&out[..len]).expect("it is right");
        assert_eq!((read.timestamps, read.accecn), (options.timestamps, Some(option)));
        assert_eq!(read.sack.len(), (24 - option.len()) / 8);
    }
}
