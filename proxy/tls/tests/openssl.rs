//! openssl as a foreign peer, on the loopback.

mod common;
#[path = "common/wire.rs"]
mod wire;

use std::io::Write;
use std::path::Path;

use common::{Identity, KeyKind, Parameters, prepared_client, prepared_server, shared_identity};
use tempfile::TempDir;
use weir_tls::handshake::Resumption;
use weir_tls::{Alert, PeerError, Version};
use wire::{Openssl, Wire, listener};

const VERSIONS: [(Parameters, Version, &str); 2] = [
    (Parameters::TLS13, Version::Tls13, "-tls1_3"),
    (Parameters::TLS12, Version::Tls12, "-tls1_2"),
];

/// A directory with the certificates of `identity` for openssl.
fn files(identity: &Identity) -> TempDir {
    let directory = TempDir::new().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("a file");
    };
    write("authority.pem", &identity.authority_pem);
    write("certificate.pem", &identity.certificate_pem);
    write("key.pem", &identity.key_pem);
    directory
}

fn path(directory: &TempDir, name: &str) -> String {
    let path: &Path = &directory.path().join(name);
    path.to_str().expect("text").to_owned()
}

/// s_client, which verifies us.
fn s_client(address: &str, directory: &TempDir, more: &[&str]) -> Openssl {
    let authority = path(directory, "authority.pem");
    let arguments = [
        "s_client",
        "-connect",
        address,
        "-servername",
        common::NAME,
        "-CAfile",
        &authority,
        "-verify_return_error",
    ];
    Openssl::start(&[&arguments, more].concat())
}

#[test]
fn s_client_talks_to_our_server() {
    let directory = files(shared_identity());
    let (listener, address) = listener();
    for (parameters, version, flag) in VERSIONS {
        let config = prepared_server(parameters.server(shared_identity()));
        let mut client =
            s_client(&address, &directory, &[flag, "-quiet", "-alpn", "spdy/1,http/1.1"]);
        let mut wire = Wire::accept(&listener, config);
        assert_eq!(wire.done.version, version);
        assert_eq!(wire.done.server_name.as_deref(), Some(common::NAME));
        assert_eq!(wire.done.alpn.as_deref(), Some(b"http/1.1".as_slice()));
        client.stdin().write_all(b"ping\n").expect("it reads");
        assert_eq!(wire.receive_line(), "ping\n");
        wire.send(&b"pong\n".repeat(3000));
        wire.close();
        drop(wire);
        assert_eq!(client.output(), "pong\n".repeat(3000));
    }
}

#[test]
fn s_client_takes_every_cipher_suite() {
    let suites = [
        (KeyKind::Ecdsa, Parameters::TLS13, "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
        (KeyKind::Ecdsa, Parameters::TLS13, "-ciphersuites", "TLS_AES_256_GCM_SHA384"),
        (KeyKind::Ecdsa, Parameters::TLS13, "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
        (KeyKind::Ecdsa, Parameters::TLS12, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (KeyKind::Ecdsa, Parameters::TLS12, "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (KeyKind::Rsa, Parameters::TLS12, "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"),
    ];
    let (listener, address) = listener();
    for (kind, parameters, flag, suite) in suites {
        let identity = Identity::new(kind);
        let directory = files(&identity);
        let config = prepared_server(parameters.server(&identity));
        let mut client = s_client(&address, &directory, &["-quiet", flag, suite]);
        let mut wire = Wire::accept(&listener, config);
        client.stdin().write_all(b"ping\n").expect("it reads");
        assert_eq!(wire.receive_line(), "ping\n", "{suite}");
        wire.send(b"pong\n");
        wire.close();
        drop(wire);
        assert_eq!(client.output(), "pong\n", "{suite}");
    }
}

#[test]
fn s_client_resumes_with_our_ticket() {
    let directory = files(shared_identity());
    let (listener, address) = listener();
    for (parameters, _, flag) in VERSIONS {
        let config = prepared_server(parameters.server(shared_identity()));
        let session = path(&directory, flag);
        let rounds = [("-sess_out", Resumption::Full), ("-sess_in", Resumption::Resumed)];
        for (session_flag, expected) in rounds {
            let arguments = [flag, "-quiet", session_flag, &session];
            let mut client = s_client(&address, &directory, &arguments);
            let mut wire = Wire::accept(&listener, config.clone());
            assert_eq!(wire.done.resumption, expected, "{flag}");
            client.stdin().write_all(b"ping\n").expect("it reads");
            assert_eq!(wire.receive_line(), "ping\n");
            wire.send(b"pong\n");
            wire.close();
            drop(wire);
            assert_eq!(client.output(), "pong\n");
        }
    }
}

#[test]
fn s_client_updates_its_keys_and_asks_for_ours() {
    let directory = files(shared_identity());
    let (listener, address) = listener();
    let config = prepared_server(Parameters::TLS13.server(shared_identity()));
    let mut client = s_client(&address, &directory, &["-tls1_3"]);
    let mut wire = Wire::accept(&listener, config);
    let mut stdin = client.stdin();
    stdin.write_all(b"K\n").expect("it reads");
    while !wire.done.session.control_pending() {
        assert_eq!(wire.receive().expect("good records"), b"");
    }
    wire.send_control();
    stdin.write_all(b"ping\n").expect("it reads");
    assert_eq!(wire.receive_line(), "ping\n");
    wire.send(b"under the next key\n");
    wire.close();
    drop(wire);
    assert!(client.output().contains("under the next key\n"));
}

#[test]
fn s_client_gives_up_when_renegotiation_is_refused() {
    let directory = files(shared_identity());
    let (listener, address) = listener();
    let config = prepared_server(Parameters::TLS12.server(shared_identity()));
    let mut client = s_client(&address, &directory, &["-tls1_2"]);
    let mut wire = Wire::accept(&listener, config);
    let mut stdin = client.stdin();
    stdin.write_all(b"R\n").expect("it reads");
    while !wire.done.session.control_pending() {
        assert_eq!(wire.receive().expect("good records"), b"");
    }
    wire.send_control();
    let error = loop {
        if let Err(error) = wire.receive() {
            break error;
        }
    };
    assert_eq!(error, PeerError::AlertReceived(Alert::HandshakeFailure).into());
}

#[test]
fn our_client_talks_to_s_server() {
    let directory = files(shared_identity());
    let certificate = path(&directory, "certificate.pem");
    let key = path(&directory, "key.pem");
    for (parameters, version, flag) in VERSIONS {
        let mut server = Openssl::start(&[
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            &certificate,
            "-key",
            &key,
            flag,
            "-rev",
        ]);
        let port = server.port();
        let config = prepared_client(parameters.client(shared_identity()));
        for expected in [Resumption::Full, Resumption::Resumed] {
            let mut wire = Wire::connect(port, config.clone());
            assert_eq!(wire.done.version, version);
            assert_eq!(wire.done.resumption, expected);
            wire.send(b"stressed\n");
            assert_eq!(wire.receive_line(), "desserts\n");
            wire.close();
        }
    }
}
