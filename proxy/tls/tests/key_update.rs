//! KeyUpdate with rustls at the other end, from either side.

mod common;

use std::io::{Read, Write};

use common::{Parameters, drain, feed, open, seal, server_pair, shared_identity};
use rustls::{CipherSuite, Connection};
use weir_tls::{KeyUpdateRequest, SealError, Session};

fn pairs() -> impl Iterator<Item = (Session<Vec<u8>>, Connection)> {
    [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ]
    .into_iter()
    .map(|suite| {
        let parameters = Parameters { suite: Some(suite), ..Parameters::TLS13 };
        server_pair(parameters, shared_identity())
    })
}

/// Data in both directions.
fn exchange(session: &mut Session<Vec<u8>>, peer: &mut Connection) {
    peer.writer().write_all(b"up").expect("buffered");
    assert_eq!(open(session, &drain(peer), 3), b"up");
    feed(peer, &seal(session, b"down")).expect("rustls opens our record");
    let mut data = [0; 4];
    peer.reader().read_exact(&mut data).expect("the data");
    assert_eq!(&data, b"down");
}

/// The control records of ours, given to rustls.
fn send_control(session: &mut Session<Vec<u8>>, peer: &mut Connection) {
    let mut out = Vec::new();
    session.seal_control(&mut out).expect("sealed");
    assert!(!out.is_empty());
    feed(peer, &out).expect("rustls takes our KeyUpdate");
}

#[test]
fn rustls_updates_and_we_answer() {
    for (mut session, mut peer) in pairs() {
        for _ in 0..3 {
            exchange(&mut session, &mut peer);
            peer.refresh_traffic_keys().expect("TLS 1.3");
            assert_eq!(open(&mut session, &drain(&mut peer), usize::MAX), b"");
            assert!(session.control_pending());
            let (mut buffer, payload) = common::record_buffer(b"too early");
            assert_eq!(session.seal(&mut buffer, payload), Err(SealError::ControlFirst));
            send_control(&mut session, &mut peer);
            assert_eq!(session.sequences().tx, 0, "under the next key");
        }
        exchange(&mut session, &mut peer);
    }
}

#[test]
fn we_update_and_rustls_follows() {
    for (mut session, mut peer) in pairs() {
        for request in [KeyUpdateRequest::NotRequested, KeyUpdateRequest::Requested] {
            session.update_keys(request);
            send_control(&mut session, &mut peer);
            exchange(&mut session, &mut peer);
            exchange(&mut session, &mut peer);
        }
    }
}

#[test]
fn both_update_at_once() {
    for (mut session, mut peer) in pairs() {
        session.update_keys(KeyUpdateRequest::Requested);
        peer.refresh_traffic_keys().expect("TLS 1.3");
        let theirs = drain(&mut peer);
        send_control(&mut session, &mut peer);
        assert_eq!(open(&mut session, &theirs, 4), b"");
        send_control(&mut session, &mut peer);
        assert_eq!(open(&mut session, &drain(&mut peer), 4), b"");
        exchange(&mut session, &mut peer);
    }
}

#[test]
fn a_woken_session_updates_like_any_other() {
    for (session, mut peer) in pairs() {
        let asleep = weir_tls::Hibernated::from_session(session).expect("idle");
        let mut session = asleep.wake().expect("awake");
        session.update_keys(KeyUpdateRequest::Requested);
        send_control(&mut session, &mut peer);
        exchange(&mut session, &mut peer);
    }
}
