//! TLS step by step: the client's hello before it is sent, and a socket to send it on.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustls::crypto::aws_lc_rs::ALL_KX_GROUPS;
use rustls::{ALL_VERSIONS, ClientConnection, StreamOwned, SupportedProtocolVersion};

use crate::client::{self, Client, Stream};
use crate::edge::{Edge, V4_HTTPS};

/// A TCP connection from the client's host to one of weir's addresses.
pub(crate) fn socket(edge: &Edge, address: SocketAddr) -> TcpStream {
    let connected = edge.client.enter(|| client::connect(address));
    connected.expect("the client's host is entered").expect("weir accepts")
}

/// A client that has said nothing yet, for the server `name`, with any of `versions`.
pub(crate) fn client(
    edge: &Edge,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConnection {
    Client::offering(edge, ALL_KX_GROUPS, versions).begin(name)
}

/// A connection over IPv4 for the server `name`; the handshake begins with its first byte.
pub(crate) fn connect(edge: &Edge, name: &str) -> Stream {
    StreamOwned::new(client(edge, name, ALL_VERSIONS), socket(edge, V4_HTTPS))
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
