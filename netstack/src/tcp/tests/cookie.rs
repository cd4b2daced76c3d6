//! SYN cookies: what they keep, for how long, and who may answer them. RFC 4987 §3.6.

use std::vec::Vec;

use super::host::{Host, PEER, Peer, SERVER};
use crate::tcp::cookie::{CookieTime, Handshake};
use crate::tcp::isn::Secrets;
use crate::tcp::segment::{FourTuple, Options};
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SackPermitted, SynOptions, Timestamps};
use crate::{DropReason, Instant, Span, SynCookies, TcpState};

const TUPLE: FourTuple = FourTuple { local: SERVER, remote: PEER };

/// Options that a cookie can keep but for the segment size.
fn options(mss: Option<u16>, scale: Option<u8>, sack_permitted: SackPermitted) -> SynOptions {
    let window_scale = scale.and_then(WindowScale::new);
    SynOptions { mss, window_scale, sack_permitted, timestamps: None, accecn: None }
}

#[test]
fn a_cookie_keeps_every_scale_and_sack_and_rounds_the_segment_size_down() {
    let key = Secrets::new([1; 32]).cookie_key();
    let time = CookieTime::at(Instant::from_millis(5));
    let sizes = [
        (None, 536),
        (Some(0), 88),
        (Some(535), 88),
        (Some(536), 536),
        (Some(1_459), 1_440),
        (Some(1_460), 1_460),
        (Some(8_939), 1_460),
        (Some(u16::MAX), 8_940),
    ];
    // The peer's number wraps, and lies on either side of the wrap.
    for (step, irs) in [u32::MAX - 1, u32::MAX, 0, 1, 1 << 31].into_iter().enumerate() {
        let handshake = Handshake { tuple: TUPLE, irs: SeqNum::from_wire(irs) };
        for (mss, kept) in sizes {
            for scale in (0..=14).map(Some).chain([None]) {
                for sack in [SackPermitted::No, SackPermitted::Yes] {
                    let cookie = key.encode(time, &handshake, &options(mss, scale, sack));
                    let decoded = key.decode(time, &handshake, cookie);
                    assert_eq!(decoded, Some(options(Some(kept), scale, sack)), "step {step}");
                }
            }
        }
    }
}

#[test]
fn a_cookie_is_good_in_its_period_and_the_next_and_for_nobody_else() {
    let key = Secrets::new([1; 32]).cookie_key();
    let handshake = Handshake { tuple: TUPLE, irs: SeqNum::from_wire(7) };
    let offered = options(Some(1_460), Some(7), SackPermitted::Yes);
    let at = |secs| CookieTime::at(Instant::ORIGIN + Span::from_secs(secs));
    let cookie = key.encode(at(63), &handshake, &offered);
    let good = |secs| key.decode(at(secs), &handshake, cookie).is_some();
    assert_eq!([0, 63, 64, 127, 128, 10_000].map(good), [true, true, true, true, false, false]);

    let other_key = Secrets::new([2; 32]).cookie_key();
    assert_eq!(other_key.decode(at(63), &handshake, cookie), None);
    for wrong in [cookie + (1 << 8), cookie - (1 << 8), cookie + (1 << 31)] {
        assert_eq!(key.decode(at(63), &handshake, wrong), None);
    }
    let irs = handshake.irs + 1;
    assert_eq!(key.decode(at(63), &Handshake { irs, ..handshake }, cookie), None);
    let mut tuple = TUPLE;
    tuple.remote.set_port(1);
    assert_eq!(key.decode(at(63), &Handshake { tuple, ..handshake }, cookie), None);
}

#[test]
fn few_of_a_million_guesses_are_right() {
    let key = Secrets::new([3; 32]).cookie_key();
    let handshake = Handshake { tuple: TUPLE, irs: SeqNum::from_wire(7) };
    let time = CookieTime::at(Instant::ORIGIN + Span::from_secs(1_000));
    let guess = |n: u32| SeqNum::from_wire(n.wrapping_mul(0x9e37_79b9));
    let right = (0..1 << 20).filter(|&n| key.decode(time, &handshake, guess(n)).is_some()).count();
    // One in 2^23 is right, so none is expected in 2^20.
    assert!(right <= 2, "{right}");
}

/// A server that answers everything with cookies.
fn host() -> Host {
    Host::with(|config| config.tcp.syn_cookies = SynCookies::Always)
}

/// The peer's SYN and the cookie that answers it; the peer is then about to send the last ACK.
fn cookie(host: &mut Host, peer: &mut Peer) -> SynOptions {
    host.receive(peer.flagged(Flags::SYN));
    let (syn_ack, _) = host.segments().pop().expect("a SYN-ACK");
    assert_eq!(syn_ack.ack, Some(peer.seq + 1));
    peer.seq += 1;
    peer.ack = syn_ack.seq + 1;
    if let (Some(mine), Some(theirs)) = (&mut peer.timestamps, syn_ack.timestamps()) {
        mine.echo = theirs.value;
    }
    let Options::Syn(options) = syn_ack.options else { panic!("options of a SYN") };
    options
}

/// The flags of everything that is sent now.
fn answers(host: &mut Host) -> Vec<Flags> {
    host.segments().iter().map(|(segment, _)| segment.flags).collect()
}

#[test]
fn a_syn_that_gets_a_cookie_leaves_nothing_behind() {
    let mut host = host();
    let before = host.engine.held();
    let offered = cookie(&mut host, &mut Peer::new());
    assert_eq!(offered.sack_permitted, SackPermitted::Yes);
    assert!(offered.window_scale.is_some());
    let after = host.engine.held();
    // But for the queue that the SYN-ACK waited in.
    assert_eq!(crate::Held { replies: before.replies, ..after }, before);
    assert_eq!(host.engine.poll_timeout(), None);
    assert_eq!(host.engine.counters().syn_cookies_sent, 1);
    host.assert_baseline();
}

#[test]
fn the_answer_to_a_cookie_makes_a_connection_with_what_was_negotiated() {
    for timestamps in [None, Some(Timestamps { value: u32::MAX, echo: 0 })] {
        for scale in [None, Some(9)] {
            let mut host = host();
            let mut peer = Peer { timestamps, ..Peer::new() };
            peer.syn.window_scale = scale.and_then(WindowScale::new);
            let offered = cookie(&mut host, &mut peer);
            assert_eq!(offered.timestamps.is_some(), timestamps.is_some());
            host.now += Span::from_millis(30);
            peer.window = 1_000;
            host.receive(peer.frame(&[]));
            let id = host.only();
            let info = host.engine.info(host.now, id).expect("it lives");
            assert_eq!(info.state, TcpState::Established);
            assert_eq!(info.send_window_bytes, 1_000 << scale.unwrap_or(0));
            assert_eq!(info.mss_bytes, if timestamps.is_some() { 1_448 } else { 1_460 });
            // Only timestamps tell when the cookie was sent.
            let srtt = timestamps.map(|_| Span::from_millis(30));
            assert_eq!(info.srtt, srtt);
            if let Some(mine) = &mut peer.timestamps {
                mine.value = mine.value.wrapping_add(30);
            }
            peer.send(&mut host, b"hello");
            assert_eq!(host.read(id), b"hello");
            host.engine.send(host.now, id, b"world".to_vec()).expect("there is room");
            let (answer, payload) = host.segments().pop().expect("data");
            assert_eq!((payload.as_slice(), answer.seq), (&b"world"[..], peer.ack));
            assert_eq!(answer.timestamps().map(|t| t.echo), peer.timestamps.map(|t| t.value));
            assert_eq!(host.engine.counters().syn_cookies_accepted, 1);
        }
    }
}

#[test]
fn data_and_fin_may_come_with_the_answer() {
    let mut host = host();
    let mut peer = Peer::new();
    cookie(&mut host, &mut peer);
    peer.flags = Flags::ACK | Flags::FIN;
    host.receive(peer.frame(b"hello"));
    host.assert_accepted_with(b"hello");
}

#[test]
fn what_answers_no_cookie_gets_a_reset_and_is_counted() {
    /// What a test does to the peer's last ACK.
    type Change = fn(&mut Host, &mut Peer);
    let cases: [(&str, Change); 5] = [
        ("another acknowledgment", |_, peer| peer.ack += 1 << 8),
        ("another number", |_, peer| peer.seq += 1),
        ("another port", |_, peer| peer.tuple.local.set_port(1)),
        ("too late", |host, _| host.now += Span::from_secs(127)),
        ("much too late", |host, _| host.now += Span::from_secs(1_000)),
    ];
    for (name, change) in cases {
        let mut host = host();
        let mut peer = Peer::new();
        // Not far into a period: the time is 1 s.
        cookie(&mut host, &mut peer);
        change(&mut host, &mut peer);
        let ack = peer.ack;
        host.receive(peer.frame(b"hello"));
        let (reset, _) = host.segments().pop().expect("a RST");
        assert_eq!((reset.flags, reset.seq), (Flags::RST, ack), "{name}");
        // So long after the last cookie nobody looks at it as an answer.
        let looked_at = u64::from(name != "much too late");
        let counters = host.engine.counters();
        assert_eq!(counters.syn_cookies_failed, looked_at, "{name}");
        assert_eq!(counters.drops(DropReason::BadCookie), looked_at, "{name}");
        assert_eq!(counters.drops(DropReason::NoListener), 1 - looked_at, "{name}");
        host.assert_baseline();
    }
}

#[test]
fn a_cookie_that_was_not_sent_lately_is_not_looked_at() {
    // The same secret made it, and it is right; but this engine was never short of room.
    let mut overflowed = host();
    let mut peer = Peer::new();
    cookie(&mut overflowed, &mut peer);
    let mut quiet = Host::new();
    quiet.receive(peer.frame(&[]));
    assert_eq!(answers(&mut quiet), [Flags::RST]);
    assert_eq!(quiet.engine.counters().drops(DropReason::NoListener), 1);

    let sent_at = overflowed.engine.cookies_sent_at().expect("one was sent");
    quiet.engine.expect_cookies(sent_at);
    quiet.receive(peer.frame(b"hello"));
    assert_eq!(quiet.state(), TcpState::Established);
    let id = quiet.only();
    assert_eq!(quiet.read(id), b"hello");
}

#[test]
fn another_secret_does_not_accept_it() {
    let mut one = host();
    let mut peer = Peer::new();
    cookie(&mut one, &mut peer);
    let mut other = Host::with(|config| config.seed = [8; 32]);
    other.engine.expect_cookies(other.now);
    other.receive(peer.frame(&[]));
    assert_eq!(answers(&mut other), [Flags::RST]);
    assert_eq!(other.engine.counters().syn_cookies_failed, 1);
}

#[test]
fn only_syns_beyond_the_limit_get_a_cookie() {
    let mut host = Host::new();
    let peers = (0..10).map(|port| {
        let mut peer = Peer::new();
        peer.tuple.local.set_port(30_000 + port);
        peer
    });
    let mut peers: Vec<Peer> = peers.collect();
    for peer in &mut peers {
        cookie(&mut host, peer);
    }
    assert_eq!(host.engine.held().half_open.count, 4);
    assert_eq!(host.engine.counters().syn_cookies_sent, 6);
    assert_eq!(host.engine.counters().drops(DropReason::HalfOpenFull), 0);
    for peer in &mut peers {
        peer.send(&mut host, b"hello");
    }
    let accepted = host.engine.counters().syn_cookies_accepted;
    assert_eq!((host.engine.connections().count(), accepted), (10, 6));
}

#[test]
fn an_answer_beyond_the_limit_of_connections_waits_for_room() {
    let mut host = Host::with(|config| {
        config.tcp.syn_cookies = SynCookies::Always;
        config.limits.connections_max = 1;
    });
    let mut first = Peer::new();
    let mut second = Peer::new();
    second.tuple.local.set_port(40_001);
    cookie(&mut host, &mut first);
    cookie(&mut host, &mut second);
    host.receive(first.frame(&[]));
    let id = host.only();
    host.receive(second.frame(b"hello"));
    assert_eq!(answers(&mut host), [], "it is asked again when there is room");
    assert_eq!(host.engine.counters().drops(DropReason::ConnectionsFull), 1);
    host.engine.abort(host.now, id);
    host.take_events();
    host.receive(second.frame(b"hello"));
    assert_eq!(host.read(host.only()), b"hello");
}

#[test]
fn a_listener_that_is_gone_accepts_no_cookie() {
    let mut host = host();
    let mut peer = Peer::new();
    cookie(&mut host, &mut peer);
    let listener = host.listener;
    host.engine.unlisten(listener);
    host.receive(peer.frame(&[]));
    assert_eq!(answers(&mut host), [Flags::RST]);
}
