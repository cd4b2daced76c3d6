//! The confidentiality limit of a key.

use super::{Pair, full_buffer};
use crate::record::header::ContentType;
use crate::secrets::Aead;
use crate::version::{Role, Version};
use crate::{HEADER_ROOM, SealError};

#[test]
fn a_key_of_tls13_is_updated_before_its_limit() {
    for aead in [Aead::Aes128Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305] {
        let mut pair = Pair::new(Version::Tls13, Role::Server, aead);
        let limit = aead.confidentiality_limit();
        pair.session.skip_tx_to(limit - 1);
        pair.peer_rx.skip_to(limit - 1);
        let mut buffer = full_buffer();
        let payload = HEADER_ROOM..HEADER_ROOM + 4;
        assert_eq!(pair.session.seal(&mut buffer, payload.clone()), Err(SealError::ControlFirst));
        let mut out = Vec::new();
        pair.session.seal_control(&mut out).expect("the last record of the key");
        assert_eq!(pair.peer_open(&out), (ContentType::HANDSHAKE, vec![24, 0, 0, 1, 0]));
        pair.peer_rx.update().expect("the peer follows");
        let record = pair.session.seal(&mut buffer, payload).expect("under the new key");
        pair.peer_open(&buffer[record]);
        assert_eq!(pair.session.sequences().tx, 1);
    }
}

#[test]
fn a_key_of_tls12_ends_with_its_limit_but_can_say_so() {
    let mut pair = Pair::tls12();
    let limit = Aead::Aes128Gcm.confidentiality_limit();
    pair.session.skip_tx_to(limit - 1);
    pair.peer_rx.skip_to(limit - 1);
    let mut buffer = full_buffer();
    let payload = HEADER_ROOM..HEADER_ROOM + 4;
    assert_eq!(pair.session.seal(&mut buffer, payload.clone()), Err(SealError::KeyExhausted));
    let mut out = Vec::new();
    pair.session.close_notify(&mut out).expect("in the reserve");
    assert_eq!(pair.peer_open(&out), (ContentType::ALERT, vec![1, 0]));
    assert_eq!(pair.session.seal(&mut buffer, payload), Err(SealError::Closed));
}

#[test]
fn no_key_seals_beyond_its_limit() {
    for mut pair in Pair::all(Role::Server) {
        let aead = pair.peer_tx.aead();
        pair.peer_tx.skip_to(aead.confidentiality_limit());
        let mut buffer = full_buffer();
        let sealed = pair.peer_tx.seal(ContentType::APPLICATION_DATA, &mut buffer, 13..14);
        assert_eq!(sealed, Err(SealError::KeyExhausted));
    }
}
