//! Data through our record layer with rustls at the other end.

mod common;

use std::io::{Read, Write};

use common::{
    Parameters, drain, feed, full_buffer, open, record_buffer, seal, server_pair, shared_identity,
};
use proptest::prelude::*;
use rustls::Connection;
use weir_tls::{PLAINTEXT_MAX, PeerError, Received, Session};

const VERSIONS: [Parameters; 2] = [Parameters::TLS13, Parameters::TLS12];

/// `length` bytes that differ.
fn pattern(length: usize) -> Vec<u8> {
    (0_u32..)
        .map(|at| {
            let [_, _, high, low] = at.to_be_bytes();
            high.wrapping_mul(31) ^ low
        })
        .take(length)
        .collect()
}

/// What rustls sends for `data`.
fn sent(peer: &mut Connection, data: &[u8]) -> Vec<u8> {
    peer.writer().write_all(data).expect("buffered");
    drain(peer)
}

/// What rustls has received.
fn received(peer: &mut Connection, length: usize) -> Vec<u8> {
    let mut data = vec![0; length];
    peer.reader().read_exact(&mut data).expect("the data");
    data
}

#[test]
fn records_split_at_every_byte_open() {
    let data = pattern(600);
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        let first = sent(&mut peer, &data);
        assert_eq!(open(&mut session, &first, 1), data);
        for cut in 1..first.len() {
            let bytes = sent(&mut peer, &data);
            let (head, tail) = bytes.split_at(cut);
            let mut plain = open(&mut session, head, usize::MAX);
            plain.extend(open(&mut session, tail, usize::MAX));
            assert_eq!(plain, data, "cut at {cut}");
        }
    }
}

#[test]
fn full_records_in_payloads_of_any_size_open() {
    let data = pattern(5 * PLAINTEXT_MAX + 77);
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        peer.set_buffer_limit(None);
        for chunk_len in [1, 1448, 4096, 9000, 20_000, usize::MAX] {
            let bytes = sent(&mut peer, &data);
            assert!(open(&mut session, &bytes, chunk_len) == data, "payloads of {chunk_len}");
        }
    }
}

#[test]
fn many_tiny_records_in_one_payload_become_one_range() {
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        let data = pattern(300);
        let payload: Vec<u8> = data.iter().flat_map(|byte| sent(&mut peer, &[*byte])).collect();
        let received = session
            .receive(payload, &mut || -> Option<Vec<u8>> { panic!("no record spans payloads") })
            .expect("good records");
        assert_eq!(received.records, 300);
        let (payload, range) = received.in_place.expect("data");
        assert_eq!(payload[range], data);
    }
}

#[test]
fn sealed_records_of_all_sizes_are_read_by_rustls() {
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        for length in [1, 2, 15, 16, 17, 1400, 4096, PLAINTEXT_MAX - 1, PLAINTEXT_MAX] {
            let data = pattern(length);
            let record = seal(&mut session, &data);
            assert_eq!(record.len(), length + session.record_overhead());
            feed(&mut peer, &record).expect("rustls opens our record");
            assert!(received(&mut peer, length) == data, "{length} bytes");
        }
    }
}

#[test]
fn what_one_side_received_can_be_sealed_again_in_the_same_buffer() {
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        let bytes = sent(&mut peer, b"there and back");
        let (first, second) = bytes.split_at(8);
        let mut take = |part: &[u8]| -> Received<Vec<u8>, Vec<u8>> {
            session.receive(part.to_vec(), &mut || Some(full_buffer())).expect("good")
        };
        assert!(take(first).gathered.is_none());
        let (mut buffer, range) = take(second).gathered.expect("gathered");
        let record = session.seal(&mut buffer, range).expect("there is room around it");
        feed(&mut peer, &buffer[record]).expect("rustls opens our record");
        assert_eq!(received(&mut peer, 14), b"there and back");
    }
}

#[test]
fn close_notify_goes_both_ways() {
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        peer.writer().write_all(b"a request").expect("buffered");
        peer.send_close_notify();
        let bytes = drain(&mut peer);
        let received = session.receive(bytes, &mut || Some(full_buffer())).expect("good");
        assert!(received.closed && received.in_place.is_some());

        // The answer still goes out, and then our own end.
        feed(&mut peer, &seal(&mut session, b"an answer")).expect("rustls opens our record");
        let mut out = Vec::new();
        session.close_notify(&mut out).expect("open until now");
        feed(&mut peer, &out).expect("a close_notify");
        let mut answer = Vec::new();
        peer.reader().read_to_end(&mut answer).expect("a clean end");
        assert_eq!(answer, b"an answer");
    }
}

#[test]
fn an_alert_of_ours_reaches_rustls() {
    for parameters in VERSIONS {
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        let mut bytes = sent(&mut peer, b"data");
        *bytes.last_mut().expect("a tag") ^= 1;
        let error = session.receive(bytes, &mut || Some(full_buffer())).expect_err("a forgery");
        assert_eq!(error, PeerError::BadRecordMac.into());
        let mut out = Vec::new();
        session.alert(error.alert().expect("one is owed"), &mut out).expect("sealed");
        let seen = feed(&mut peer, &out).expect_err("an alert");
        assert_eq!(seen, rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_data_in_any_cut_comes_through(
        writes in proptest::collection::vec(1_usize..40_000, 1..6),
        cuts in proptest::collection::vec(1_usize..5_000, 1..40),
        tls13 in any::<bool>(),
    ) {
        let parameters = if tls13 { Parameters::TLS13 } else { Parameters::TLS12 };
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        peer.set_buffer_limit(None);
        let mut data = Vec::new();
        let mut bytes = Vec::new();
        for length in writes {
            let part = pattern(length);
            bytes.extend(sent(&mut peer, &part));
            data.extend(part);
        }
        let mut plain = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, more) = rest.split_at(cut.min(rest.len()));
            plain.extend(open(&mut session, part, usize::MAX));
            rest = more;
        }
        prop_assert!(plain == data);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        plausible in any::<bool>(),
        chunk_len in 1_usize..100,
        tls13 in any::<bool>(),
    ) {
        let parameters = if tls13 { Parameters::TLS13 } else { Parameters::TLS12 };
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        let mut stream = sent(&mut peer, b"a good record");
        if plausible {
            stream.extend([23, 3, 3]);
        }
        stream.extend(bytes);
        receive_all(&mut session, &stream, chunk_len);
    }

    #[test]
    fn mutated_records_never_yield_other_data(
        mutation in (any::<prop::sample::Index>(), 1_u8..),
        chunk_len in 1_usize..100,
        tls13 in any::<bool>(),
    ) {
        let parameters = if tls13 { Parameters::TLS13 } else { Parameters::TLS12 };
        let (mut session, mut peer) = server_pair(parameters, shared_identity());
        let parts = [b"one".as_slice(), b"two", b"three"];
        let mut stream: Vec<u8> = parts.iter().flat_map(|part| sent(&mut peer, part)).collect();
        let (at, change) = mutation;
        let at = at.index(stream.len());
        stream[at] ^= change;
        let plain = receive_all(&mut session, &stream, chunk_len);
        prop_assert!(b"onetwo".starts_with(&plain), "{plain:?}");
    }
}

/// The plaintext up to the first error.
fn receive_all(session: &mut Session<Vec<u8>>, bytes: &[u8], chunk_len: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    for chunk in bytes.chunks(chunk_len) {
        let Ok(received) = session.receive(chunk.to_vec(), &mut || Some(full_buffer())) else {
            break;
        };
        if let Some((buffer, range)) = received.gathered {
            plain.extend_from_slice(&buffer[range]);
        }
        if let Some((payload, range)) = received.in_place {
            plain.extend_from_slice(&payload[range]);
        }
    }
    plain
}

#[test]
fn the_client_role_seals_and_opens_as_well() {
    for parameters in VERSIONS {
        let identity = shared_identity();
        let mut peer = common::rustls_server(parameters.server(identity));
        let config = common::prepared_client(parameters.client(identity));
        let mut ours = weir_tls::Handshake::client(config, common::name()).expect("a handshake");
        let mut done = common::handshake(&mut ours, &mut peer, 1000).expect("a connection");
        let leftover = std::mem::take(&mut done.leftover);
        assert_eq!(open(&mut done.session, &leftover, 1000), b"");
        let data = pattern(PLAINTEXT_MAX);
        let (mut buffer, payload) = record_buffer(&data);
        let record = done.session.seal(&mut buffer, payload).expect("sealed");
        feed(&mut peer, &buffer[record]).expect("rustls opens our record");
        assert!(received(&mut peer, data.len()) == data);
        assert!(open(&mut done.session, &sent(&mut peer, &data), 1448) == data);
    }
}
