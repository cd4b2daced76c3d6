//! Tickets, in both versions and both roles.

mod common;

use std::sync::Arc;

use common::{
    Identity, KeyKind, Parameters, drain, handshake, name, open, prepared_client, prepared_server,
    rustls_client, rustls_server, seal,
};
use rustls::client::Resumption as ClientResumption;
use rustls::server::ProducesTickets;
use rustls::{ClientConfig, ServerConfig};
use weir_tls::Handshake;
use weir_tls::handshake::Resumption;

/// What a client of rustls gets from our server when it connects once more.
fn connect(client: &ClientConfig, server: &Arc<ServerConfig>) -> Resumption {
    let mut peer = rustls_client(client.clone());
    let mut ours = Handshake::server(Arc::clone(server), drain(&mut peer)).expect("a handshake");
    let mut done = handshake(&mut ours, &mut peer, 700).expect("a connection");
    assert_eq!(done.alpn.as_deref(), Some(b"http/1.1".as_slice()));
    let record = seal(&mut done.session, b"hello");
    common::feed(&mut peer, &record).expect("rustls opens our record");
    done.resumption
}

#[test]
fn a_client_of_rustls_resumes_with_a_ticket_of_ours() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let client = parameters.client(&identity);
        let mut config = parameters.server(&identity);
        // No store of sessions: what is resumed is resumed by a ticket.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        let server = prepared_server(config);
        assert_eq!(connect(&client, &server), Resumption::Full);
        assert_eq!(connect(&client, &server), Resumption::Resumed);
        assert_eq!(connect(&client, &server), Resumption::Resumed);
    }
}

#[test]
fn a_ticket_of_another_producer_is_not_taken() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let client = parameters.client(&identity);
        let first = prepared_server(parameters.server(&identity));
        let second = prepared_server(parameters.server(&identity));
        assert_eq!(connect(&client, &first), Resumption::Full);
        assert_eq!(connect(&client, &second), Resumption::Full);
    }
}

#[test]
fn our_client_resumes_in_both_versions() {
    for parameters in [Parameters::TLS13, Parameters::TLS12] {
        let identity = Identity::new(KeyKind::Ecdsa);
        let server = parameters.server(&identity);
        let mut config = parameters.client(&identity);
        config.resumption = ClientResumption::in_memory_sessions(8);
        let client = prepared_client(config);
        for expected in [Resumption::Full, Resumption::Resumed] {
            let mut peer = rustls_server(server.clone());
            let mut ours = Handshake::client(Arc::clone(&client), name()).expect("a handshake");
            let mut done = handshake(&mut ours, &mut peer, 700).expect("a connection");
            assert_eq!(done.resumption, expected);
            // The tickets of TLS 1.3 are behind the handshake, in the session's records.
            let leftover = std::mem::take(&mut done.leftover);
            assert_eq!(open(&mut done.session, &leftover, 100), b"");
        }
    }
}

#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn early_data_is_skipped_and_the_connection_goes_on() {
    use std::io::Write;
    let identity = Identity::new(KeyKind::Ecdsa);
    let mut client = Parameters::TLS13.client(&identity);
    client.enable_early_data = true;
    let mut config = Parameters::TLS13.server(&identity);
    // rustls permits early data only with sessions that the server stores, not with tickets.
    config.ticketer = Arc::new(NoTickets);
    // A server that does take early data hands out the ticket that permits it.
    let mut generous = config.clone();
    generous.max_early_data_size = 1000;
    let mut peer = rustls::ClientConnection::new(Arc::new(client.clone()), name()).expect("one");
    let mut other: rustls::Connection =
        rustls::ServerConnection::new(Arc::new(generous)).expect("a server").into();
    for _ in 0..4 {
        let mut bytes = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut bytes).expect("a Vec takes all");
        }
        common::feed(&mut other, &bytes).expect("accepted");
        let bytes = drain(&mut other);
        peer.read_tls(&mut bytes.as_slice()).expect("a slice can be read");
        peer.process_new_packets().expect("accepted");
    }

    let mut peer = rustls::ClientConnection::new(Arc::new(client), name()).expect("one");
    let mut early = peer.early_data().expect("the ticket permits it");
    early.write_all(b"replay me").expect("buffered");
    let mut peer: rustls::Connection = peer.into();
    let hello = drain(&mut peer);
    let mut ours = Handshake::server(prepared_server(config), hello).expect("a handshake");
    let mut done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
    let leftover = std::mem::take(&mut done.leftover);
    assert_eq!(open(&mut done.session, &leftover, 100), b"", "early data is never data");
    let record = seal(&mut done.session, b"hello");
    common::feed(&mut peer, &record).expect("rustls opens our record");
}
