//! ECN: who agrees to it; what may be marked, is echoed and is heeded. RFC 3168.

use std::vec;
use std::vec::Vec;

use super::host::{Host, PEER, Peer, ROUND_TRIP, SERVER};
use crate::tcp::segment::Segment;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::SackBlock;
use crate::{Config, CongestionAlgorithm, ConnectionId, EcnBackoff, EcnMode, Span, SynCookies};

const ASKS: Flags = Flags::from_wire([0, 0xc2]);

/// A server whose peer asked for ECN; the congestion window is NewReno's.
fn connected(change: impl FnOnce(&mut Config)) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(|config| {
        config.tcp.congestion = CongestionAlgorithm::NewReno;
        change(config);
    });
    let mut peer = Peer::new();
    host.receive(peer.flagged(ASKS));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.now += ROUND_TRIP;
    host.receive(peer.frame(&[]));
    let id = host.only();
    host.take_events();
    host.segments();
    (host, peer, id)
}

/// The flags of the SYN-ACK that a SYN with `flags` gets.
fn flags_of_answer(host: &mut Host, flags: Flags) -> Flags {
    host.receive(Peer::new().flagged(flags));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.ecn, Ecn::NotEct, "a SYN-ACK is never ECN-capable");
    syn_ack.flags
}

fn send(host: &mut Host, id: ConnectionId, segments: usize) -> Vec<Segment> {
    host.engine.send(host.now, id, vec![b'x'; segments * 1_460]).expect("there is room");
    host.segments().into_iter().map(|(segment, _)| segment).collect()
}

fn cwnd(host: &Host, id: ConnectionId) -> usize {
    host.engine.send_view(id).expect("it lives").cwnd_bytes
}

#[test]
fn who_asks_for_ecn_is_granted_it() {
    let syn_ack = Flags::SYN | Flags::ACK;
    assert_eq!(flags_of_answer(&mut Host::new(), ASKS), syn_ack | Flags::ECE);
    for half in [Flags::NONE, Flags::ECE, Flags::CWR] {
        assert_eq!(flags_of_answer(&mut Host::new(), Flags::SYN | half), syn_ack);
    }
    let mut off = Host::with(|config| config.tcp.ecn = EcnMode::Off);
    assert_eq!(flags_of_answer(&mut off, ASKS), syn_ack);
    let (host, ..) = connected(|_| {});
    assert_eq!(host.engine.counters().ecn_negotiated, 1);
}

#[test]
fn a_syn_that_comes_again_without_the_flags_is_not_granted_ecn() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    host.receive(peer.flagged(ASKS));
    let answer = flags_of_answer(&mut host, Flags::SYN);
    assert_eq!(answer, Flags::SYN | Flags::ACK);
    host.segments();
    host.sleep(Span::from_millis(1_100));
    let (syn_ack, _) = host.segments().pop().expect("the SYN-ACK again");
    assert_eq!(syn_ack.flags, Flags::SYN | Flags::ACK);
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.receive(peer.frame(&[]));
    let id = host.only();
    assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::NotEct);
    assert_eq!(host.engine.counters().ecn_negotiated, 0);
}

#[test]
fn a_cookie_grants_no_ecn() {
    let mut host = Host::with(|config| config.tcp.syn_cookies = SynCookies::Always);
    assert_eq!(flags_of_answer(&mut host, ASKS), Flags::SYN | Flags::ACK);
}

#[test]
fn a_marked_syn_is_as_good_as_another() {
    let mut host = Host::new();
    let peer = Peer { ecn: Ecn::Ce, ..Peer::new() };
    host.receive(peer.flagged(ASKS));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.flags, Flags::SYN | Flags::ACK | Flags::ECE);
    assert_eq!(host.engine.counters().ecn_marks_received, 0);
}

/// An active open whose SYN is unanswered `unanswered` times and then gets `answer`: the flags of
/// the SYNs, and the connection.
fn opened(mode: EcnMode, unanswered: usize, answer: Flags) -> (Vec<Flags>, Host, Peer) {
    let mut host = Host::with(|config| config.tcp.ecn = mode);
    host.engine.set_neighbor(PEER.ip(), super::host::PEER_MAC);
    host.connect(SERVER, PEER);
    let mut syns: Vec<Segment> = host.segments().into_iter().map(|(syn, _)| syn).collect();
    for _ in 0..unanswered {
        host.sleep(Span::from_secs(8));
        syns.extend(host.segments().into_iter().map(|(syn, _)| syn));
    }
    assert!(syns.iter().all(|syn| syn.ecn == Ecn::NotEct), "a SYN is never ECN-capable");
    let mut peer = Peer::new();
    peer.ack = syns[0].seq + 1;
    host.receive(peer.flagged(answer));
    peer.seq += 1;
    host.segments();
    (syns.into_iter().map(|syn| syn.flags).collect(), host, peer)
}

#[test]
fn an_active_open_asks_once_and_only_if_it_is_to() {
    let syn_ack = Flags::SYN | Flags::ACK;
    let (syns, ..) = opened(EcnMode::Passive, 1, syn_ack);
    assert!(syns.iter().all(|flags| *flags == Flags::SYN));
    let (syns, mut host, _) = opened(EcnMode::On, 0, syn_ack | Flags::ECE);
    assert_eq!(syns, [ASKS]);
    let id = host.only();
    assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::Ect0);
    let (syns, ..) = opened(EcnMode::On, 1, syn_ack | Flags::ECE);
    assert_eq!((syns[0], syns[1]), (ASKS, Flags::SYN));
}

#[test]
fn a_syn_ack_that_only_mirrors_the_flags_grants_nothing() {
    for flags in [Flags::NONE, Flags::CWR, Flags::ECE | Flags::CWR] {
        let (_, mut host, _) = opened(EcnMode::On, 0, Flags::SYN | Flags::ACK | flags);
        let id = host.only();
        assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::NotEct);
    }
}

#[test]
fn who_also_sent_a_syn_that_said_no_echoes_and_is_not_marked() {
    let granted = Flags::SYN | Flags::ACK | Flags::ECE;
    let (_, mut host, mut peer) = opened(EcnMode::On, 1, granted);
    let id = host.only();
    peer.ecn = Ecn::Ce;
    peer.send(&mut host, b"marked");
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert!(ack.flags.contains(Flags::ECE));
    assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::NotEct);
    assert_eq!(host.engine.counters().ecn_negotiated, 0);
}

#[test]
fn only_new_data_may_be_marked() {
    let (mut host, mut peer, id) = connected(|_| {});
    assert!(send(&mut host, id, 4).iter().all(|segment| segment.ecn == Ecn::Ect0));
    peer.send(&mut host, b"x");
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!((ack.ecn, ack.payload_len()), (Ecn::NotEct, 0));
    // The first is lost, and sent again.
    let (left, right) = (peer.ack + 1_460, peer.ack + 4 * 1_460);
    peer.sack.sack.push(SackBlock { left, right });
    host.receive(peer.frame(&[]));
    let (again, _) = host.segments().pop().expect("a retransmission");
    assert_eq!((again.seq, again.ecn, again.flags), (peer.ack, Ecn::NotEct, Flags::ACK));
    peer.sack = Default::default();
    peer.ack += 4 * 1_460;
    host.receive(peer.frame(&[]));
    host.engine.shutdown(host.now, id);
    let (fin, _) = host.segments().pop().expect("a FIN");
    assert_eq!((fin.ecn, fin.payload_len()), (Ecn::NotEct, 0));
}

#[test]
fn a_window_probe_with_data_may_not_be_marked() {
    let (mut host, mut peer, id) = connected(|_| {});
    send(&mut host, id, 1);
    peer.ack += 1_460;
    peer.window = 10;
    host.receive(peer.frame(&[]));
    assert!(send(&mut host, id, 1).is_empty(), "a silly window");
    host.sleep(Span::from_secs(1));
    let (probe, payload) = host.segments().remove(0);
    assert_eq!((payload.len(), probe.ecn), (10, Ecn::NotEct));
}

#[test]
fn a_mark_is_echoed_until_the_peer_has_reduced() {
    let (mut host, mut peer, id) = connected(|_| {});
    peer.ecn = Ecn::Ect0;
    peer.send(&mut host, b"good");
    assert_eq!(host.segments().pop().expect("an ACK").0.flags, Flags::ACK);
    peer.ecn = Ecn::Ce;
    peer.send(&mut host, b"marked");
    peer.ecn = Ecn::Ect0;
    for _ in 0..3 {
        assert!(host.segments().pop().expect("an ACK").0.flags.contains(Flags::ECE));
        peer.send(&mut host, b"good");
    }
    assert!(send(&mut host, id, 1)[0].flags.contains(Flags::ECE), "so does data");
    peer.flags = Flags::ACK | Flags::CWR;
    peer.send(&mut host, b"reduced");
    assert_eq!(host.segments().pop().expect("an ACK").0.flags, Flags::ACK);
    // It says so, and was marked itself.
    peer.ecn = Ecn::Ce;
    peer.send(&mut host, b"both");
    assert!(host.segments().pop().expect("an ACK").0.flags.contains(Flags::ECE));
    assert_eq!(host.engine.counters().ecn_marks_received, 2);
}

#[test]
fn marks_of_what_is_no_data_in_the_window_count_for_nothing() {
    let (mut host, mut peer, _) = connected(|_| {});
    peer.ecn = Ecn::Ce;
    host.receive(peer.frame(&[]));
    let outside = Peer { seq: peer.seq + (1 << 24), ..peer };
    host.receive(outside.frame(b"outside"));
    peer.ecn = Ecn::NotEct;
    peer.send(&mut host, b"good");
    assert_eq!(host.segments().pop().expect("an ACK").0.flags, Flags::ACK);
    assert_eq!(host.engine.counters().ecn_marks_received, 0);
}

#[test]
fn a_mark_on_a_window_probe_is_echoed() {
    let (mut host, mut peer, _) = connected(|config| config.tcp.receive_window_bytes = 10);
    peer.send(&mut host, b"0123456789");
    assert_eq!(host.segments().pop().expect("an ACK").0.window, 0);
    peer.ecn = Ecn::Ce;
    host.receive(peer.frame(b"x"));
    assert_eq!(host.segments().pop().expect("an ACK").0.flags, Flags::ACK | Flags::ECE);
}

#[test]
fn marks_without_an_agreement_count_for_nothing() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.handshake(&mut host);
    peer.ecn = Ecn::Ce;
    peer.send(&mut host, b"marked");
    assert_eq!(host.segments().pop().expect("an ACK").0.flags, Flags::ACK);
    assert_eq!(host.engine.counters().ecn_marks_received, 0);
}

#[test]
fn an_echo_halves_the_window_once_and_the_next_new_data_says_so() {
    let (mut host, mut peer, id) = connected(|_| {});
    assert_eq!(send(&mut host, id, 20).len(), 10);
    let window_end = peer.ack + 14_600;
    peer.flags = Flags::ACK | Flags::ECE;
    for _ in 0..4 {
        peer.ack += 1_460;
        host.receive(peer.frame(&[]));
        assert!(host.segments().is_empty(), "five of ten may be in flight");
    }
    assert_eq!(cwnd(&host, id), 7_300);
    // Up to the whole window: still the same marks.
    peer.ack = window_end;
    host.receive(peer.frame(&[]));
    assert_eq!(cwnd(&host, id), 7_300);
    let fresh = host.segments();
    assert_eq!(fresh.len(), 5);
    assert_eq!((fresh[0].0.flags, fresh[0].1.len()), (Flags::ACK | Flags::CWR, 1_460));
    assert!(fresh[1..].iter().all(|(segment, _)| !segment.flags.contains(Flags::CWR)));
    let counters = host.engine.counters();
    assert_eq!((counters.ecn_echoes_received, counters.ecn_reductions), (5, 1));
    // Beyond it: new ones.
    peer.ack += 2_920;
    host.receive(peer.frame(&[]));
    assert_eq!(cwnd(&host, id), 3_650);
    assert_eq!(host.engine.counters().ecn_reductions, 2);
    assert_eq!(host.engine.counters().recoveries, 0);
}

#[test]
fn each_algorithm_shrinks_by_its_own_factor() {
    for (algorithm, backoff, expected) in [
        (CongestionAlgorithm::NewReno, EcnBackoff::AsLoss, 7_300),
        (CongestionAlgorithm::NewReno, EcnBackoff::Alternative, 11_680),
        (CongestionAlgorithm::Cubic, EcnBackoff::AsLoss, 10_220),
        (CongestionAlgorithm::Cubic, EcnBackoff::Alternative, 12_410),
    ] {
        let (mut host, mut peer, id) = connected(|config| {
            config.tcp.congestion = algorithm;
            config.tcp.ecn_backoff = backoff;
        });
        send(&mut host, id, 10);
        peer.flags = Flags::ACK | Flags::ECE;
        peer.ack += 1_460;
        host.receive(peer.frame(&[]));
        assert_eq!(cwnd(&host, id), expected, "{algorithm:?} {backoff:?}");
    }
}

#[test]
fn a_loss_in_a_window_that_was_marked_says_nothing_new() {
    let (mut host, mut peer, id) = connected(|_| {});
    send(&mut host, id, 10);
    peer.flags = Flags::ACK | Flags::ECE;
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    let (left, right) = (peer.ack + 1_460, peer.ack + 5 * 1_460);
    peer.sack.sack.push(SackBlock { left, right });
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().recoveries, 1);
    let ssthresh = |host: &Host| host.engine.info(host.now, id).expect("it lives").ssthresh_bytes;
    assert_eq!(ssthresh(&host), 7_300);
    // The marks of a window with a loss neither.
    host.receive(peer.frame(&[]));
    assert_eq!((ssthresh(&host), host.engine.counters().ecn_reductions), (7_300, 1));
}

#[test]
fn a_loss_is_told_too() {
    let (mut host, mut peer, id) = connected(|_| {});
    send(&mut host, id, 10);
    let (left, right) = (peer.ack + 1_460, peer.ack + 10 * 1_460);
    peer.sack.sack.push(SackBlock { left, right });
    host.receive(peer.frame(&[]));
    assert_eq!(host.segments().len(), 1, "the first again");
    peer.sack = Default::default();
    peer.ack += 14_600;
    host.receive(peer.frame(&[]));
    let fresh = send(&mut host, id, 2);
    assert!(fresh[0].flags.contains(Flags::CWR));
    assert!(!fresh[1].flags.contains(Flags::CWR));
}

#[test]
fn a_recovery_is_not_taken_back_by_an_ack_that_echoes_a_mark() {
    for ece in [Flags::NONE, Flags::ECE] {
        let (mut host, mut peer, id) = connected(|_| {});
        send(&mut host, id, 10);
        host.now += ROUND_TRIP;
        let (first, end) = (peer.ack, peer.ack + 10 * 1_460);
        peer.sack.sack.push(SackBlock { left: first + 1_460, right: end });
        host.receive(peer.frame(&[]));
        assert_eq!(host.segments().len(), 1, "the first again");
        host.now += ROUND_TRIP;
        peer.sack = Default::default();
        peer.sack.sack.push(SackBlock { left: first, right: first + 1_460 });
        peer.ack = end;
        host.receive(peer.flagged(Flags::ACK | ece));
        let undone = ece == Flags::NONE;
        assert_eq!(host.engine.counters().recoveries_undone, u64::from(undone));
        assert_eq!(cwnd(&host, id) >= 14_600, undone);
    }
}

#[test]
fn a_mark_after_a_recovery_is_not_taken_back_with_it() {
    for ece in [Flags::NONE, Flags::ECE] {
        let (mut host, mut peer, id) = connected(|_| {});
        send(&mut host, id, 10);
        host.now += ROUND_TRIP;
        let (first, end) = (peer.ack, peer.ack + 10 * 1_460);
        peer.sack.sack.push(SackBlock { left: first + 1_460, right: end });
        host.receive(peer.frame(&[]));
        assert_eq!(host.segments().len(), 1, "the first again");
        assert_eq!(send(&mut host, id, 4).len(), 4);
        // All arrive, and of the new ones one was marked; the first has arrived twice.
        host.now += ROUND_TRIP;
        peer.sack = Default::default();
        peer.ack = end;
        host.receive(peer.frame(&[]));
        peer.ack += 1_460;
        host.receive(peer.flagged(Flags::ACK | ece));
        peer.sack.sack.push(SackBlock { left: first, right: first + 1_460 });
        host.receive(peer.frame(&[]));
        assert_eq!(host.engine.counters().recoveries_undone, u64::from(ece == Flags::NONE));
    }
}
