//! Requests one after the other on a connection that a test holds open.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use crate::client::{Client, Stream, finish, shake_hands};
use crate::edge::Site;

/// An open TLS connection that speaks HTTP/1.1.
pub(crate) struct KeepAlive {
    stream: BufReader<Stream>,
    name: String,
    /// Plaintext so far.
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
}

impl KeepAlive {
    /// Connects from the client's host to `address` for the name `name`, and does the handshake.
    pub(crate) fn open(
        site: &Site,
        client: &Client,
        (name, address): (&str, SocketAddr),
    ) -> io::Result<Self> {
        let stream = site.client.enter(|| -> io::Result<Stream> {
            let mut stream = client.connect_to(address, name)?;
            shake_hands(&mut stream)?;
            Ok(stream)
        });
        let stream = BufReader::new(stream.expect("the client's host is there")?);
        Ok(Self { stream, name: name.to_owned(), sent_bytes: 0, received_bytes: 0 })
    }

    /// Gets `path` and returns the body of the answer.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<String> {
        let body_bytes = self.begin(path)?;
        let mut body = String::new();
        self.body(body_bytes)?.read_to_string(&mut body)?;
        Ok(body)
    }

    /// Asks for `path` and reads the head of the answer alone. Returns the length of its body.
    pub(crate) fn begin(&mut self, path: &str) -> io::Result<u64> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.name);
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        self.sent_bytes += request.len() as u64;
        self.head()
    }

    /// The next `body_bytes` bytes of the answer.
    pub(crate) fn body(&mut self, body_bytes: u64) -> io::Result<impl Read> {
        self.received_bytes += body_bytes;
        Ok((&mut self.stream).take(body_bytes))
    }

    /// Whether the other side has finished as TLS wants it, with nothing more to read.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.stream.fill_buf()?.is_empty())
    }

    /// Ends it from this side and waits until the other has done so, too.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        finish(self.stream.get_mut())?;
        if self.has_ended()? { Ok(()) } else { Err(io::Error::other("there is more to read")) }
    }

    /// The certificate that the server showed.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let shown = self.stream.get_ref().conn.peer_certificates().expect("the handshake is done");
        shown.first().expect("a certificate").to_vec()
    }

    fn head(&mut self) -> io::Result<u64> {
        let mut body_bytes = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.received_bytes += line.len() as u64;
            if let Some(length) = line.strip_prefix("Content-Length: ") {
                body_bytes = length.trim().parse().map_err(io::Error::other)?;
            }
        }
        Ok(body_bytes)
    }
}
