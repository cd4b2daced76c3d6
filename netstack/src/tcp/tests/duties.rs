//! Duties of RFC 9293, by their labels, that no other test is about.

use alloc::vec;
use core::net::{IpAddr, SocketAddr};

use super::host::{Host, PEER, PEER_MAC, Peer, ROUND_TRIP, SERVER, SERVER_MAC, config};
use crate::tcp::segment::Control;
use crate::wire::tcp::Flags;
use crate::{
    CloseReason, ConfigError, Connect, ConnectError, ConnectionId, Engine, Event, Instant,
    Keepalive, Span, TcpConfig, TcpState,
};

/// A server with one connection, whose configuration `change` has been at.
fn connected(change: impl FnOnce(&mut crate::Config)) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(change);
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    host.segments();
    (host, peer, id)
}

/// So many segments go out and are acknowledged a round trip later.
fn exchange(host: &mut Host, peer: &mut Peer, id: ConnectionId, segments: u32) {
    let bytes = vec![b'x'; segments as usize * 1_460];
    host.engine.send(host.now, id, bytes).expect("there is room");
    assert_eq!(host.segments().len(), segments as usize);
    host.now += ROUND_TRIP;
    peer.ack += segments * 1_460;
    host.receive(peer.frame(&[]));
}

#[test]
fn a_window_with_its_top_bit_set_is_a_large_one() {
    // MUST-1: 65,535 is no negative number, and 40 segments are more than 32,767 bytes.
    let (mut host, mut peer, id) = connected(|_| {});
    for segments in [10, 20, 40] {
        exchange(&mut host, &mut peer, id, segments);
    }
}

#[test]
fn what_lies_beyond_a_shrunken_window_is_sent_again_and_does_not_end_it() {
    // SHLD-16, SHLD-17, MAY-7: four segments are in flight when the window shrinks to one and a bit.
    let (mut host, mut peer, id) = connected(|_| {});
    host.engine.send(host.now, id, vec![b'x'; 4 * 1_460]).expect("there is room");
    assert_eq!(host.segments().len(), 4);
    host.now += ROUND_TRIP;
    peer.window = 2_000;
    peer.ack += 1_460;
    host.receive(peer.frame(&[]));
    let mut again = vec![];
    for _ in 0..100 {
        host.sleep(Span::from_secs(1));
        again.extend(host.segments().iter().map(|(segment, _)| segment.seq));
    }
    assert!(again.contains(&peer.ack), "what is within the window: {again:?}");
    assert_eq!(host.state(), TcpState::Established);
    peer.ack += 3 * 1_460;
    host.receive(peer.frame(&[]));
    assert_eq!(host.engine.held().send_buffers.count, 0);
}

#[test]
fn a_reset_ends_a_connection_whose_window_is_closed() {
    // MUST-66.
    let (mut host, mut peer, _) = connected(|config| config.tcp.receive_window_bytes = 1_000);
    peer.send(&mut host, &[1; 1_000]);
    let (ack, _) = host.segments().pop().expect("an ACK");
    assert_eq!(ack.window, 0);
    host.receive(peer.flagged(Flags::RST | Flags::ACK));
    assert_eq!(host.close_reason(), Some(CloseReason::ResetByPeer));
}

#[test]
fn only_the_last_segment_of_what_is_queued_is_pushed() {
    // MUST-60, MUST-61, SHLD-27, SHLD-28: three buffers, packed anew.
    let (mut host, _, id) = connected(|_| {});
    let mut full = super::host::Wire { room: Some(0), ..Default::default() };
    for _ in 0..3 {
        host.engine.send(host.now, id, vec![b'x'; 1_000]).expect("there is room");
        assert_eq!(host.engine.poll_transmit(host.now, &mut full), crate::Transmitted::LinkFull);
    }
    let sent: vec::Vec<_> = host
        .segments()
        .iter()
        .map(|(segment, payload)| (payload.len(), segment.flags.contains(Flags::PSH)))
        .collect();
    assert_eq!(sent, [(1_460, false), (1_460, false), (80, true)]);
}

#[test]
fn what_is_urgent_is_delivered_in_its_place() {
    // SHLD-13, RFC 6093 §6.
    let (mut host, mut peer, id) = connected(|_| {});
    peer.send(&mut host, b"before ");
    peer.flags = Flags::ACK | Flags::URG;
    peer.send(&mut host, b"urgent ");
    peer.flags = Flags::ACK;
    peer.send(&mut host, b"after");
    assert_eq!(host.read(id), b"before urgent after");
}

#[test]
fn a_peer_that_tells_no_mss_gets_the_default_of_its_family() {
    // MUST-15: 576 and 1280 without the headers.
    for (server, client, mss) in [("10.0.0.1", "10.0.0.2", 536), ("fd00::1", "fd00::2", 1_220)] {
        let address =
            |text: &str, port| SocketAddr::new(text.parse::<IpAddr>().expect("an address"), port);
        let mut host = Host::at(address(server, 443), SERVER_MAC, |_| {});
        let mut peer = Peer::new();
        peer.tuple.local = address(client, 40_000);
        peer.tuple.remote = address(server, 443);
        peer.syn.mss = None;
        let id = peer.handshake(&mut host);
        assert_eq!(host.engine.send_view(id).map(|view| view.mss_bytes), Some(mss));
    }
}

#[test]
fn a_reset_of_a_crossing_open_is_told() {
    // MUST-11: this SYN-RECEIVED was reached by our own OPEN.
    let mut host = Host::new();
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    host.connect(SERVER, PEER);
    host.segments();
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    assert_eq!(host.state(), TcpState::SynReceived);
    peer.seq += 1;
    host.receive(peer.flagged(Flags::RST));
    assert_eq!(host.close_reason(), Some(CloseReason::Refused));
    host.assert_baseline();
}

#[test]
fn a_listener_and_an_active_open_share_a_port() {
    // MUST-41, MUST-42: the port that is listened on has a connection in SYN-SENT as well.
    let mut host = Host::new();
    let elsewhere = SocketAddr::new(PEER.ip(), 80);
    host.engine.set_neighbor(PEER.ip(), PEER_MAC);
    let opened = host.connect(SERVER, elsewhere);
    let (syn, _) = host.segments().pop().expect("a SYN");
    let mut peer = Peer::new();
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    host.receive(peer.frame(b"hello"));
    let events = host.take_events();
    assert!(matches!(events[..], [Event::Accepted { .. }, Event::Readable { .. }]), "{events:?}");
    let mut other = Peer::new();
    other.tuple.local = elsewhere;
    other.ack = syn.seq + 1;
    host.receive(other.flagged(Flags::SYN | Flags::ACK));
    assert_eq!(host.take_events(), [Event::Connected { id: opened }]);
}

#[test]
fn an_open_to_a_group_is_refused() {
    // MUST-46.
    let mut host = Host::new();
    for address in ["224.0.0.1:80", "255.255.255.255:80", "0.0.0.0:80", "10.0.0.2:0"] {
        let remote = address.parse().expect("an address");
        let opened = host.engine.connect(host.now, Connect { local: SERVER, remote });
        assert_eq!(opened, Err(ConnectError::BadRemote), "{address}");
    }
}

#[test]
fn segments_to_groups_are_dropped_in_silence() {
    // MUST-57: no SYN-ACK, and no RST either.
    let mut host = Host::new();
    for address in ["224.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.9"] {
        let mut peer = Peer::new();
        peer.tuple.remote.set_ip(address.parse().expect("an address"));
        for flags in [Flags::SYN, Flags::ACK] {
            host.receive(peer.flagged(flags));
            assert!(host.segments().is_empty(), "{address}");
        }
    }
    host.assert_baseline();
}

#[test]
fn a_reset_may_carry_data() {
    // SHLD-2.
    let (mut host, mut peer, _) = connected(|_| {});
    peer.flags = Flags::RST | Flags::ACK;
    host.receive(peer.frame(b"why"));
    assert_eq!(host.close_reason(), Some(CloseReason::ResetByPeer));
    assert!(host.segments().is_empty());
}

#[test]
fn a_configuration_against_the_rfc_is_refused() {
    // MUST-40: an ACK is delayed for less than half a second.
    let result = |delay| {
        let mut config = config(SERVER.ip(), SERVER_MAC);
        config.tcp.delayed_ack = delay;
        Engine::<vec::Vec<u8>, vec::Vec<u8>>::new(config, Instant::ORIGIN).map(|_| ())
    };
    assert_eq!(result(Span::from_millis(499)), Ok(()));
    assert_eq!(result(Span::from_millis(500)), Err(ConfigError::DelayedAck));
}

#[test]
fn the_defaults_are_those_of_the_rfc() {
    let tcp = TcpConfig::default();
    // SHLD-11, MUST-40, MUST-25, MUST-28.
    assert!(tcp.user_timeout >= Span::from_secs(100));
    assert!(tcp.delayed_ack < Span::from_millis(500));
    assert!(tcp.keepalive.is_none());
    assert!(Keepalive::default().idle >= Span::from_secs(2 * 3_600));
}

#[test]
fn keepalive_is_turned_off_and_on_by_connection() {
    // MUST-24.
    let keepalive =
        Keepalive { idle: Span::from_secs(60), interval: Span::from_secs(10), probes_max: 2 };
    let (mut host, peer, id) = connected(|config| config.tcp.keepalive = Some(keepalive));
    assert_eq!(host.engine.stop_keepalive(id), Some(()));
    host.sleep(Span::from_secs(600));
    assert!(host.segments().is_empty(), "nobody asks");
    assert_eq!(host.engine.start_keepalive(host.now, id), Some(()));
    host.sleep(Span::from_secs(61));
    let (probe, _) = host.segments().pop().expect("a probe");
    assert_eq!((probe.control, probe.seq), (Control::None, peer.ack - 1));
    // Where nobody said how, there is nothing to turn on.
    let (mut host, _, id) = connected(|_| {});
    assert_eq!(host.engine.start_keepalive(host.now, id), None);
}

#[test]
fn loss_is_seen_by_who_asks() {
    // MUST-47, SHLD-20.
    let (mut host, _, id) = connected(|_| {});
    host.engine.send(host.now, id, vec![b'x'; 1_000]).expect("there is room");
    host.segments();
    for _ in 0..8 {
        host.sleep(Span::from_secs(1));
        host.segments();
    }
    let info = host.engine.info(host.now, id).expect("it lives");
    assert!(info.retransmits >= 3 && info.backoff >= 2, "{info:?}");
    assert_eq!(host.take_events(), [], "and told to nobody");
}
