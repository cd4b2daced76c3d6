//! A TLS client of our own, for what curl can't be told: rustls over sockets of the client's host.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::edge::Edge;

/// A read or write that takes longer has stalled.
const STALLED: Duration = Duration::from_secs(60);

/// A TLS connection.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// What every connection of a test shares: the edge's CA, and tickets.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    /// A client that trusts the edge's CA and offers what rustls does by default.
    pub(crate) fn new(edge: &Edge) -> Self {
        Self::offering(edge, aws_lc_rs::ALL_KX_GROUPS, rustls::DEFAULT_VERSIONS)
    }

    /// A client that trusts the edge's CA and offers these groups and versions.
    pub(crate) fn offering(
        edge: &Edge,
        groups: &[&'static dyn SupportedKxGroup],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let ca = CertificateDer::from_pem_file(edge.ca()).expect("the CA's certificate");
        let mut roots = RootCertStore::empty();
        roots.add(ca).expect("a CA");
        let provider =
            CryptoProvider { kx_groups: groups.to_vec(), ..aws_lc_rs::default_provider() };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Arc::new(config))
    }

    /// The same client without tickets: every handshake is a full one.
    pub(crate) fn without_tickets(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.resumption = Resumption::disabled();
        Self(Arc::new(config))
    }

    /// A connection to `address` from this thread's host, for the name `www.example`. The handshake
    /// begins with the first byte read or written.
    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        self.connect_to(address, "www.example")
    }

    /// As [`Self::connect`], for the name `name`.
    pub(crate) fn connect_to(&self, address: SocketAddr, name: &str) -> io::Result<Stream> {
        Ok(StreamOwned::new(self.begin(name), connect(address)?))
    }

    /// The client's side of a connection for the name `name`, which has said nothing yet.
    pub(crate) fn begin(&self, name: &str) -> ClientConnection {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        ClientConnection::new(Arc::clone(&self.0), name).expect("a connection")
    }
}

/// A TCP connection to `address` from this thread's host.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_tcp_congestion(&socket, "cubic")?;
    socket.set_read_timeout(Some(STALLED))?;
    socket.set_write_timeout(Some(STALLED))?;
    Ok(socket)
}

/// Does the handshake and nothing else.
pub(crate) fn shake_hands(stream: &mut Stream) -> io::Result<()> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(())
}

/// Ends the sending direction: close_notify, then FIN.
pub(crate) fn finish(stream: &mut Stream) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(std::net::Shutdown::Write)
}

/// Sends a request's head; its body is the caller's.
pub(crate) fn request(stream: &mut impl Write, line: &str, body_bytes: u64) -> io::Result<()> {
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: www.example\r\nContent-Length: {body_bytes}\r\nConnection: close\r\n\r\n"
    )?;
    stream.flush()
}

/// Reads an answer's head and returns the body, which ends with the connection.
pub(crate) fn answer(stream: &mut impl Read) -> io::Result<impl Read> {
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.contains(" 200 ") {
        return Err(io::Error::other(format!("the answer is {line:?}")));
    }
    while line.trim_end() != "" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(reader)
}
