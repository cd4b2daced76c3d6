//! One peer: a kernel socket, rustls, and one HTTP exchange after the other.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use crate::http::{HEAD_BYTES_MAX, Head, HeadError, Then, parse_head};
use crate::report::TlsFacts;
use crate::scenario::Scenario;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Why an operation failed: the reasons that are counted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Failure {
    /// The address refuses connections, or can't be reached.
    Connect,
    /// The handshake failed: an alert, a certificate, or not TLS.
    Handshake,
    /// The peer closed or reset before the answer was whole.
    Closed,
    /// It took longer than the limit.
    Timeout,
    /// The answer is not HTTP with a Content-Length.
    Malformed,
    /// The answer has another status than wanted.
    Status,
    /// The answer has another length than wanted, or more than it says.
    Length,
}

impl Failure {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 7] = [
        Self::Connect,
        Self::Handshake,
        Self::Closed,
        Self::Timeout,
        Self::Malformed,
        Self::Status,
        Self::Length,
    ];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Status => "status",
            Self::Length => "length",
        }
    }

    /// What `error` means where it would be `otherwise` unless time has run out.
    fn of(error: &io::Error, otherwise: Self) -> Failed {
        let reason = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Timeout,
            _ => otherwise,
        };
        Failed { reason, detail: error.to_string() }
    }
}

/// One failed operation.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What it counts as.
    pub(crate) reason: Failure,
    /// What exactly went wrong; may be empty.
    pub(crate) detail: String,
}

impl From<Failure> for Failed {
    fn from(reason: Failure) -> Self {
        Self { reason, detail: String::new() }
    }
}

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects and finishes the handshake before `deadline`.
    pub(crate) fn open(scenario: &Scenario, deadline: Instant) -> Result<Self, Failed> {
        let mut socket =
            TcpStream::connect_timeout(&scenario.address, left(deadline)?).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::TimedOut => Failure::Timeout,
                    _ => Failure::Connect,
                }
            })?;
        // A read waits so long at most; the deadline is looked at between reads.
        socket
            .set_nodelay(true)
            .and_then(|()| socket.set_read_timeout(Some(scenario.timeout)))
            .and_then(|()| socket.set_write_timeout(Some(scenario.timeout)))
            .map_err(|error| Failure::of(&error, Failure::Connect))?;
        let mut tls = ClientConnection::new(scenario.tls.clone(), scenario.name.clone())
            .map_err(|error| Failed { reason: Failure::Handshake, detail: error.to_string() })?;
        while tls.is_handshaking() {
            left(deadline)?;
            tls.complete_io(&mut socket)
                .map_err(|error| Failure::of(&error, Failure::Handshake))?;
        }
        Ok(Self { stream: StreamOwned::new(tls, socket), buffer: vec![0; READ_BYTES] })
    }

    /// What was negotiated.
    pub(crate) fn facts(&self) -> TlsFacts {
        let tls = &self.stream.conn;
        let text = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
        TlsFacts {
            version: text(tls.protocol_version().map(|version| format!("{version:?}"))),
            cipher_suite: text(tls.negotiated_cipher_suite().map(|s| format!("{:?}", s.suite()))),
            group: text(tls.negotiated_key_exchange_group().map(|g| format!("{:?}", g.name()))),
        }
    }

    /// Sends the request and reads its whole answer before `deadline`; `on_body` hears of the body's
    /// bytes as they come.
    pub(crate) fn exchange(
        &mut self,
        scenario: &Scenario,
        deadline: Instant,
        mut on_body: impl FnMut(u64),
    ) -> Result<Head, Failed> {
        self.stream
            .write_all(&scenario.request)
            .map_err(|error| Failure::of(&error, Failure::Closed))?;
        let (head, filled) = self.read_head(deadline)?;
        if head.status != scenario.status {
            let detail = format!("{} instead of {}", head.status, scenario.status);
            return Err(Failed { reason: Failure::Status, detail });
        }
        let mut body = (filled - head.bytes) as u64;
        on_body(body);
        while body < head.length {
            let count = self.read(0, deadline)? as u64;
            body += count;
            on_body(count);
        }
        if body > head.length || scenario.length.is_some_and(|length| length != head.length) {
            return Err(Failure::Length.into());
        }
        Ok(head)
    }

    /// The head of an answer, and how far the buffer is filled.
    fn read_head(&mut self, deadline: Instant) -> Result<(Head, usize), Failed> {
        const { assert!(HEAD_BYTES_MAX < READ_BYTES, "a head that is too long is noticed") };
        let mut filled = 0;
        loop {
            filled += self.read(filled, deadline)?;
            match parse_head(&self.buffer[..filled]) {
                Ok(Some(head)) => return Ok((head, filled)),
                Ok(None) => {}
                Err(error @ (HeadError::TooLong | HeadError::Malformed | HeadError::NoLength)) => {
                    let detail = format!("{error:?}");
                    return Err(Failed { reason: Failure::Malformed, detail });
                }
            }
        }
    }

    /// Reads at least a byte into the buffer from `start` on.
    fn read(&mut self, start: usize, deadline: Instant) -> Result<usize, Failed> {
        left(deadline)?;
        match self.stream.read(&mut self.buffer[start..]) {
            Ok(0) => Err(Failure::Closed.into()),
            Ok(count) => Ok(count),
            Err(error) => Err(Failure::of(&error, Failure::Closed)),
        }
    }

    /// Says close_notify and closes. Whether the peer still hears it is its own affair.
    pub(crate) fn close(mut self) {
        self.stream.conn.send_close_notify();
        drop(self.stream.flush());
    }
}

impl Head {
    /// May the connection be used again?
    pub(crate) fn stays(&self) -> bool {
        self.then == Then::Stay
    }
}

/// Time left until `deadline`, more than zero.
fn left(deadline: Instant) -> Result<Duration, Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Failure::Timeout) } else { Ok(left) }
}
