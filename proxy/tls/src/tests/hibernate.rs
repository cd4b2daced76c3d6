//! A session put to rest and woken.

use super::{Pair, TestReceived, full_buffer};
use crate::record::header::ContentType;
use crate::version::Role;
use crate::{HEADER_ROOM, Hibernated};

#[test]
fn a_woken_session_goes_on_where_it_was() {
    for mut pair in Pair::all(Role::Server) {
        let mut buffer = full_buffer();
        pair.accept(ContentType::APPLICATION_DATA, b"before");
        let record = pair.session.seal(&mut buffer, HEADER_ROOM..HEADER_ROOM + 2).expect("sealed");
        pair.peer_open(&buffer[record]);
        let before = pair.session.sequences();

        let asleep = Hibernated::from_session(pair.session).expect("nothing is under way");
        pair.session = asleep.wake().expect("awake");
        assert_eq!(pair.session.sequences(), before);
        pair.accept(ContentType::APPLICATION_DATA, b"after");
        let record = pair.session.seal(&mut buffer, HEADER_ROOM..HEADER_ROOM + 2).expect("sealed");
        pair.peer_open(&buffer[record]);
    }
}

#[test]
fn a_session_with_something_under_way_stays_awake() {
    let mut pair = Pair::tls13();
    let record = pair.record(ContentType::APPLICATION_DATA, b"data");
    let (first, second) = record.split_at(3);
    let _: TestReceived = pair.receive(first).expect("a part");
    pair.session = *Hibernated::from_session(pair.session).expect_err("part of a record");
    let _: TestReceived = pair.receive(second).expect("nothing was lost");

    let mut pair = Pair::tls13();
    pair.accept(ContentType::HANDSHAKE, &[24, 0, 0, 1, 1]);
    Hibernated::from_session(pair.session).expect_err("an answer is due");
}

#[test]
fn closed_directions_stay_closed() {
    let mut pair = Pair::tls12();
    pair.session.close_notify(&mut Vec::new()).expect("open until now");
    let asleep = Hibernated::from_session(pair.session).expect("nothing is under way");
    let woken = asleep.wake::<Vec<u8>>().expect("awake");
    assert!(woken.write_closed() && !woken.read_closed());
}
