//! One connection, from its start to its end, in every way that it may end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustix::net::sockopt::set_socket_linger;

use crate::blob::Blob;
use crate::client::{Client, Stream, connect, finish, shake_hands};
use crate::edge::Edge;
use crate::server::Server;

/// What a client is sent that asks for much: more than it and weir have room for.
const MUCH_BYTES: u64 = 8 << 20;

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    ClientFirst,
    BackendFirst,
    BothAtOnce,
    ResetByClient,
    ResetByBackend,
    BackendDown,
    /// The ClientHello never becomes whole.
    HelloGivenUp,
    /// The client does not answer the server's flight.
    HandshakeGivenUp,
}

impl Ending {
    pub(crate) const ALL: [Self; 8] = [
        Self::ClientFirst,
        Self::BackendFirst,
        Self::BothAtOnce,
        Self::ResetByClient,
        Self::ResetByBackend,
        Self::BackendDown,
        Self::HelloGivenUp,
        Self::HandshakeGivenUp,
    ];

    /// What the client tells the backend to do.
    fn order(self) -> u8 {
        match self {
            Self::BackendFirst => b'f',
            Self::BothAtOnce => b'b',
            Self::ResetByBackend => b'r',
            _ => b'w',
        }
    }
}

/// A backend that ends its connections as it is told.
pub(crate) fn obedient_backend(edge: &Edge) -> Server {
    Server::start(&edge.host, "127.0.0.1:8080", |mut stream| {
        // What goes wrong here shows in what is left.
        drop(obey(&mut stream));
    })
}

fn obey(stream: &mut TcpStream) -> io::Result<()> {
    let mut order = [0];
    stream.read_exact(&mut order)?;
    match order[0] {
        b'f' => {
            stream.write_all(b"!")?;
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
        b'b' => stream.shutdown(Shutdown::Write),
        b'm' => Blob::new(0, MUCH_BYTES).copy_to(stream).map(drop),
        b'r' => {
            stream.write_all(b"!")?;
            stream.read_exact(&mut order)?;
            break_off(stream)
        }
        _ => {
            stream.write_all(b"!")?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
    }
}

/// Makes the closing of `stream` a RST.
fn break_off(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, Some(std::time::Duration::ZERO))?)
}

/// One connection from its start to its end.
pub(crate) fn end(client: &Client, address: SocketAddr, ending: Ending) -> io::Result<()> {
    match ending {
        Ending::HelloGivenUp => {
            let mut socket = connect(address)?;
            socket.write_all(&[22, 3, 1, 2, 0, 1])?;
            socket.shutdown(Shutdown::Write)?;
            return socket.read_to_end(&mut Vec::new()).map(drop);
        }
        Ending::HandshakeGivenUp => {
            let mut stream = client.connect(address)?;
            stream.conn.write_tls(&mut stream.sock)?;
            stream.sock.read_exact(&mut [0])?;
            return break_off_client(&stream);
        }
        _ => {}
    }
    let name = if matches!(ending, Ending::BackendDown) { "down.example" } else { "www.example" };
    let mut stream = client.connect_to(address, name)?;
    shake_hands(&mut stream)?;
    stream.write_all(&[ending.order()])?;
    match ending {
        Ending::BothAtOnce => finish(&mut stream)?,
        Ending::ClientFirst => {
            stream.read_exact(&mut [0])?;
            finish(&mut stream)?;
        }
        Ending::ResetByClient => {
            stream.read_exact(&mut [0])?;
            return break_off_client(&stream);
        }
        Ending::ResetByBackend => {
            stream.read_exact(&mut [0])?;
            stream.write_all(b"!")?;
            return expect_error(&mut stream, io::ErrorKind::ConnectionReset);
        }
        // A fatal alert says that there is no backend.
        Ending::BackendDown => return expect_error(&mut stream, io::ErrorKind::InvalidData),
        Ending::BackendFirst | Ending::HelloGivenUp | Ending::HandshakeGivenUp => {}
    }
    stream.read_to_end(&mut Vec::new())?;
    if matches!(ending, Ending::BackendFirst) { finish(&mut stream) } else { Ok(()) }
}

fn break_off_client(stream: &Stream) -> io::Result<()> {
    break_off(&stream.sock)
}

fn expect_error(stream: &mut Stream, kind: io::ErrorKind) -> io::Result<()> {
    match stream.read_to_end(&mut Vec::new()) {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("it ended well")),
    }
}
