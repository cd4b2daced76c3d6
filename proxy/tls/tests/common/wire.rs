//! A connection of ours over a socket of the loopback, and openssl as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};
use weir_tls::hello::{HelloBuffer, HelloProgress};
use weir_tls::{Established, Handshake, HandshakeError, Progress, SessionError};

use crate::common::{Buffer, full_buffer, name, seal};

/// A connection whose handshake is done.
pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) done: Box<Established<Buffer>>,
}

impl Wire {
    /// The next client of `listener`, served with `config`.
    pub(crate) fn accept(listener: &TcpListener, config: Arc<ServerConfig>) -> Self {
        let (mut stream, _) = listener.accept().expect("a client");
        limit_waiting(&stream);
        let mut hello = HelloBuffer::new();
        while hello.push(&read(&mut stream)).expect("a hello") == HelloProgress::NeedMore {}
        let ours = Handshake::server(config, hello.into_bytes()).expect("a handshake");
        Self::run(stream, ours).expect("a connection")
    }

    /// A connection of our client.
    pub(crate) fn connect(port: u16, config: Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        limit_waiting(&stream);
        let ours = Handshake::client(config, name()).expect("a handshake");
        Self::run(stream, ours).expect("a connection")
    }

    fn run(mut stream: TcpStream, mut ours: Handshake) -> Result<Self, HandshakeError> {
        let mut out = Vec::new();
        let mut input = Vec::new();
        loop {
            let progress = ours.advance(&input, &mut out);
            stream.write_all(&std::mem::take(&mut out)).expect("the peer reads");
            match progress? {
                Progress::NeedInput => input = read(&mut stream),
                Progress::Established(done) => return Ok(Self { stream, done }),
            }
        }
    }

    /// Sends `data` in one record.
    pub(crate) fn send(&mut self, data: &[u8]) {
        let record = seal(&mut self.done.session, data);
        self.stream.write_all(&record).expect("the peer reads");
    }

    /// Sends the control records that are due.
    pub(crate) fn send_control(&mut self) {
        let mut out = Vec::new();
        self.done.session.seal_control(&mut out).expect("sealed");
        self.stream.write_all(&out).expect("the peer reads");
    }

    /// Sends a close_notify.
    pub(crate) fn close(&mut self) {
        let mut out = Vec::new();
        self.done.session.close_notify(&mut out).expect("open until now");
        self.stream.write_all(&out).expect("the peer reads");
    }

    /// Plaintext that comes next; none of it when only control records came, or the peer closed.
    pub(crate) fn receive(&mut self) -> Result<Vec<u8>, SessionError> {
        let mut bytes = std::mem::take(&mut self.done.leftover);
        if bytes.is_empty() {
            bytes = read(&mut self.stream);
        }
        let received = self.done.session.receive(bytes, &mut || Some(full_buffer()))?;
        let mut plain = Vec::new();
        if let Some((buffer, range)) = received.gathered {
            plain.extend_from_slice(&buffer[range]);
        }
        if let Some((payload, range)) = received.in_place {
            plain.extend_from_slice(&payload[range]);
        }
        Ok(plain)
    }

    /// Plaintext up to the end of a line.
    pub(crate) fn receive_line(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.extend(self.receive().expect("good records"));
            assert!(!self.done.session.read_closed(), "closed in the midst of a line");
        }
        String::from_utf8(line).expect("text")
    }
}

/// A process of openssl, ended when dropped.
pub(crate) struct Openssl {
    child: Child,
}

impl Openssl {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        Self { child }
    }

    /// Where what it should do is written to; closed when dropped.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("taken once")
    }

    /// All that it says until it ends.
    pub(crate) fn output(mut self) -> String {
        let mut text = String::new();
        let mut stdout = self.child.stdout.take().expect("taken once");
        stdout.read_to_string(&mut text).expect("text");
        text
    }

    /// The port that `s_server` says it listens on.
    pub(crate) fn port(&mut self) -> u16 {
        let stdout = self.child.stdout.take().expect("taken once");
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        while lines.read_line(&mut line).expect("text") > 0 {
            let port = line.trim().strip_prefix("ACCEPT 127.0.0.1:").map(str::parse);
            if let Some(Ok(port)) = port {
                return port;
            }
            line.clear();
        }
        panic!("s_server ended");
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // It may have ended by itself, which is no fault.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<std::process::ExitStatus> = self.child.wait();
    }
}

/// A listener on a free port of the loopback.
pub(crate) fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    (listener, address)
}

/// A test that hangs is one that fails.
fn limit_waiting(stream: &TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
}

/// What comes next; nothing at the end.
fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).expect("the peer writes");
    assert_ne!(length, 0, "the peer closed the connection");
    bytes.truncate(length);
    bytes
}
