//! A TLS client of the tests' own: rustls over a socket of the client's host.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

use crate::edge::{Edge, LIMIT, V4};

/// A TLS connection to weir.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A TCP connection from the client's host to weir. Nothing on it waits for longer than [`LIMIT`].
pub(crate) fn socket(edge: &Edge) -> TcpStream {
    let connected = edge.client.enter(|| TcpStream::connect((V4, 443)));
    let socket = connected.expect("the client's host is entered").expect("weir accepts");
    socket.set_read_timeout(Some(LIMIT)).expect("a read timeout");
    socket.set_write_timeout(Some(LIMIT)).expect("a write timeout");
    socket
}

/// A client that has said nothing yet, for the server `name`, with any of `versions`.
pub(crate) fn client(
    edge: &Edge,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(edge.ca()).expect("the CA's certificate");
    roots.add(ca).expect("the CA is a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions that the provider has")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

/// A connection for the server `name`; the handshake is done with its first byte.
pub(crate) fn connect(edge: &Edge, name: &str) -> Stream {
    StreamOwned::new(client(edge, name, ALL_VERSIONS), socket(edge))
}

/// The client's first flight as it would go over the wire.
pub(crate) fn hello(client: &mut ClientConnection) -> Vec<u8> {
    let mut hello = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut hello).expect("a vector takes everything");
    }
    hello
}

/// Sends a request for `/` and returns the whole answer, which ends with `close_notify`.
pub(crate) fn get(stream: &mut Stream) -> io::Result<String> {
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
