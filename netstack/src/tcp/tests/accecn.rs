//! Accurate ECN: the handshake and its fallbacks, the counter, paths that change it. RFC 9768.

use std::vec;
use std::vec::Vec;

use super::host::{Host, PEER, PEER_MAC, Peer, SERVER};
use crate::tcp::accecn::{Accurate, Carries, Feedback};
use crate::tcp::segment::Segment;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::{Config, ConnectionId, EcnFeedback, EcnMode, Span, SynCookies};

fn accurate(config: &mut Config) {
    config.tcp.ecn = EcnMode::On;
    config.tcp.ecn_feedback = EcnFeedback::Accurate;
}

/// A number for AE, CWR and ECE beside other flags.
fn with(flags: Flags, ace: u8) -> Flags {
    flags | Flags::with_ace(ace)
}

/// A server whose peer asked for accurate feedback; its last ACK of the handshake says `ace`.
fn accepted(ace: u8) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(accurate);
    let mut peer = Peer::new();
    host.receive(peer.flagged(with(Flags::SYN, 0b111)));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.now += super::host::ROUND_TRIP;
    host.receive(peer.flagged(with(Flags::ACK, ace)));
    peer.flags = with(Flags::ACK, 5);
    let id = host.only();
    host.take_events();
    host.segments();
    (host, peer, id)
}

/// A client whose SYN got a SYN-ACK with this ACE field, in a packet with this ECN field; and its
/// answer.
fn opened(ace: u8, codepoint: Ecn) -> (Host, Peer, Segment) {
    let mut host = Host::with(accurate);
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    host.connect(SERVER, PEER);
    let (syn, _) = host.segments().pop().expect("a SYN");
    assert_eq!((syn.flags, syn.ecn), (with(Flags::SYN, 0b111), Ecn::NotEct));
    let mut peer = Peer { ack: syn.seq + 1, ecn: codepoint, ..Peer::new() };
    host.receive(peer.flagged(with(Flags::SYN | Flags::ACK, ace)));
    let (answer, _) = host.segments().pop().expect("the handshake's last ACK");
    peer.seq += 1;
    peer.ecn = Ecn::NotEct;
    peer.flags = with(Flags::ACK, 5);
    (host, peer, answer)
}

fn send(host: &mut Host, id: ConnectionId, segments: usize) -> Vec<Segment> {
    host.engine.send(host.now, id, vec![b'x'; segments * 1_460]).expect("there is room");
    host.segments().into_iter().map(|(segment, _)| segment).collect()
}

#[test]
fn a_syn_ack_says_how_the_syn_arrived() {
    for (codepoint, ace) in
        [(Ecn::NotEct, 0b010), (Ecn::Ect1, 0b011), (Ecn::Ect0, 0b100), (Ecn::Ce, 0b110)]
    {
        let mut host = Host::with(accurate);
        let peer = Peer { ecn: codepoint, ..Peer::new() };
        host.receive(peer.flagged(with(Flags::SYN, 0b111)));
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        assert_eq!(syn_ack.flags, with(Flags::SYN | Flags::ACK, ace));
        assert_eq!(syn_ack.ecn, Ecn::NotEct);
    }
}

#[test]
fn each_syn_is_granted_what_it_asks_for() {
    // Only two combinations are older ones'; what later ones mean, this is the base of. §3.1.3.
    let granted = [0b000, 0b010, 0b010, 0b001, 0b010, 0b010, 0b010, 0b010];
    for (ace, granted) in (0..).zip(granted) {
        let mut host = Host::with(accurate);
        host.receive(Peer::new().flagged(with(Flags::SYN, ace)));
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        assert_eq!(syn_ack.flags, with(Flags::SYN | Flags::ACK, granted), "{ace:03b}");
    }
}

#[test]
fn who_does_classic_ecn_grants_that_to_whoever_can_more() {
    let mut host = Host::new();
    host.receive(Peer::new().flagged(with(Flags::SYN, 0b111)));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.flags, Flags::SYN | Flags::ACK | Flags::ECE);
}

#[test]
fn a_cookie_grants_no_accurate_feedback() {
    let mut host = Host::with(|config| {
        accurate(config);
        config.tcp.syn_cookies = SynCookies::Always;
    });
    host.receive(Peer::new().flagged(with(Flags::SYN, 0b111)));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.flags, Flags::SYN | Flags::ACK);
}

#[test]
fn each_syn_ack_is_understood() {
    // By ACE: whether we send what is ECN-capable, and what the next ACK says.
    let understood = [
        (Ecn::NotEct, 0b000),
        (Ecn::Ect0, 0b000),
        (Ecn::Ect0, 0b010),
        // Our SYN has not arrived as it was sent.
        (Ecn::NotEct, 0b010),
        (Ecn::NotEct, 0b010),
        (Ecn::Ect0, 0b000),
        (Ecn::NotEct, 0b010),
        (Ecn::NotEct, 0b000),
    ];
    for (ace, (codepoint, answer_ace)) in (0..).zip(understood) {
        let (mut host, _, answer) = opened(ace, Ecn::NotEct);
        assert_eq!(answer.flags, with(Flags::ACK, answer_ace), "{ace:03b}");
        let id = host.only();
        assert_eq!(send(&mut host, id, 1)[0].ecn, codepoint, "{ace:03b}");
    }
}

#[test]
fn the_handshakes_last_ack_says_how_the_syn_ack_arrived() {
    for (codepoint, ace, counter) in
        [(Ecn::NotEct, 0b010, 5), (Ecn::Ect1, 0b011, 5), (Ecn::Ect0, 0b100, 5), (Ecn::Ce, 0b110, 6)]
    {
        let (mut host, _, answer) = opened(0b010, codepoint);
        assert_eq!(answer.flags, with(Flags::ACK, ace));
        let id = host.only();
        assert_eq!(send(&mut host, id, 1)[0].flags, with(Flags::ACK | Flags::PSH, counter));
    }
}

#[test]
fn a_syn_that_is_sent_again_does_not_ask() {
    let mut host = Host::with(accurate);
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    host.connect(SERVER, PEER);
    host.segments();
    host.sleep(Span::from_millis(1_100));
    let (syn, _) = host.segments().pop().expect("the SYN again");
    assert_eq!(syn.flags, Flags::SYN);
}

#[test]
fn a_path_that_changes_the_syn_ack_gets_nothing_that_can_be_marked() {
    for (ace, codepoint) in
        [0b000, 0b001, 0b010, 0b011, 0b100, 0b101, 0b110, 0b111].into_iter().zip([
            Ecn::NotEct,
            Ecn::Ect0,
            Ecn::Ect0,
            Ecn::NotEct,
            Ecn::NotEct,
            Ecn::Ect0,
            Ecn::NotEct,
            Ecn::Ect0,
        ])
    {
        let (mut host, mut peer, id) = accepted(ace);
        assert_eq!(send(&mut host, id, 1)[0].ecn, codepoint, "{ace:03b}");
        // It is told of marks all the same.
        peer.ecn = Ecn::Ce;
        peer.send(&mut host, b"marked");
        let (ack, _) = host.segments().pop().expect("an ACK");
        assert_eq!(ack.flags, with(Flags::ACK, 6));
    }
}

#[test]
fn a_counter_that_is_cleared_on_the_way_ends_it() {
    let (mut host, mut peer, _) = opened(0b010, Ecn::NotEct);
    peer.flags = Flags::ACK;
    peer.send(&mut host, b"x");
    let id = host.only();
    assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::NotEct);
}

#[test]
fn every_mark_is_counted_and_told() {
    let (mut host, mut peer, _) = accepted(0b010);
    for marks in 1..20 {
        peer.ecn = Ecn::Ce;
        peer.send(&mut host, b"marked");
        peer.ecn = Ecn::Ect0;
        peer.send(&mut host, b"good");
        let (ack, _) = host.segments().pop().expect("an ACK");
        assert_eq!(ack.flags, with(Flags::ACK, (5 + marks) & 7));
    }
    assert_eq!(host.engine.counters().ecn_marks_received, 19);
}

#[test]
fn a_change_of_the_field_is_acknowledged_at_once() {
    let (mut host, mut peer, _) = accepted(0b010);
    peer.ecn = Ecn::Ect0;
    for _ in 0..40 {
        peer.send(&mut host, b"quick ACKs are used up");
        host.segments();
    }
    peer.send(&mut host, b"x");
    assert!(host.segments().is_empty(), "an ACK that waits");
    for codepoint in [Ecn::Ce, Ecn::Ect0] {
        peer.ecn = codepoint;
        peer.send(&mut host, b"x");
        assert_eq!(host.segments().len(), 1);
    }
}

#[test]
fn a_burst_of_marks_can_not_carry_the_counter_around() {
    let (mut host, mut peer, _) = accepted(0b010);
    peer.ecn = Ecn::Ce;
    for _ in 0..14 {
        peer.send(&mut host, b"marked");
    }
    let told: Vec<u8> = host.segments().iter().map(|(ack, _)| ack.flags.ace()).collect();
    assert_eq!(told, [(5 + 6) & 7, (5 + 12) & 7, (5 + 14) & 7]);
}

#[test]
fn the_window_shrinks_once_a_round_trip_and_says_nothing_of_it() {
    let (mut host, mut peer, id) = accepted(0b010);
    send(&mut host, id, 20);
    let cwnd = |host: &Host| host.engine.send_view(id).expect("it lives").cwnd_bytes;
    for (segments, ace) in [(2, 6), (2, 7), (2, 0)] {
        peer.ack += segments * 1_460;
        peer.flags = with(Flags::ACK, ace);
        host.receive(peer.frame(&[]));
        assert_eq!(cwnd(&host), 10_220);
    }
    let counters = host.engine.counters();
    assert_eq!((counters.ecn_echoes_received, counters.ecn_reductions), (3, 1));
    let fresh = host.segments();
    assert!(fresh.iter().all(|(segment, _)| segment.flags.ace() == 5), "a counter and no CWR");
    // The same counter again: no news.
    peer.ack += 4 * 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().ecn_echoes_received, 3);
}

#[test]
fn a_counter_that_may_have_gone_around_is_taken_for_the_worst() {
    let (mut state, feedback) = Accurate::active(Ecn::NotEct, Flags::with_ace(0b010));
    assert_eq!(feedback, Feedback::Marks(0));
    assert_eq!(state.on_first(Flags::with_ace(5), Carries::Something), Feedback::Marks(0));
    assert_eq!(state.on_ack(Flags::with_ace(7), 2), 2);
    assert_eq!(state.on_ack(Flags::with_ace(1), 7), 2);
    assert_eq!(state.on_ack(Flags::with_ace(1), 7), 0);
    // Of 8 none or all, of 9 one or nine, of 20 up to sixteen.
    assert_eq!(state.on_ack(Flags::with_ace(1), 8), 8);
    assert_eq!(state.on_ack(Flags::with_ace(2), 9), 9);
    assert_eq!(state.on_ack(Flags::with_ace(2), 20), 16);
}
