//! Full handshakes against rustls's own connections, in both roles.

mod common;

use std::io::{Read, Write};

use common::{
    Identity, KeyKind, Parameters, drain, feed, handshake, name, open, prepared_client,
    prepared_server, rustls_client, rustls_server, seal,
};
use rustls::{CipherSuite, Connection, NamedGroup};
use weir_tls::handshake::Resumption;
use weir_tls::{Established, Handshake, Version};

/// Data both ways through our record layer.
fn exchange(done: &mut Established<Vec<u8>>, peer: &mut Connection) {
    let down = b"from our record layer".repeat(40);
    let record = seal(&mut done.session, &down);
    feed(peer, &record).expect("rustls opens our record");
    let mut got = vec![0; down.len()];
    peer.reader().read_exact(&mut got).expect("the data");
    assert_eq!(got, down);

    let up = b"from rustls".repeat(4000);
    peer.writer().write_all(&up).expect("buffered");
    let leftover = std::mem::take(&mut done.leftover);
    let bytes = [leftover, drain(peer)].concat();
    assert_eq!(open(&mut done.session, &bytes, 1460), up);
}

const TLS13_SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
];
const TLS12_SUITES: [(CipherSuite, KeyKind); 6] = [
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, KeyKind::Ecdsa),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, KeyKind::Ecdsa),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, KeyKind::Ecdsa),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KeyKind::Rsa),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, KeyKind::Rsa),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, KeyKind::Rsa),
];
const GROUPS: [NamedGroup; 4] =
    [NamedGroup::X25519MLKEM768, NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1];

fn connects(parameters: Parameters, kind: KeyKind, version: Version) {
    let identity = Identity::new(kind);
    let mut peer = rustls_client(parameters.client(&identity));
    let config = prepared_server(parameters.server(&identity));
    let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
    let mut done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
    assert_eq!(done.version, version);
    assert_eq!(Some(done.cipher_suite), parameters.suite.or(Some(done.cipher_suite)));
    assert_eq!(done.group, parameters.group.or(done.group));
    assert_eq!(done.resumption, Resumption::Full);
    assert_eq!(done.server_name.as_deref(), Some(common::NAME));
    assert_eq!(done.alpn.as_deref(), Some(b"http/1.1".as_slice()));
    exchange(&mut done, &mut peer);

    let mut peer = rustls_server(parameters.server(&identity));
    let config = prepared_client(parameters.client(&identity));
    let mut ours = Handshake::client(config, name()).expect("a handshake");
    let mut done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
    assert_eq!(done.version, version);
    assert_eq!(done.peer_certificates, identity.chain);
    exchange(&mut done, &mut peer);
}

#[test]
fn every_suite_of_tls13_connects_with_every_group() {
    for suite in TLS13_SUITES {
        for group in GROUPS {
            let parameters =
                Parameters { suite: Some(suite), group: Some(group), ..Parameters::TLS13 };
            connects(parameters, KeyKind::Ecdsa, Version::Tls13);
        }
    }
}

#[test]
fn every_suite_of_tls12_connects_with_every_classical_group() {
    for (suite, kind) in TLS12_SUITES {
        for group in GROUPS.into_iter().skip(1) {
            let parameters =
                Parameters { suite: Some(suite), group: Some(group), ..Parameters::TLS12 };
            connects(parameters, kind, Version::Tls12);
        }
    }
}

#[test]
fn the_hybrid_group_is_preferred() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let mut peer = rustls_client(Parameters::TLS13.client(&identity));
    let config = prepared_server(Parameters::TLS13.server(&identity));
    let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
    let done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
    assert_eq!(done.group, Some(NamedGroup::X25519MLKEM768));
}

#[test]
fn handshakes_in_single_bytes_connect() {
    for (parameters, version) in
        [(Parameters::TLS13, Version::Tls13), (Parameters::TLS12, Version::Tls12)]
    {
        let identity = Identity::new(KeyKind::Ecdsa);
        let mut peer = rustls_client(parameters.client(&identity));
        let hello = drain(&mut peer);
        let config = prepared_server(parameters.server(&identity));
        let mut ours = Handshake::server(config, hello).expect("a handshake");
        let mut done = handshake(&mut ours, &mut peer, 1).expect("a connection");
        assert_eq!(done.version, version);
        exchange(&mut done, &mut peer);

        let mut peer = rustls_server(parameters.server(&identity));
        let config = prepared_client(parameters.client(&identity));
        let mut ours = Handshake::client(config, name()).expect("a handshake");
        let mut done = handshake(&mut ours, &mut peer, 1).expect("a connection");
        exchange(&mut done, &mut peer);
    }
}

#[test]
fn a_hello_split_over_many_records_connects() {
    for fragment_len in [1, 7, 500] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let mut peer = rustls_client(Parameters::TLS13.client(&identity));
        let in_one_record = drain(&mut peer);
        let hello = in_one_record[5..]
            .chunks(fragment_len)
            .flat_map(|part| {
                let length = u16::try_from(part.len()).expect("short").to_be_bytes();
                [&[22, 3, 1], length.as_slice(), part].concat()
            })
            .collect();
        let config = prepared_server(Parameters::TLS13.server(&identity));
        let mut ours = Handshake::server(config, hello).expect("a handshake");
        let mut done = handshake(&mut ours, &mut peer, 3).expect("a connection");
        assert_eq!(done.server_name.as_deref(), Some(common::NAME));
        exchange(&mut done, &mut peer);
    }
}

#[test]
fn a_wrong_guess_of_the_group_costs_a_retry() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let mut peer = rustls_client(Parameters::TLS13.client(&identity));
    let only = Parameters { group: Some(NamedGroup::secp384r1), ..Parameters::TLS13 };
    let config = prepared_server(only.server(&identity));
    let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
    let mut done = handshake(&mut ours, &mut peer, 100).expect("a connection");
    assert_eq!(done.resumption, Resumption::FullWithRetry);
    assert_eq!(done.group, only.group);
    exchange(&mut done, &mut peer);
}

#[test]
fn a_request_that_comes_with_finished_is_left_to_the_session() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let mut peer = rustls_client(parameters.client(&identity));
        peer.writer().write_all(b"GET / HTTP/1.1\r\n\r\n").expect("buffered");
        let config = prepared_server(parameters.server(&identity));
        let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
        // Two requests: the second is written in the very flight that has Finished.
        let mut done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
        let leftover = std::mem::take(&mut done.leftover);
        assert!(!leftover.is_empty());
        assert_eq!(open(&mut done.session, &leftover, 9), b"GET / HTTP/1.1\r\n\r\n");
    }
}

#[test]
fn a_session_that_began_with_tickets_keeps_its_numbers() {
    for count in [0, 1, 4] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let mut config = Parameters::TLS13.server(&identity);
        config.send_tls13_tickets = count;
        let mut peer = rustls_client(Parameters::TLS13.client(&identity));
        let hello = drain(&mut peer);
        let mut ours = Handshake::server(prepared_server(config), hello).expect("a handshake");
        let mut done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
        assert!(done.session.sequences().tx <= 1, "rustls puts its tickets into one record");
        assert_eq!(done.session.sequences().tx == 0, count == 0);
        exchange(&mut done, &mut peer);
    }
}

#[test]
fn a_client_certificate_is_handed_on() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let client = rustls::ClientConfig::builder_with_provider(parameters.provider())
            .with_protocol_versions(&[parameters.version])
            .expect("a version")
            .with_root_certificates(identity.roots())
            .with_client_auth_cert(identity.chain.clone(), identity.key())
            .expect("a certificate");
        let mut peer = rustls_client(client);
        let config = prepared_server(parameters.server_with_client_auth(&identity));
        let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
        let mut done = handshake(&mut ours, &mut peer, 500).expect("a connection");
        assert_eq!(done.peer_certificates, identity.chain);
        exchange(&mut done, &mut peer);
    }
}
