//! Handshakes that fail: the reason we count, and the alert that the peer gets.

mod common;

use common::{
    Identity, KeyKind, Parameters, drain, feed, handshake, name, prepared_client, prepared_server,
    rustls_client, rustls_server,
};
use proptest::prelude::*;
use rustls::{AlertDescription, CipherSuite, Error, NamedGroup, ServerConfig};
use weir_tls::hello::HelloBuffer;
use weir_tls::{Alert, Handshake, HandshakeError, Progress, Reason, alert};

/// What a client of rustls and our server think of each other.
fn refused(
    mut peer: rustls::Connection,
    config: ServerConfig,
) -> (HandshakeError, Result<(), Error>) {
    let mut ours =
        Handshake::server(prepared_server(config), drain(&mut peer)).expect("a handshake");
    let mut out = Vec::new();
    for _ in 0..4 {
        let progress = ours.advance::<Vec<u8>>(&drain(&mut peer), &mut out);
        let seen = feed(&mut peer, &std::mem::take(&mut out));
        if let Err(error) = progress {
            let again = ours.advance::<Vec<u8>>(&[], &mut out).expect_err("it is over");
            assert_eq!(again.reason(), error.reason());
            assert!(out.is_empty(), "the alert is sent once");
            return (error, seen);
        }
    }
    panic!("the handshake was not refused");
}

fn assert_alert(seen: Result<(), Error>, expected: AlertDescription) {
    assert_eq!(seen.expect_err("an alert"), Error::AlertReceived(expected));
}

#[test]
fn no_shared_cipher() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let suite = |suite| Parameters { suite: Some(suite), ..Parameters::TLS13 };
    let client = suite(CipherSuite::TLS13_AES_128_GCM_SHA256).client(&identity);
    let server = suite(CipherSuite::TLS13_AES_256_GCM_SHA384).server(&identity);
    let (error, seen) = refused(rustls_client(client), server);
    assert_eq!(error.reason(), Reason::NoSharedCipher);
    assert_alert(seen, AlertDescription::HandshakeFailure);
}

#[test]
fn no_shared_group() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let group = |group| Parameters { group: Some(group), ..Parameters::TLS13 };
    let client = group(NamedGroup::X25519).client(&identity);
    let server = group(NamedGroup::secp256r1).server(&identity);
    let (error, seen) = refused(rustls_client(client), server);
    assert_eq!(error.reason(), Reason::NoSharedGroup);
    assert_alert(seen, AlertDescription::HandshakeFailure);
}

#[test]
fn no_shared_version() {
    let identity = Identity::new(KeyKind::Ecdsa);
    for (client, server) in
        [(Parameters::TLS12, Parameters::TLS13), (Parameters::TLS13, Parameters::TLS12)]
    {
        let client = rustls_client(client.client(&identity));
        let (error, seen) = refused(client, server.server(&identity));
        assert_eq!(error.reason(), Reason::UnsupportedVersion);
        assert_alert(seen, AlertDescription::ProtocolVersion);
    }
}

#[test]
fn no_shared_protocol() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let mut config = parameters.server(&identity);
        config.alpn_protocols = vec![b"imap".to_vec()];
        let (error, seen) = refused(rustls_client(parameters.client(&identity)), config);
        assert_eq!(error.reason(), Reason::NoSharedAlpn);
        assert_alert(seen, AlertDescription::NoApplicationProtocol);
    }
}

#[test]
fn no_client_certificate_and_one_of_a_stranger() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let config = parameters.server_with_client_auth(&identity);
        let (error, seen) = refused(rustls_client(parameters.client(&identity)), config);
        assert_eq!(error.reason(), Reason::CertificateRequired);
        assert_alert(seen, AlertDescription::CertificateRequired);

        let stranger = Identity::new(KeyKind::Ecdsa);
        let client = rustls::ClientConfig::builder_with_provider(parameters.provider())
            .with_protocol_versions(&[parameters.version])
            .expect("a version")
            .with_root_certificates(identity.roots())
            .with_client_auth_cert(stranger.chain.clone(), stranger.key())
            .expect("a certificate");
        let config = parameters.server_with_client_auth(&identity);
        let (error, seen) = refused(rustls_client(client), config);
        assert_eq!(error.reason(), Reason::UnknownCa);
        assert_alert(seen, AlertDescription::UnknownCA);
    }
}

#[test]
fn a_client_that_does_not_trust_us_says_so() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let mut peer = rustls_client(parameters.client(&Identity::new(KeyKind::Ecdsa)));
        let config = prepared_server(parameters.server(&identity));
        let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
        let mut out = Vec::new();
        assert!(matches!(ours.advance::<Vec<u8>>(&[], &mut out), Ok(Progress::NeedInput)));
        feed(&mut peer, &std::mem::take(&mut out)).expect_err("not trusted");
        let error = ours.advance::<Vec<u8>>(&drain(&mut peer), &mut out).expect_err("an alert");
        assert_eq!(error.reason(), Reason::PeerRejectedCertificate);
        assert_eq!(error.received_alert(), Some(Alert::UnknownCa));
        assert!(out.is_empty(), "an alert is not answered");
    }
}

#[test]
fn our_client_refuses_an_unknown_authority() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let mut peer = rustls_server(parameters.server(&Identity::new(KeyKind::Ecdsa)));
        let config = prepared_client(parameters.client(&Identity::new(KeyKind::Ecdsa)));
        let mut ours = Handshake::client(config, name()).expect("a handshake");
        let mut out = Vec::new();
        assert!(matches!(ours.advance::<Vec<u8>>(&[], &mut out), Ok(Progress::NeedInput)));
        feed(&mut peer, &std::mem::take(&mut out)).expect("a hello");
        let error = ours.advance::<Vec<u8>>(&drain(&mut peer), &mut out).expect_err("unknown");
        assert_eq!(error.reason(), Reason::UnknownCa);
        assert_alert(feed(&mut peer, &out), AlertDescription::UnknownCA);
    }
}

#[test]
fn a_corrupted_finished_is_bad_record_mac_for_the_peer() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let mut peer = rustls_client(Parameters::TLS13.client(&identity));
    let config = prepared_server(Parameters::TLS13.server(&identity));
    let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
    let mut out = Vec::new();
    assert!(matches!(ours.advance::<Vec<u8>>(&[], &mut out), Ok(Progress::NeedInput)));
    feed(&mut peer, &std::mem::take(&mut out)).expect("our flight");
    let mut flight = drain(&mut peer);
    *flight.last_mut().expect("a Finished") ^= 1;
    let error = ours.advance::<Vec<u8>>(&flight, &mut out).expect_err("corrupted");
    assert_eq!(error.reason(), Reason::DecryptError);
    assert_alert(feed(&mut peer, &out), AlertDescription::BadRecordMac);
}

#[test]
fn a_record_that_is_too_long_is_refused_by_its_header() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let mut peer = rustls_client(Parameters::TLS13.client(&identity));
    let config = prepared_server(Parameters::TLS13.server(&identity));
    let mut ours = Handshake::server(config, drain(&mut peer)).expect("a handshake");
    let mut out = Vec::new();
    assert!(matches!(ours.advance::<Vec<u8>>(&[], &mut out), Ok(Progress::NeedInput)));
    let error = ours.advance::<Vec<u8>>(&[23, 3, 3, 0xff, 0xff], &mut out).expect_err("too long");
    assert!([Reason::RecordOverflow, Reason::Malformed].contains(&error.reason()), "{error:?}");
}

#[test]
fn a_name_that_nobody_has_gets_unrecognized_name() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let mut peer = rustls_client(Parameters::TLS13.client(&identity));
    let mut hello = HelloBuffer::new();
    assert!(hello.push(&drain(&mut peer)).is_ok());
    let mut out = Vec::new();
    alert::plaintext(Alert::UnrecognizedName, &mut out);
    assert_alert(feed(&mut peer, &out), AlertDescription::UnrecognisedName);
}

#[test]
fn a_configuration_that_was_not_prepared_is_refused() {
    let identity = Identity::new(KeyKind::Ecdsa);
    let config = std::sync::Arc::new(Parameters::TLS13.server(&identity));
    let error = Handshake::server(config, Vec::new()).expect_err("not prepared");
    assert!(matches!(error, HandshakeError::NotPrepared));
    let config = std::sync::Arc::new(Parameters::TLS13.client(&identity));
    let error = Handshake::client(config, name()).expect_err("not prepared");
    assert_eq!(error.reason(), Reason::Internal);

    // With extraction but without the key log, TLS 1.3 lacks its secrets in the end.
    let mut config = Parameters::TLS13.server(&identity);
    config.enable_secret_extraction = true;
    let mut peer = rustls_client(Parameters::TLS13.client(&identity));
    let mut ours =
        Handshake::server(std::sync::Arc::new(config), drain(&mut peer)).expect("so far");
    let error = handshake(&mut ours, &mut peer, usize::MAX).expect_err("no secrets");
    assert!(matches!(error, HandshakeError::NotPrepared));
}

/// Which flight of a peer is mutated.
#[derive(Clone, Copy, Debug)]
enum Flight {
    ClientHello,
    ClientFinished,
    ServerHello,
}

/// Our side in front of `flight`, and the flight as rustls sent it.
fn before(flight: Flight, parameters: Parameters) -> (Handshake, Vec<u8>) {
    let identity = common::shared_identity();
    let server = || prepared_server(parameters.server(identity));
    let mut out = Vec::new();
    match flight {
        Flight::ClientHello => {
            let mut peer = rustls_client(parameters.client(identity));
            let ours = Handshake::server(server(), Vec::new()).expect("a handshake");
            (ours, drain(&mut peer))
        }
        Flight::ClientFinished => {
            let mut peer = rustls_client(parameters.client(identity));
            let mut ours = Handshake::server(server(), drain(&mut peer)).expect("a handshake");
            assert!(ours.advance::<Vec<u8>>(&[], &mut out).is_ok());
            feed(&mut peer, &out).expect("our flight");
            (ours, drain(&mut peer))
        }
        Flight::ServerHello => {
            let mut peer = rustls_server(parameters.server(identity));
            let config = prepared_client(parameters.client(identity));
            let mut ours = Handshake::client(config, name()).expect("a handshake");
            assert!(ours.advance::<Vec<u8>>(&[], &mut out).is_ok());
            feed(&mut peer, &out).expect("our hello");
            (ours, drain(&mut peer))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_mutated_flight_never_panics(
        flight in prop::sample::select(
            vec![Flight::ClientHello, Flight::ClientFinished, Flight::ServerHello]
        ),
        tls13 in any::<bool>(),
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        chunk_len in 1_usize..2000,
    ) {
        let parameters = if tls13 { Parameters::TLS13 } else { Parameters::TLS12 };
        let (mut ours, mut bytes) = before(flight, parameters);
        for (at, value) in mutations {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let mut out = Vec::new();
        for chunk in bytes.chunks(chunk_len) {
            if ours.advance::<Vec<u8>>(chunk, &mut out).is_err() {
                break;
            }
        }
    }
}
