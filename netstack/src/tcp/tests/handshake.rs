//! Opening: passive, active, simultaneous, refused, lost.

use std::vec::Vec;

use super::host::{Host, PEER, Peer, SERVER, config};
use crate::tcp::segment::Options;
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackPermitted, Timestamps};
use crate::{
    CloseReason, Connect, ConnectError, DropReason, Event, Listen, ListenError, Span, SynCookies,
    TcpState,
};

#[test]
fn passive_open_takes_data_and_fin_on_the_third_ack() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.ack, Some(peer.seq + 1));
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    peer.flags = Flags::ACK | Flags::FIN;
    host.receive(peer.frame(b"hello"));
    host.assert_accepted_with(b"hello");
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!(ack.ack, Some(peer.seq + 6));
}

#[test]
fn a_syn_ack_offers_only_what_the_syn_had() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.syn.window_scale = None;
    peer.syn.sack_permitted = SackPermitted::No;
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    let Options::Syn(options) = syn_ack.options else { panic!("options of a SYN") };
    assert_eq!(options.mss, Some(1460));
    assert_eq!(options.window_scale, None);
    assert_eq!(options.sack_permitted, SackPermitted::No);
    assert_eq!(options.timestamps, None);
    peer.timestamps = Some(Timestamps { value: 7, echo: 0 });
    peer.tuple.local.set_port(40_001);
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.timestamps().map(|timestamps| timestamps.echo), Some(7));
}

#[test]
fn a_syn_again_gets_the_same_syn_ack_again() {
    let mut host = Host::new();
    let peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    let (first, _) = host.segments().pop().expect("a SYN-ACK");
    host.receive(peer.flagged(Flags::SYN));
    let (second, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!((first.seq, first.ack), (second.seq, second.ack));
    assert_eq!(host.engine.held().half_open.count, 1);
}

#[test]
fn challenge_acks_of_a_half_open_connection_are_limited() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    host.segments();
    peer.seq += 1_000;
    let mut answers = 0;
    for _ in 0..50 {
        host.receive(peer.flagged(Flags::SYN));
        answers += host.segments().len();
    }
    assert_eq!(answers, 10);
    assert_eq!(host.engine.counters().challenge_acks_limited, 40);
}

#[test]
fn an_unanswered_syn_ack_is_repeated_and_then_forgotten() {
    let mut host = Host::new();
    host.receive(Peer::new().flagged(Flags::SYN));
    let mut times = Vec::new();
    while let Some(at) = host.engine.poll_timeout() {
        times.extend(host.segments().iter().map(|_| (host.now).as_millis() - 1_000));
        host.now = host.now.max(at);
        host.engine.handle_timeout(host.now);
    }
    // 1, 2, 4 ... seconds after one another, a tick of the wheel each.
    let seconds: Vec<u64> = times.iter().map(|ms| ms / 1_000).collect();
    assert_eq!(seconds, [0, 1, 3, 7, 15, 31]);
    assert_eq!(host.engine.counters().half_open_timeouts, 1);
    host.assert_baseline();
}

#[test]
fn a_reset_ends_a_half_open_connection_only_if_exact() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    host.segments();
    peer.seq += 2;
    host.receive(peer.flagged(Flags::RST));
    assert_eq!(host.engine.held().half_open.count, 1);
    // RFC 5961 §3.2: in the window and not exact. The window of what is no SYN is scaled.
    let (challenge, _) = host.segments().pop().expect("a challenge ACK");
    assert_eq!((challenge.flags, challenge.ack), (Flags::ACK, Some(peer.seq - 1)));
    assert_eq!(challenge.window, 0xffff >> 5);
    peer.seq += 0x1_0000;
    host.receive(peer.flagged(Flags::RST));
    assert!(host.segments().is_empty(), "outside of the window nothing answers a RST");
    peer.seq = peer.seq - 0x1_0001;
    host.receive(peer.flagged(Flags::RST));
    assert!(host.segments().is_empty());
    host.assert_baseline();
}

#[test]
fn a_wrong_ack_of_the_syn_ack_is_answered_with_reset() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    peer.seq += 1;
    peer.ack = syn_ack.seq + 2;
    host.receive(peer.frame(&[]));
    let (reset, _) = host.segments().pop().expect("a RST");
    assert!(reset.flags.contains(Flags::RST));
    assert_eq!(reset.seq, peer.ack);
    assert_eq!(host.engine.held().half_open.count, 1);
}

#[test]
fn half_open_connections_are_limited() {
    let mut host = Host::with(|config| config.tcp.syn_cookies = SynCookies::Off);
    for port in 0..10 {
        let mut peer = Peer::new();
        peer.tuple.local.set_port(30_000 + port);
        host.receive(peer.flagged(Flags::SYN));
    }
    assert_eq!(host.engine.held().half_open.count, 4);
    assert_eq!(host.segments().len(), 4);
    assert_eq!(host.engine.counters().drops(DropReason::HalfOpenFull), 6);
}

#[test]
fn nobody_listens_so_a_syn_is_answered_with_reset() {
    let mut host = Host::new();
    let mut peer = Peer::new();
    peer.tuple.remote.set_port(444);
    host.receive(peer.flagged(Flags::SYN));
    let (reset, _) = host.segments().pop().expect("a RST");
    assert!(reset.flags.contains(Flags::RST | Flags::ACK));
    assert_eq!((reset.seq, reset.ack), (SeqNum::ZERO, Some(peer.seq + 1)));
    host.receive(peer.flagged(Flags::RST));
    assert!(host.segments().is_empty(), "a RST is never answered");
}

/// A host that opens a connection to the peer, whose link address it knows; and its SYN.
fn opening() -> (Host, Peer, crate::ConnectionId) {
    let mut host = Host::new();
    host.engine.set_neighbor(PEER.ip(), super::host::PEER_MAC);
    let id = host.connect(SERVER, PEER);
    let (syn, _) = host.segments().pop().expect("a SYN");
    assert_eq!(host.state(), TcpState::SynSent);
    let mut peer = Peer::new();
    peer.ack = syn.seq + 1;
    (host, peer, id)
}

#[test]
fn active_open_completes_with_the_syn_ack() {
    let (mut host, mut peer, id) = opening();
    host.receive(peer.flagged(Flags::SYN | Flags::ACK));
    assert_eq!(host.take_events(), [Event::Connected { id }]);
    peer.seq += 1;
    let (ack, _) = host.segments().pop().expect("the third ACK");
    assert_eq!(ack.ack, Some(peer.seq));
    peer.send(&mut host, b"banner");
    assert_eq!(host.read(id), b"banner");
}

#[test]
fn crossing_syns_open_one_connection() {
    let (mut host, mut peer, id) = opening();
    host.receive(peer.flagged(Flags::SYN));
    assert_eq!(host.state(), TcpState::SynReceived);
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert!(syn_ack.flags.contains(Flags::SYN | Flags::ACK));
    assert_eq!(syn_ack.seq + 1, peer.ack);
    host.receive(peer.flagged(Flags::SYN | Flags::ACK));
    assert_eq!(host.take_events(), [Event::Connected { id }]);
    assert_eq!(host.state(), TcpState::Established);
    peer.seq += 1;
    peer.send(&mut host, b"x");
    assert_eq!(host.read(id), b"x");
}

#[test]
fn the_window_of_a_crossing_syn_ack_is_not_scaled() {
    let (mut host, mut peer, id) = opening();
    peer.syn.window_scale = WindowScale::new(7);
    host.receive(peer.flagged(Flags::SYN));
    host.receive(peer.flagged(Flags::SYN | Flags::ACK));
    let window = |host: &Host| host.engine.info(host.now, id).expect("it lives").send_window_bytes;
    assert_eq!(window(&host), 0xffff);
    peer.seq += 1;
    host.receive(peer.frame(&[]));
    assert_eq!(window(&host), 0xffff << 7);
}

#[test]
fn a_reset_refuses_only_with_the_right_ack() {
    let (mut host, mut peer, _) = opening();
    peer.ack += 1;
    host.receive(peer.flagged(Flags::RST | Flags::ACK));
    assert_eq!(host.state(), TcpState::SynSent);
    peer.ack = peer.ack - 1;
    host.receive(peer.flagged(Flags::RST | Flags::ACK));
    assert_eq!(host.close_reason(), Some(CloseReason::Refused));
    host.assert_baseline();
}

#[test]
fn a_syn_that_nobody_answers_is_given_up() {
    let (mut host, _, _) = opening();
    let mut syns = 1;
    while let Some(at) = host.engine.poll_timeout() {
        host.now = host.now.max(at);
        host.engine.handle_timeout(host.now);
        syns += host.segments().len();
    }
    assert_eq!(syns, 6);
    assert_eq!(host.close_reason(), Some(CloseReason::HandshakeTimeout));
    host.assert_baseline();
}

#[test]
fn a_syn_that_was_lost_once_leaves_the_first_window_and_one_lost_twice_does_not() {
    for (lost, window) in [(1, 14_600), (2, 1_460)] {
        let (mut host, peer, id) = opening();
        for timeout in [1_050, 2_050].into_iter().take(lost) {
            host.sleep(Span::from_millis(timeout));
            assert_eq!(host.segments().len(), 1, "twice as long each time");
        }
        host.receive(peer.flagged(Flags::SYN | Flags::ACK));
        assert_eq!(host.engine.send_view(id).expect("it lives").cwnd_bytes, window, "{lost}");
    }
}

#[test]
fn a_shutdown_during_the_handshake_follows_it() {
    let (mut host, peer, id) = opening();
    host.engine.send(host.now, id, b"bye".to_vec()).expect("there is room");
    host.engine.shutdown(host.now, id);
    host.receive(peer.flagged(Flags::SYN | Flags::ACK));
    assert_eq!(host.state(), TcpState::FinWait1);
    let (last, payload) = host.segments().pop().expect("data and FIN");
    assert_eq!(payload, b"bye");
    assert!(last.flags.contains(Flags::FIN));
}

#[test]
fn what_can_not_be_opened_is_refused_at_once() {
    let mut host = Host::new();
    host.engine.set_neighbor(PEER.ip(), super::host::PEER_MAC);
    let mut connect = |local, remote| host.engine.connect(host.now, Connect { local, remote });
    let elsewhere = "10.9.9.9:1".parse().expect("an address");
    assert_eq!(connect(PEER, SERVER), Err(ConnectError::AddressNotOurs));
    assert_eq!(connect(SERVER, elsewhere), Err(ConnectError::NoRoute));
    assert_eq!(
        connect(SERVER, "[fd00::1]:1".parse().expect("an address")),
        Err(ConnectError::BadRemote)
    );
    assert!(connect(SERVER, PEER).is_ok());
    assert_eq!(connect(SERVER, PEER), Err(ConnectError::InUse));
}

#[test]
fn listeners_do_not_share_an_address() {
    let mut host = Host::new();
    let listen = Listen { address: SERVER, half_open_max: 1, connections_max: 1, name: 0 };
    assert_eq!(host.engine.listen(listen), Err(ListenError::AddressInUse));
    let listen = Listen { address: PEER, ..listen };
    assert_eq!(host.engine.listen(listen), Err(ListenError::AddressNotOurs));
    let listener = host.listener;
    host.engine.unlisten(listener);
    assert!(host.engine.listen(Listen { address: SERVER, ..listen }).is_ok());
}

#[test]
fn initial_numbers_depend_on_the_secret() {
    let isn = |seed: u8| {
        let mut host = Host::with(|config| config.seed = [seed; 32]);
        host.receive(Peer::new().flagged(Flags::SYN));
        host.segments().pop().expect("a SYN-ACK").0.seq
    };
    assert_eq!(isn(1), isn(1));
    assert_ne!(isn(1), isn(2));
    let mut wrong = config(SERVER.ip(), super::host::SERVER_MAC);
    wrong.tcp.rto_min = Span::ZERO;
    assert!(crate::Engine::<Vec<u8>, Vec<u8>>::new(wrong, crate::Instant::ORIGIN).is_err());
}
