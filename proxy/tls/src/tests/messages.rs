//! Handshake messages put together again.

use proptest::prelude::*;

use crate::PeerError;
use crate::key_update::KeyUpdateRequest;
use crate::post_handshake::{MessageReader, PostHandshake};
use crate::version::{Role, Version};

fn read_all(reader: &mut MessageReader, parts: &[&[u8]]) -> Result<Vec<PostHandshake>, PeerError> {
    let mut messages = Vec::new();
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            messages.extend(reader.next(&mut rest)?);
        }
    }
    Ok(messages)
}

#[test]
fn two_messages_come_out_of_any_cut() {
    let bytes = [4, 0, 0, 3, b'a', b'b', b'c', 24, 0, 0, 1, 1];
    for cut in 0..bytes.len() {
        let mut reader = MessageReader::new(Version::Tls13, Role::Client);
        let (first, second) = bytes.split_at(cut);
        let messages = read_all(&mut reader, &[first, second]).expect("valid");
        let expected = [
            PostHandshake::Ticket(b"abc".to_vec()),
            PostHandshake::KeyUpdate(KeyUpdateRequest::Requested),
        ];
        assert_eq!(messages, expected);
        assert!(!reader.is_partial());
    }
}

#[test]
fn a_server_holds_no_body_of_a_refused_hello() {
    let mut reader = MessageReader::new(Version::Tls12, Role::Server);
    let mut hello: &[u8] = &[&[1, 0, 0x40, 0], [7_u8; 1000].as_slice()].concat();
    assert_eq!(reader.next(&mut hello), Ok(None));
    assert!(reader.is_partial());
    assert_eq!(reader.held_bytes(), 0);
}

#[test]
fn a_message_beyond_the_limit_is_refused_by_its_header() {
    let mut reader = MessageReader::new(Version::Tls13, Role::Client);
    let mut header: &[u8] = &[4, 1, 0, 0];
    assert_eq!(reader.next(&mut header), Err(PeerError::Malformed));
}

proptest! {
    #[test]
    fn the_reader_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for version in [Version::Tls12, Version::Tls13] {
            for role in [Role::Server, Role::Client] {
                let mut reader = MessageReader::new(version, role);
                let mut rest = bytes.as_slice();
                while !rest.is_empty() && reader.next(&mut rest).is_ok() {}
            }
        }
    }
}
