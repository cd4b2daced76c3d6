//! Accurate ECN: the handshake and its fallbacks, the counter, paths that change it. RFC 9768.

use std::vec;
use std::vec::Vec;

use super::host::{Host, PEER, PEER_MAC, Peer, SERVER};
use crate::tcp::accecn::{Accurate, AckNews, Carries, Feedback, SynAck, ace_of};
use crate::tcp::segment::Segment;
use crate::tcp::seq::SeqNum;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::{Config, ConnectionId, EcnFeedback, EcnMode, EcnOption, Span, SynCookies};

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
fn the_answer_to_a_cookie_tells_that_feedback_is_accurate() {
    for (ace, says) in [(0b000, 0), (0b001, 0), (0b010, 6), (0b101, 6)] {
        let mut host = Host::with(|config| {
            accurate(config);
            config.tcp.syn_cookies = SynCookies::Always;
        });
        let mut peer = Peer::new();
        host.receive(peer.flagged(with(Flags::SYN, 0b111)));
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        assert_eq!(syn_ack.flags, with(Flags::SYN | Flags::ACK, 0b010));
        peer.seq += 1;
        peer.ack = syn_ack.seq + 1;
        host.receive(peer.flagged(with(Flags::ACK, ace)));
        peer.ecn = Ecn::Ce;
        peer.send(&mut host, b"marked");
        let (ack, _) = host.segments().pop().expect("an ACK");
        assert_eq!(ack.flags, with(Flags::ACK, says), "{ace:03b}");
    }
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
        // Without a meaning yet, but no refusal.
        (Ecn::Ect0, 0b010),
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
        assert_eq!(send(&mut host, id, 1)[0].flags, with(Flags::ACK, counter));
    }
}

#[test]
fn the_second_syn_asks_again_and_the_third_does_not() {
    let mut host = Host::with(accurate);
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    host.connect(SERVER, PEER);
    let isn = host.segments()[0].0.seq;
    for ace in [0b111, 0b000] {
        host.sleep(Span::from_millis(2_100));
        let (syn, _) = host.segments().pop().expect("the SYN again");
        assert_eq!((syn.flags, syn.seq), (with(Flags::SYN, ace), isn));
    }
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
fn a_counter_that_marks_brought_to_zero_ends_nothing() {
    for (packets, codepoint) in [(2, Ecn::NotEct), (3, Ecn::Ect0)] {
        let (mut host, mut peer, _) = opened(0b010, Ecn::NotEct);
        let id = host.only();
        let sent = send(&mut host, id, packets);
        // Of three packets all may be marked.
        peer.ack = sent.last().expect("some").seq_end();
        peer.flags = Flags::ACK;
        host.receive(peer.frame(&[]));
        assert_eq!(send(&mut host, id, 1)[0].ecn, codepoint);
    }
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
    let syn_ack = SynAck { flags: Flags::with_ace(0b010), codepoint: Ecn::NotEct, option: None };
    let (mut state, feedback) = Accurate::active(&syn_ack, EcnOption::On);
    assert_eq!(feedback, Feedback::Marks(0));
    assert_eq!(state.on_first(Flags::with_ace(5), Carries::Something, 1), Feedback::Marks(0));
    let mut told = |ace, packets: u32| {
        let (ack, snd_nxt) = (SeqNum::ZERO, SeqNum::ZERO + 1);
        let news = AckNews { ack, snd_nxt, bytes: packets * 1_000, mss: 1_000, option: None };
        match state.on_ack(Flags::with_ace(ace), &news) {
            Feedback::Marks(marks) => marks,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(7, 2), 2);
    assert_eq!(told(1, 7), 2);
    assert_eq!(told(1, 7), 0);
    // Of 8 none or all, of 9 one or nine, of 20 up to sixteen.
    assert_eq!(told(1, 8), 8);
    assert_eq!(told(2, 9), 9);
    assert_eq!(told(2, 20), 16);
}

#[test]
fn a_syn_that_comes_again_changes_no_mode() {
    // The first SYN, the second, and what that is answered with.
    for (first, second, answer) in [
        (0b111, 0b111, with(Flags::SYN | Flags::ACK, 0b100)),
        (0b111, 0b000, with(Flags::SYN | Flags::ACK, 0b100)),
        (0b000, 0b111, Flags::SYN | Flags::ACK),
        (0b011, 0b011, with(Flags::SYN | Flags::ACK, 0b001)),
        (0b011, 0b000, Flags::SYN | Flags::ACK),
        (0b011, 0b111, Flags::RST | Flags::ACK),
        (0b111, 0b011, Flags::RST | Flags::ACK),
    ] {
        let mut host = Host::with(accurate);
        let mut peer = Peer::new();
        host.receive(peer.flagged(with(Flags::SYN, first)));
        host.segments();
        // Told is how the latest arrived.
        peer.ecn = Ecn::Ect0;
        host.receive(peer.flagged(with(Flags::SYN, second)));
        let (again, _) = host.segments().pop().expect("an answer");
        assert_eq!(again.flags, answer, "{first:03b}, then {second:03b}");
        let open = host.engine.state_counts(host.listener).expect("it listens").total();
        assert_eq!(open, u32::from(!answer.contains(Flags::RST)));
    }
}

#[test]
fn who_has_seen_a_syn_that_does_not_ask_sends_nothing_that_can_be_marked() {
    for (second, codepoint) in [(0b111, Ecn::Ect0), (0b000, Ecn::NotEct)] {
        let mut host = Host::with(accurate);
        let mut peer = Peer::new();
        for ace in [0b111, second] {
            host.receive(peer.flagged(with(Flags::SYN, ace)));
        }
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        peer.seq += 1;
        peer.ack = syn_ack.seq + 1;
        host.receive(peer.flagged(with(Flags::ACK, 0b010)));
        let id = host.only();
        assert_eq!(send(&mut host, id, 1)[0].ecn, codepoint);
        // Feedback is accurate all the same.
        peer.ecn = Ecn::Ce;
        peer.flags = with(Flags::ACK, 5);
        peer.send(&mut host, b"marked");
        assert_eq!(host.segments().pop().expect("an ACK").0.flags, with(Flags::ACK, 6));
    }
}

#[test]
fn a_syn_ack_is_sent_without_its_option_first_and_then_without_its_flags() {
    let mut host = Host::with(accurate);
    let mut peer = Peer::new();
    host.receive(peer.flagged(with(Flags::SYN, 0b111)));
    let mut sent = Vec::new();
    for millis in [1_050, 2_050, 0] {
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        peer.ack = syn_ack.seq + 1;
        sent.push((syn_ack.flags.ace(), syn_ack.options.accecn().is_some()));
        host.sleep(Span::from_millis(millis));
    }
    assert_eq!(sent, [(0b010, true), (0b010, false), (0b000, false)]);
    // The last one may be the one that arrived.
    peer.seq += 1;
    host.receive(peer.flagged(with(Flags::ACK, 0b010)));
    let id = host.only();
    assert_eq!(send(&mut host, id, 1)[0].ecn, Ecn::NotEct);
}

#[test]
fn a_peer_that_says_zero_is_not_heeded() {
    for (ace, echoes) in [(0b000, 0), (0b010, 3)] {
        let (mut host, mut peer, id) = accepted(ace);
        send(&mut host, id, 4);
        peer.ack += 4 * 1_460;
        peer.flags = with(Flags::ACK, 0);
        host.receive(peer.frame(&[]));
        assert_eq!(host.engine.counters().ecn_echoes_received, echoes);
    }
}

#[test]
fn a_mark_on_the_handshake_costs_the_first_window_and_is_not_counted_twice() {
    let cwnd = |host: &Host| host.engine.send_view(host.only()).expect("it lives").cwnd_bytes;
    let (mut host, mut peer, _) = opened(ace_of(Ecn::Ce), Ecn::NotEct);
    assert_eq!(cwnd(&host), 1_460);
    let id = host.only();
    send(&mut host, id, 1);
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.counters().ecn_echoes_received, 0, "its counter starts at 5");
    let (host, _, _) = accepted(ace_of(Ecn::Ce));
    assert_eq!(cwnd(&host), 1_460);
}

#[test]
fn a_syn_ack_that_comes_again_is_answered_as_the_first_was() {
    let (mut host, mut peer, _) = opened(0b010, Ecn::NotEct);
    // Its answer may have been dropped for its option.
    let syn_ack = Peer { seq: peer.seq - 1, ecn: Ecn::Ect0, ..peer };
    host.receive(syn_ack.flagged(with(Flags::SYN | Flags::ACK, 0b010)));
    let (again, _) = host.segments().pop().expect("its answer");
    assert_eq!((again.flags, again.options.accecn()), (with(Flags::ACK, 0b100), None));
    peer.ecn = Ecn::Ect0;
    peer.send(&mut host, b"data");
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!((ack.flags, ack.options.accecn()), (with(Flags::ACK, 5), None));
    // A SYN elsewhere is no SYN-ACK of ours.
    host.receive(peer.flagged(with(Flags::SYN | Flags::ACK, 0b010)));
    assert_eq!(host.segments().pop().expect("a challenge ACK").0.flags, with(Flags::ACK, 5));
}

#[test]
fn a_challenge_ack_of_a_handshake_and_a_reset_have_the_counter() {
    let mut host = Host::with(accurate);
    let mut peer = Peer::new();
    host.receive(peer.flagged(with(Flags::SYN, 0b111)));
    host.segments();
    peer.seq += 100_000;
    host.receive(peer.flagged(with(Flags::ACK, 0b010)));
    assert_eq!(host.segments().pop().expect("a challenge ACK").0.flags, with(Flags::ACK, 5));
    let (mut host, _, id) = accepted(0b010);
    host.engine.abort(host.now, id);
    let (reset, _) = host.segments().pop().expect("a RST");
    assert_eq!(reset.flags, with(Flags::RST | Flags::ACK, 5));
}

#[test]
fn crossing_syns_agree_on_feedback() {
    for (theirs, answer, codepoint) in
        [(0b111, 0b110, Ecn::Ect0), (0b011, 0b001, Ecn::Ect0), (0b000, 0b000, Ecn::NotEct)]
    {
        let mut host = Host::with(accurate);
        host.engine.set_neighbor(PEER.ip(), PEER_MAC);
        host.connect(SERVER, PEER);
        let (syn, _) = host.segments().pop().expect("a SYN");
        let mut peer = Peer { ack: syn.seq + 1, ecn: Ecn::Ce, ..Peer::new() };
        host.receive(peer.flagged(with(Flags::SYN, theirs)));
        let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
        assert_eq!(syn_ack.flags, with(Flags::SYN | Flags::ACK, answer));
        peer.ecn = Ecn::NotEct;
        // Its flags are no counter.
        host.receive(peer.flagged(with(Flags::SYN | Flags::ACK, answer)));
        host.segments();
        let id = host.only();
        let first = &send(&mut host, id, 1)[0];
        assert_eq!(first.ecn, codepoint);
        assert_eq!(first.flags.ace(), if theirs == 0b111 { 5 } else { 0 });
        assert_eq!(host.engine.counters().ecn_echoes_received, 0);
    }
}

#[test]
fn two_marks_are_acknowledged_in_their_turn() {
    let (mut host, mut peer, _) = accepted(0b010);
    peer.ecn = Ecn::Ce;
    for _ in 0..40 {
        peer.send(&mut host, b"quick ACKs are used up");
        host.segments();
    }
    let acked: Vec<usize> = (0..6)
        .map(|_| {
            peer.send(&mut host, b"x");
            host.segments().len()
        })
        .collect();
    assert_eq!(acked, [0, 1, 0, 1, 0, 1]);
}

#[test]
fn marks_without_end_are_not_believed() {
    for (all, ecn, echoes) in [(true, Ecn::NotEct, 0), (false, Ecn::Ect0, 1)] {
        let (mut host, mut peer, id) = accepted(0b010);
        let mut ace = 5;
        for round in 0..6 {
            let sent = send(&mut host, id, 2);
            host.now += Span::from_millis(20);
            for segment in &sent {
                peer.ack = segment.seq_end();
                if all || (round, peer.ack) != (3, sent[0].seq_end()) {
                    ace = (ace + 1) & 7;
                }
                peer.flags = with(Flags::ACK, ace);
                host.receive(peer.frame(&[]));
            }
        }
        let before = host.engine.counters().ecn_echoes_received;
        let sent = send(&mut host, id, 1);
        assert_eq!(sent[0].ecn, ecn);
        peer.ack = sent[0].seq_end();
        peer.flags = with(Flags::ACK, (ace + 1) & 7);
        host.receive(peer.frame(&[]));
        assert_eq!(host.engine.counters().ecn_echoes_received - before, echoes);
    }
}
