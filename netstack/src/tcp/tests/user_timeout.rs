//! How long a connection waits for the peer: as configured, as its owner says, as the two ends agree.
//! RFC 9293 §3.8.3, RFC 5482.

use alloc::vec;

use super::host::{Host, Peer};
use crate::tcp::segment::Options;
use crate::wire::tcp_options::{SackBlock, Timestamps, UserTimeout};
use crate::{CloseReason, Config, ConfigError, ConnectionId, Span, UserTimeoutOption};

const fn seconds(count: u64) -> Span {
    Span::from_secs(count)
}

/// A server that waits for two minutes, and tells it.
fn telling(config: &mut Config) {
    config.tcp.user_timeout = seconds(120);
    config.tcp.user_timeout_option =
        UserTimeoutOption::On { least: seconds(100), most: seconds(600) };
}

fn connected(change: impl FnOnce(&mut Config)) -> (Host, Peer, ConnectionId) {
    let mut host = Host::with(change);
    let mut peer = Peer::new();
    let id = peer.handshake(&mut host);
    host.take_events();
    (host, peer, id)
}

/// The user timeout of a connection.
fn patience(host: &Host, id: ConnectionId) -> Span {
    host.engine.info(host.now, id).expect("it lives").user_timeout
}

/// What the next segment tells of the user timeout.
fn told(host: &mut Host, id: ConnectionId) -> Option<Span> {
    host.engine.send(host.now, id, vec![b'x'; 10]).expect("there is room");
    let (segment, _) = host.segments().pop().expect("a segment");
    let Options::Other(options) = segment.options else { panic!("no SYN") };
    options.user_timeout.map(UserTimeout::span)
}

/// Data is sent that nobody acknowledges: after how many seconds the connection ends.
fn given_up_after(host: &mut Host, id: ConnectionId) -> u64 {
    host.engine.send(host.now, id, vec![b'x'; 10]).expect("there is room");
    for second in 1..2_000 {
        host.segments();
        host.sleep(seconds(1));
        if let Some(reason) = host.close_reason() {
            assert_eq!(reason, CloseReason::UserTimeout);
            return second;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_listener_and_an_owner_have_a_user_timeout_of_their_own() {
    let (mut host, _, id) = connected(|config| config.tcp.user_timeout = seconds(30));
    // The timer that finds it out is the retransmission timer.
    assert!((30..60).contains(&given_up_after(&mut host, id)));
    let listener = host.listener;
    assert!(host.engine.set_listener_user_timeout(listener, seconds(10)).is_some());
    let id = Peer::new().handshake(&mut host);
    assert_eq!(patience(&host, id), seconds(10));
    assert!((10..20).contains(&given_up_after(&mut host, id)));
    let id = Peer::new().handshake(&mut host);
    assert!(host.engine.set_user_timeout(id, seconds(90)).is_some());
    assert!((90..180).contains(&given_up_after(&mut host, id)));
    assert!(host.engine.set_user_timeout(id, seconds(90)).is_none(), "it is gone");
}

#[test]
fn the_first_segment_tells_the_user_timeout_and_the_next_after_a_change() {
    let (mut host, _, id) = connected(telling);
    assert_eq!(told(&mut host, id), Some(seconds(120)));
    assert_eq!(told(&mut host, id), None);
    host.engine.set_user_timeout(id, seconds(200)).expect("it lives");
    assert_eq!(told(&mut host, id), Some(seconds(200)));
    assert_eq!(told(&mut host, id), None);
}

#[test]
fn the_longer_one_holds_within_the_limits() {
    // USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)).
    for (remote, expected) in [(50, 120), (300, 300), (9_000, 600), (100_000, 600)] {
        let (mut host, mut peer, id) = connected(telling);
        assert_eq!(patience(&host, id), seconds(120));
        peer.sack.user_timeout = UserTimeout::of(seconds(remote));
        peer.send(&mut host, b"x");
        assert_eq!(patience(&host, id), seconds(expected), "{remote} s");
    }
    let (mut host, mut peer, id) = connected(|config| {
        telling(config);
        config.tcp.user_timeout = seconds(20);
    });
    peer.sack.user_timeout = UserTimeout::of(seconds(5));
    peer.send(&mut host, b"x");
    assert_eq!(patience(&host, id), seconds(100), "the lower limit");
}

#[test]
fn what_the_owner_chose_no_peer_changes() {
    // CHANGEABLE is false, §3.
    let (mut host, mut peer, id) = connected(telling);
    host.engine.set_user_timeout(id, seconds(150)).expect("it lives");
    peer.sack.user_timeout = UserTimeout::of(seconds(500));
    peer.send(&mut host, b"x");
    assert_eq!(patience(&host, id), seconds(150));
}

#[test]
fn without_the_option_nothing_is_told_or_heeded() {
    let (mut host, mut peer, id) = connected(|_| {});
    assert_eq!(told(&mut host, id), None);
    peer.sack.user_timeout = UserTimeout::of(seconds(500));
    peer.send(&mut host, b"x");
    assert_eq!(patience(&host, id), seconds(300));
}

#[test]
fn the_option_makes_segments_shorter_and_no_packet_longer() {
    let mut host = Host::with(telling);
    let mut peer = Peer::new();
    peer.timestamps = Some(Timestamps { value: 1, echo: 0 });
    let id = peer.handshake(&mut host);
    host.engine.send(host.now, id, vec![b'x'; 2_000]).expect("there is room");
    let lens: vec::Vec<usize> = host.transmit().iter().map(vec::Vec::len).collect();
    assert_eq!(lens[0], 14 + 1_500);
    // Beside both options there is room for two blocks.
    let left = peer.seq + 100;
    peer.sack.sack.push(SackBlock { left, right: left + 1 });
    assert_eq!(
        crate::wire::tcp_options::SegmentOptions::sack_room(
            peer.timestamps,
            UserTimeout::of(seconds(1)),
        ),
        2
    );
}

#[test]
fn lower_limits_leave_room_for_the_retransmission_timer() {
    // §3.1: L_LIMIT is larger than RTO, whatever that becomes.
    for (least, most, result) in [
        (seconds(61), seconds(61), Ok(())),
        (seconds(60), seconds(600), Err(ConfigError::UserTimeoutLimits)),
        (seconds(200), seconds(100), Err(ConfigError::UserTimeoutLimits)),
    ] {
        let mut config = super::host::config(super::host::SERVER.ip(), super::host::SERVER_MAC);
        config.tcp.user_timeout_option = UserTimeoutOption::On { least, most };
        assert_eq!(config.validate(), result);
    }
}
