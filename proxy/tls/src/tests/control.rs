//! Alerts, close_notify, KeyUpdate, renegotiation.

use super::{Pair, full_buffer};
use crate::record::header::ContentType;
use crate::version::Role;
use crate::{Alert, HEADER_ROOM, KeyUpdateRequest, PeerError, SealError};

const KEY_UPDATE_REQUESTED: &[u8] = &[24, 0, 0, 1, 1];
const KEY_UPDATE: &[u8] = &[24, 0, 0, 1, 0];
const HELLO_REQUEST: &[u8] = &[0, 0, 0, 0];

#[test]
fn close_notify_closes_one_direction_alone() {
    for mut pair in Pair::all(Role::Server) {
        let mut out = Vec::new();
        pair.session.close_notify(&mut out).expect("open until now");
        assert_eq!(pair.peer_open(&out), (ContentType::ALERT, vec![1, 0]));
        assert!(pair.session.write_closed() && !pair.session.read_closed());
        let mut buffer = full_buffer();
        assert_eq!(pair.session.seal(&mut buffer, 13..14), Err(SealError::Closed));
        assert_eq!(pair.session.close_notify(&mut out), Err(SealError::Closed));
        let received =
            pair.take(ContentType::APPLICATION_DATA, b"still coming").expect("its direction");
        assert!(received.in_place.is_some() && !received.closed);
    }
    for mut pair in Pair::all(Role::Client) {
        let mut bytes = pair.record(ContentType::APPLICATION_DATA, b"last words");
        bytes.extend(pair.record(ContentType::ALERT, &[1, 0]));
        bytes.extend(b"anything may follow");
        let received = pair.receive(&bytes).expect("closed");
        assert!(received.closed && received.in_place.is_some());
        let received = pair.receive(b"and this is ignored as well").expect("ignored");
        assert!(received.closed && received.in_place.is_none());
        let mut buffer = full_buffer();
        pair.session.seal(&mut buffer, 13..14).expect("our direction");
    }
}

#[test]
fn a_fatal_alert_ends_the_session_and_is_not_answered() {
    for mut pair in Pair::all(Role::Server) {
        let error = pair.take(ContentType::ALERT, &[2, 48]).expect_err("over");
        assert_eq!(error, PeerError::AlertReceived(Alert::UnknownCa).into());
        assert_eq!(error.alert(), None);
        assert_eq!(error.reason(), crate::Reason::PeerRejectedCertificate);
        let mut buffer = full_buffer();
        assert_eq!(pair.session.seal(&mut buffer, 13..14), Err(SealError::Closed));
    }
}

#[test]
fn warnings_are_fatal_in_tls13_except_user_canceled() {
    let mut pair = Pair::tls13();
    pair.accept(ContentType::ALERT, &[1, 90]);
    let error = pair.take(ContentType::ALERT, &[1, 100]).expect_err("a warning");
    assert_eq!(error, PeerError::AlertReceived(Alert::NoRenegotiation).into());
    let mut pair = Pair::tls12();
    pair.accept(ContentType::ALERT, &[1, 100]);
    let error = pair.take(ContentType::ALERT, &[3, 100]).expect_err("no level");
    assert_eq!(error, PeerError::IllegalParameter.into());
}

#[test]
fn an_alert_is_two_bytes() {
    for message in [b"".as_slice(), b"\x01", b"\x01\0\0"] {
        for mut pair in Pair::all(Role::Server) {
            let error = pair.take(ContentType::ALERT, message).expect_err("no alert");
            assert_eq!(error, PeerError::Malformed.into());
        }
    }
}

#[test]
fn our_fatal_alert_is_the_last_record() {
    let mut pair = Pair::tls13();
    let mut out = b"before".to_vec();
    pair.session.alert(Alert::BadRecordMac, &mut out).expect("sealed");
    let record = out.strip_prefix(b"before").expect("appended").to_vec();
    assert_eq!(pair.peer_open(&record), (ContentType::ALERT, vec![2, 20]));
    assert_eq!(pair.session.alert(Alert::InternalError, &mut out), Err(SealError::Closed));
}

#[test]
fn a_requested_key_update_is_answered_before_more_data() {
    let mut pair = Pair::tls13();
    let received = pair.take(ContentType::HANDSHAKE, KEY_UPDATE_REQUESTED).expect("valid");
    assert!(received.reply);
    pair.peer_tx.update().expect("the peer updates");
    pair.accept(ContentType::APPLICATION_DATA, b"under the new key");

    let mut buffer = full_buffer();
    let payload = HEADER_ROOM..HEADER_ROOM + 4;
    assert_eq!(pair.session.seal(&mut buffer, payload.clone()), Err(SealError::ControlFirst));
    let mut out = Vec::new();
    pair.session.seal_control(&mut out).expect("sealed");
    assert_eq!(pair.peer_open(&out), (ContentType::HANDSHAKE, KEY_UPDATE.to_vec()));
    pair.peer_rx.update().expect("the peer follows");
    let record = pair.session.seal(&mut buffer, payload).expect("sealed");
    assert_eq!(pair.peer_open(&buffer[record]).1, [0; 4]);
    assert!(!pair.session.control_pending());
}

#[test]
fn several_requests_before_an_answer_get_one() {
    let mut pair = Pair::tls13();
    for _ in 0..3 {
        pair.accept(ContentType::HANDSHAKE, KEY_UPDATE_REQUESTED);
        pair.peer_tx.update().expect("the peer updates");
    }
    let mut out = Vec::new();
    pair.session.seal_control(&mut out).expect("sealed");
    assert_eq!(pair.peer_open(&out).1, KEY_UPDATE);
}

#[test]
fn an_unrequested_key_update_changes_only_the_peers_keys() {
    let mut pair = Pair::tls13();
    let received = pair.take(ContentType::HANDSHAKE, KEY_UPDATE).expect("valid");
    assert!(!received.reply);
    let old = pair.record(ContentType::APPLICATION_DATA, b"under the old key");
    assert_eq!(pair.receive(&old).expect_err("old key"), PeerError::BadRecordMac.into());
}

#[test]
fn our_own_key_update_asks_for_one_when_told_to() {
    let mut pair = Pair::tls13();
    pair.session.update_keys(KeyUpdateRequest::Requested);
    // An answer that falls due at the same time does not weaken the request.
    pair.accept(ContentType::HANDSHAKE, KEY_UPDATE_REQUESTED);
    let mut out = Vec::new();
    pair.session.seal_control(&mut out).expect("sealed");
    assert_eq!(pair.peer_open(&out).1, KEY_UPDATE_REQUESTED);
    let mut pair = Pair::tls12();
    pair.session.update_keys(KeyUpdateRequest::Requested);
    assert!(!pair.session.control_pending(), "TLS 1.2 has no KeyUpdate");
}

#[test]
fn a_key_update_ends_its_record_and_has_one_byte_of_two_values() {
    let cases: [(&[u8], PeerError); 4] = [
        (&[24, 0, 0, 1, 0, 24, 0, 0, 1, 0], PeerError::MessageAcrossKeys),
        (&[24, 0, 0, 1, 2], PeerError::IllegalParameter),
        (&[24, 0, 0, 2, 0, 0], PeerError::Malformed),
        (&[24, 0, 0, 0], PeerError::Malformed),
    ];
    for (message, expected) in cases {
        let error = Pair::tls13().take(ContentType::HANDSHAKE, message).expect_err("wrong");
        assert_eq!(error, expected.into());
    }
}

#[test]
fn a_key_update_in_single_bytes_counts_and_nothing_may_come_between() {
    let mut pair = Pair::tls13();
    for byte in KEY_UPDATE_REQUESTED {
        pair.accept(ContentType::HANDSHAKE, &[*byte]);
    }
    assert!(pair.session.control_pending());

    let mut pair = Pair::tls13();
    pair.accept(ContentType::HANDSHAKE, &[24, 0]);
    let error = pair.take(ContentType::APPLICATION_DATA, b"data").expect_err("between");
    assert_eq!(error, PeerError::InterleavedMessage.into());
    let error = Pair::tls13().take(ContentType::HANDSHAKE, b"").expect_err("empty");
    assert_eq!(error, PeerError::UnexpectedRecord.into());
}

#[test]
fn renegotiation_is_refused_with_a_warning() {
    let mut pair = Pair::tls12();
    let hello = [[1, 0, 1, 0].as_slice(), &[0; 256]].concat();
    let (first, second) = hello.split_at(100);
    assert!(!pair.take(ContentType::HANDSHAKE, first).expect("a part").reply);
    assert!(pair.take(ContentType::HANDSHAKE, second).expect("the rest").reply);
    let mut out = Vec::new();
    pair.session.seal_control(&mut out).expect("sealed");
    assert_eq!(pair.peer_open(&out), (ContentType::ALERT, vec![1, 100]));
    pair.accept(ContentType::APPLICATION_DATA, b"it goes on");

    let aead = crate::secrets::Aead::ChaCha20Poly1305;
    let mut pair = Pair::new(crate::Version::Tls12, Role::Client, aead);
    assert!(pair.take(ContentType::HANDSHAKE, HELLO_REQUEST).expect("refused").reply);
}

#[test]
fn messages_that_do_not_belong_are_refused_by_their_first_byte() {
    for (role, foreign) in [(Role::Server, [1, 4, 11, 20]), (Role::Client, [0, 1, 13, 20])] {
        for first in foreign {
            let aead = crate::secrets::Aead::Aes256Gcm;
            let mut pair = Pair::new(crate::Version::Tls13, role, aead);
            let error = pair.take(ContentType::HANDSHAKE, &[first]).expect_err("foreign");
            assert_eq!(error, PeerError::UnexpectedMessage.into(), "{role:?} {first}");
        }
    }
    let error = Pair::tls12().take(ContentType::HANDSHAKE, KEY_UPDATE).expect_err("TLS 1.2");
    assert_eq!(error, PeerError::UnexpectedMessage.into());
}

#[test]
fn after_our_close_notify_no_answer_is_owed() {
    let mut pair = Pair::tls13();
    let mut out = Vec::new();
    pair.session.close_notify(&mut out).expect("open until now");
    let received = pair.take(ContentType::HANDSHAKE, KEY_UPDATE_REQUESTED).expect("valid");
    assert!(!received.reply);
    out.clear();
    pair.session.seal_control(&mut out).expect("nothing to do");
    assert!(out.is_empty());
}
