//! Caps on what costs us and carries nothing.

use super::{Pair, TestReceived};
use crate::limits::{
    BYTES_PER_KEY_UPDATE, EMPTY_RECORDS, KEY_UPDATES, RENEGOTIATIONS, TICKETS, TINY_LEN,
    TINY_RECORDS, WARNINGS,
};
use crate::record::header::ContentType;
use crate::version::{Role, Version};
use crate::{PeerError, Reason, SessionError};

const KEY_UPDATE: &[u8] = &[24, 0, 0, 1, 0];

fn key_update(pair: &mut Pair) -> Result<(), SessionError> {
    let _: TestReceived = pair.take(ContentType::HANDSHAKE, KEY_UPDATE)?;
    pair.peer_tx.update().expect("the peer updates");
    Ok(())
}

fn assert_flood(result: Result<(), SessionError>, expected: PeerError) {
    let error = result.expect_err("the cap");
    assert_eq!(error, expected.into());
    assert_eq!(error.reason(), Reason::Flood);
}

#[test]
fn key_updates_without_data_are_capped() {
    let mut pair = Pair::tls13();
    for _ in 0..KEY_UPDATES {
        key_update(&mut pair).expect("below the cap");
    }
    assert_flood(key_update(&mut pair), PeerError::TooManyKeyUpdates);
}

#[test]
fn data_pays_for_key_updates() {
    let mut pair = Pair::tls13();
    for _ in 0..KEY_UPDATES * 2 {
        key_update(&mut pair).expect("paid for");
        for _ in 0..BYTES_PER_KEY_UPDATE.div_ceil(16_000) {
            pair.accept(ContentType::APPLICATION_DATA, &[0; 16_000]);
        }
    }
}

#[test]
fn a_refilled_allowance_is_full() {
    let mut pair = Pair::tls13();
    for _ in 0..KEY_UPDATES {
        key_update(&mut pair).expect("below the cap");
    }
    pair.session.refill_allowance();
    key_update(&mut pair).expect("hours later");
}

#[test]
fn empty_records_in_a_row_are_capped() {
    for mut pair in Pair::all(Role::Server) {
        for _ in 0..3 {
            for _ in 0..EMPTY_RECORDS {
                pair.accept(ContentType::APPLICATION_DATA, b"");
            }
            pair.accept(ContentType::APPLICATION_DATA, b"x");
        }
        for _ in 0..EMPTY_RECORDS {
            pair.accept(ContentType::APPLICATION_DATA, b"");
        }
        let result = pair.take(ContentType::APPLICATION_DATA, b"").map(|_| ());
        assert_flood(result, PeerError::TooManyEmptyRecords);
    }
}

#[test]
fn tiny_records_are_capped() {
    let mut pair = Pair::tls13();
    pair.accept(ContentType::APPLICATION_DATA, &[0; TINY_LEN + 1]);
    for _ in 0..TINY_RECORDS {
        pair.accept(ContentType::APPLICATION_DATA, &[0; TINY_LEN]);
    }
    let result = pair.take(ContentType::APPLICATION_DATA, b"x").map(|_| ());
    assert_flood(result, PeerError::TooManyTinyRecords);
}

#[test]
fn warnings_are_capped() {
    for (version, code) in [(Version::Tls12, 100), (Version::Tls13, 90)] {
        let mut pair = Pair::new(version, Role::Server, crate::secrets::Aead::Aes128Gcm);
        for _ in 0..WARNINGS {
            pair.accept(ContentType::ALERT, &[1, code]);
        }
        let result = pair.take(ContentType::ALERT, &[1, code]).map(|_| ());
        assert_flood(result, PeerError::TooManyWarnings);
    }
}

#[test]
fn renegotiation_is_capped() {
    let mut pair = Pair::tls12();
    for _ in 0..RENEGOTIATIONS {
        pair.accept(ContentType::HANDSHAKE, &[1, 0, 0, 1, 0]);
    }
    let result = pair.take(ContentType::HANDSHAKE, &[1, 0, 0, 1, 0]).map(|_| ());
    assert_flood(result, PeerError::TooManyRenegotiations);
}

#[test]
fn tickets_beyond_the_cap_are_dropped_without_a_fault() {
    let aead = crate::secrets::Aead::Aes128Gcm;
    let mut pair = Pair::new(Version::Tls13, Role::Client, aead);
    for _ in 0..TICKETS * 2 {
        pair.accept(ContentType::HANDSHAKE, &[4, 0, 0, 1, 0]);
    }
    pair.accept(ContentType::APPLICATION_DATA, b"it goes on");
}
