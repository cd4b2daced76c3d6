//! Records as such: layout, limits, what does not open.

use super::{Pair, TestReceived, full_buffer};
use crate::record::header::ContentType;
use crate::version::Role;
use crate::{HEADER_ROOM, PLAINTEXT_MAX, PeerError, ResourceError, SealError, SessionError};

/// All plaintext of one payload, in order.
fn plaintext(received: TestReceived) -> Vec<u8> {
    let mut plain = Vec::new();
    if let Some((buffer, range)) = received.gathered {
        plain.extend_from_slice(&buffer[range]);
    }
    if let Some((payload, range)) = received.in_place {
        plain.extend_from_slice(&payload[range]);
    }
    plain
}

#[test]
fn a_record_is_opened_where_it_lies_and_several_are_joined() {
    for mut pair in Pair::all(Role::Server) {
        let payload: Vec<u8> = [b"one ".as_slice(), b"", b"two ", b"three"]
            .into_iter()
            .flat_map(|part| pair.record(ContentType::APPLICATION_DATA, part))
            .collect();
        let received = pair.receive(&payload).expect("good records");
        assert_eq!(received.records, 4);
        assert!(received.gathered.is_none());
        let (payload, range) = received.in_place.expect("data");
        assert_eq!(&payload[range], b"one two three");
    }
}

#[test]
fn a_record_that_spans_payloads_is_gathered_for_every_cut() {
    for mut pair in Pair::all(Role::Server) {
        let length = pair.record(ContentType::APPLICATION_DATA, b"abcdefgh").len();
        let _: TestReceived = pair.receive(&[]).expect("nothing is no fault");
        pair.peer_tx.skip_to(0);
        for cut in 1..length {
            let record = pair.record(ContentType::APPLICATION_DATA, b"abcdefgh");
            let (first, second) = record.split_at(cut);
            let received = pair.receive(first).expect("a part");
            assert!(received.gathered.is_none() && received.in_place.is_none());
            assert!(pair.session.mid_record());
            let received = pair.receive(second).expect("the rest");
            assert!(!pair.session.mid_record());
            assert_eq!(received.records, 1);
            // A header cut off alone leaves the body whole in the second payload.
            assert_eq!(received.gathered.is_none(), cut <= 5, "cut at {cut}");
            if let Some((_, range)) = &received.gathered {
                assert_eq!(range.start, HEADER_ROOM, "room to seal it again");
            }
            assert_eq!(plaintext(received), b"abcdefgh");
        }
    }
}

#[test]
fn the_longest_record_fits_the_gather_buffer() {
    let data = vec![7; PLAINTEXT_MAX];
    for mut pair in Pair::all(Role::Server) {
        let record = pair.record(ContentType::APPLICATION_DATA, &data);
        let mut plain = Vec::new();
        for chunk in record.chunks(1460) {
            plain.extend(plaintext(pair.receive(chunk).expect("a part")));
        }
        assert_eq!(plain, data);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_body_is_bad_record_mac() {
    for pair in Pair::all(Role::Server) {
        let (version, mut pair) = (pair.session.version(), pair);
        let record = pair.record(ContentType::APPLICATION_DATA, b"data");
        for at in 5..record.len() {
            let mut fresh = fresh_like(&pair);
            let mut bad = record.clone();
            bad[at] ^= 1;
            let error = fresh.receive(&bad).expect_err("a forgery");
            assert_eq!(error, PeerError::BadRecordMac.into(), "{version} byte {at}");
            assert_eq!(error.alert(), Some(crate::Alert::BadRecordMac));
            let again = fresh.receive(&record).expect_err("it is over");
            assert_eq!(again, error);
        }
    }
}

/// A pair with the same keys, at the start.
fn fresh_like(pair: &Pair) -> Pair {
    let mut pairs = Pair::all(Role::Server);
    pairs
        .find(|other| {
            other.session.version() == pair.session.version()
                && other.peer_tx.aead() == pair.peer_tx.aead()
        })
        .expect("all versions and AEADs are there")
}

#[test]
fn a_replayed_or_reordered_record_is_bad_record_mac() {
    for mut pair in Pair::all(Role::Server) {
        let first = pair.record(ContentType::APPLICATION_DATA, b"first");
        let second = pair.record(ContentType::APPLICATION_DATA, b"second");
        let error = fresh_like(&pair).receive(&second).expect_err("out of order");
        assert_eq!(error, PeerError::BadRecordMac.into());
        let _: TestReceived = pair.receive(&first).expect("in order");
        assert_eq!(pair.receive(&first).expect_err("again"), PeerError::BadRecordMac.into());
    }
}

#[test]
fn a_record_too_short_for_its_tag_is_bad_record_mac() {
    for length in [0_u8, 1, 7, 8, 15, 16, 23] {
        for mut pair in Pair::all(Role::Server) {
            let mut record = vec![ContentType::APPLICATION_DATA.0, 3, 3, 0, length];
            record.resize(5 + usize::from(length), 0);
            let error = pair.receive(&record).expect_err("no record");
            assert_eq!(error, PeerError::BadRecordMac.into());
        }
    }
}

#[test]
fn a_header_beyond_the_limit_is_record_overflow_before_its_body_comes() {
    for mut pair in Pair::all(Role::Server) {
        let too_long = u16::try_from(pair.peer_tx.body_max() + 1).expect("far below 64 KiB");
        let [high, low] = too_long.to_be_bytes();
        let error = pair
            .receive(&[ContentType::APPLICATION_DATA.0, 3, 3, high, low])
            .expect_err("too long");
        assert_eq!(error, PeerError::RecordOverflow.into());
        assert_eq!(error.alert(), Some(crate::Alert::RecordOverflow));
    }
}

#[test]
fn padding_of_tls13_is_stripped_and_all_padding_is_refused() {
    let mut pair = Pair::tls13();
    // The type byte of zero is the last byte of the padding.
    let received = pair.take(ContentType(0), b"data\x17\0\0\0").expect("padded");
    assert_eq!(plaintext(received), b"data");
    let received = pair.take(ContentType(0), b"\x17\0").expect("padding alone");
    assert_eq!(plaintext(received), b"");
    let error = pair.take(ContentType(0), b"\0\0\0").expect_err("no type");
    assert_eq!(error, PeerError::NoContentType.into());
    assert_eq!(error.alert(), Some(crate::Alert::UnexpectedMessage));
}

#[test]
fn records_of_foreign_types_are_refused() {
    for inner in [0x14, 0x18, 0x19, 0xff] {
        let error = Pair::tls13().take(ContentType(inner), b"\x01").expect_err("foreign");
        assert_eq!(error, PeerError::UnexpectedRecord.into(), "inner type {inner}");
    }
    for outer in [0x14, 0x15, 0x16, 0x18] {
        let error = Pair::tls13().receive(&[outer, 3, 3, 0, 1, 1]).expect_err("not protected");
        assert_eq!(error, PeerError::UnexpectedRecord.into(), "outer type {outer}");
    }
    let error = Pair::tls12().receive(&[0x18, 3, 3, 0, 1]).expect_err("unknown");
    assert_eq!(error, PeerError::UnexpectedRecord.into());
    let error = Pair::tls12().take(ContentType(0x14), b"\x01").expect_err("change_cipher_spec");
    assert_eq!(error, PeerError::UnexpectedRecord.into());
    let error = Pair::tls12().receive(&[0x17, 3, 1, 0, 1]).expect_err("TLS 1.0");
    assert_eq!(error, PeerError::WrongVersion.into());
}

#[test]
fn without_a_record_buffer_the_session_ends() {
    let mut pair = Pair::tls13();
    let record = pair.record(ContentType::APPLICATION_DATA, b"data");
    let error = pair.session.receive(record[..10].to_vec(), &mut || None).expect_err("no buffer");
    assert_eq!(error, ResourceError::NoRecordBuffer.into());
    let mut pair = Pair::tls13();
    let error =
        pair.session.receive(record[..10].to_vec(), &mut || Some(vec![0; 30])).expect_err("short");
    assert_eq!(error, SessionError::Resource(ResourceError::RecordBufferTooShort));
}

#[test]
fn seal_wants_room_and_a_payload_of_at_most_16_kib() {
    for mut pair in Pair::all(Role::Server) {
        let session = &mut pair.session;
        let mut buffer = full_buffer();
        let full = HEADER_ROOM..HEADER_ROOM + PLAINTEXT_MAX;
        let record = session.seal(&mut buffer, full).expect("a full record");
        assert_eq!(record.len(), PLAINTEXT_MAX + session.record_overhead());
        let opened = pair.peer_open(&buffer[record]);
        assert_eq!(opened, (ContentType::APPLICATION_DATA, vec![0; PLAINTEXT_MAX]));

        let session = &mut pair.session;
        let mut long = vec![0; PLAINTEXT_MAX * 2];
        let refused = [
            (0..10, SealError::NoRoom),
            (PLAINTEXT_MAX..PLAINTEXT_MAX * 2, SealError::NoRoom),
            (13..PLAINTEXT_MAX + 14, SealError::TooLong),
            (PLAINTEXT_MAX * 3..PLAINTEXT_MAX * 3 + 1, SealError::NoRoom),
        ];
        for (payload, error) in refused {
            assert_eq!(session.seal(&mut long, payload), Err(error));
        }
    }
}

#[test]
fn every_record_has_a_nonce_of_its_own() {
    let mut pair = Pair::tls12();
    let mut nonces = Vec::new();
    for _ in 0..3 {
        let mut buffer = full_buffer();
        let record = pair.session.seal(&mut buffer, HEADER_ROOM..HEADER_ROOM + 1).expect("sealed");
        nonces.push(buffer[record][5..13].to_vec());
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}
