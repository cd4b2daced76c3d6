//! The ClientHello, read whole before anything else happens.
//!
//! The name in it picks the virtual host and with that the configuration of the handshake, so it
//! is read by a parser of our own, which takes any fragmentation and refuses whatever is
//! ambiguous: a hello that two parsers could read differently must not reach a default policy.

mod classify;
mod client_hello;
mod error;
mod extensions;
mod fingerprint;
mod reader;
mod server_name;

pub use client_hello::ClientHello;
pub use error::{HelloError, ServerNameError};

use crate::hello::classify::{FirstBytes, first_bytes};
use crate::record::header::{ContentType, PLAINTEXT_MAX, RecordHeader, VERSION_MAJOR};

/// Collects the bytes of a connection until they hold a whole ClientHello.
#[derive(Debug, Default)]
pub struct HelloBuffer {
    /// Every byte that came, as it came.
    raw: Vec<u8>,
    /// The handshake message, without record headers.
    message: Vec<u8>,
    /// Bytes of `raw` that have been looked at.
    scanned: usize,
    /// Bytes of the record under way that have not.
    record_left: usize,
    state: State,
}

/// How far a hello has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum HelloProgress {
    /// The hello goes on.
    NeedMore,
    /// [`HelloBuffer::client_hello`] has it.
    Complete,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Collecting,
    Complete,
    Refused(HelloError),
}

impl HelloBuffer {
    /// An empty buffer, which holds no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the connection, cut anywhere.
    ///
    /// Bytes behind the hello are kept for [`HelloBuffer::into_bytes`].
    ///
    /// # Errors
    /// When this is no acceptable hello, as soon as that is certain. The error stays.
    pub fn push(&mut self, bytes: &[u8]) -> Result<HelloProgress, HelloError> {
        match self.state {
            State::Refused(error) => return Err(error),
            State::Complete => {
                self.raw.extend_from_slice(bytes);
                return Ok(HelloProgress::Complete);
            }
            State::Collecting => self.raw.extend_from_slice(bytes),
        }
        let progress = self.scan().and_then(|progress| match progress {
            HelloProgress::NeedMore if self.raw.len() >= HELLO_MAX => Err(HelloError::TooLong),
            HelloProgress::NeedMore => Ok(HelloProgress::NeedMore),
            HelloProgress::Complete => {
                ClientHello::parse(&self.message)?.check_versions()?;
                Ok(HelloProgress::Complete)
            }
        });
        match progress {
            Ok(HelloProgress::NeedMore) => {}
            Ok(HelloProgress::Complete) => self.state = State::Complete,
            Err(error) => self.state = State::Refused(error),
        }
        progress
    }

    /// The hello, once [`HelloBuffer::push`] has said that it is complete.
    ///
    /// Also that of a client without an acceptable version
    /// ([`HelloError::UnsupportedVersion`]), so that the log can tell who that was.
    #[must_use]
    pub fn client_hello(&self) -> Option<ClientHello<'_>> {
        match self.state {
            State::Complete | State::Refused(HelloError::UnsupportedVersion) => {
                ClientHello::parse(&self.message).ok()
            }
            State::Collecting | State::Refused(_) => None,
        }
    }

    /// All bytes of the connection so far: what the handshake starts with.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.raw
    }

    /// Bytes that came so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Nothing came so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Bytes of the heap that this buffer holds.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.raw.capacity().saturating_add(self.message.capacity())
    }

    /// Moves the fragments of the message out of their records, as far as they are there.
    fn scan(&mut self) -> Result<HelloProgress, HelloError> {
        // Never beyond the limit, so that the answer does not depend on how the bytes came.
        let end = self.raw.len().min(HELLO_MAX);
        loop {
            let rest = self.raw.get(self.scanned..end).unwrap_or_default();
            if self.record_left == 0 {
                if self.scanned == 0 && first_bytes(rest)? == FirstBytes::Undecided {
                    return Ok(HelloProgress::NeedMore);
                }
                let Some(header) = rest.first_chunk().copied().map(RecordHeader::from_bytes) else {
                    return Ok(HelloProgress::NeedMore);
                };
                check_header(header)?;
                self.record_left = header.body_len();
                self.scanned = self.scanned.saturating_add(RecordHeader::LEN);
                continue;
            }
            let fragment_len = self.record_left.min(rest.len());
            let fragment = rest.get(..fragment_len).unwrap_or_default();
            if fragment.is_empty() {
                return Ok(HelloProgress::NeedMore);
            }
            self.message.extend_from_slice(fragment);
            self.scanned = self.scanned.saturating_add(fragment_len);
            self.record_left = self.record_left.saturating_sub(fragment_len);
            if self.message_progress()? == HelloProgress::Complete {
                return Ok(HelloProgress::Complete);
            }
        }
    }

    fn message_progress(&self) -> Result<HelloProgress, HelloError> {
        let Some([message_type, rest @ ..]) = self.message.first_chunk::<MESSAGE_HEADER_LEN>()
        else {
            return match self.message.first() {
                Some(message_type) if *message_type != CLIENT_HELLO => {
                    Err(HelloError::UnexpectedMessage)
                }
                _ => Ok(HelloProgress::NeedMore),
            };
        };
        if *message_type != CLIENT_HELLO {
            return Err(HelloError::UnexpectedMessage);
        }
        let [high, middle, low] = *rest;
        let body_len = u32::from_be_bytes([0, high, middle, low]);
        let whole_len = usize::try_from(body_len)
            .ok()
            .and_then(|length| length.checked_add(MESSAGE_HEADER_LEN))
            .filter(|length| *length <= HELLO_MAX)
            .ok_or(HelloError::TooLong)?;
        if self.message.len() < whole_len {
            return Ok(HelloProgress::NeedMore);
        }
        // Nothing may share the record with the end of a hello: the client has to wait for us.
        if self.message.len() > whole_len || self.record_left > 0 {
            return Err(HelloError::TrailingBytes);
        }
        Ok(HelloProgress::Complete)
    }
}

/// Only handshake records belong before and inside a hello.
fn check_header(header: RecordHeader) -> Result<(), HelloError> {
    let [major, _minor] = header.version.to_be_bytes();
    if header.content_type != ContentType::HANDSHAKE || major != VERSION_MAJOR {
        return Err(HelloError::UnexpectedRecord);
    }
    if header.body_len() > PLAINTEXT_MAX {
        return Err(HelloError::RecordOverflow);
    }
    // RFC 8446 §5.1: a handshake fragment is not empty.
    if header.body_len() == 0 {
        return Err(HelloError::EmptyRecord);
    }
    Ok(())
}

/// Bytes up to which a hello is collected, record headers included.
pub const HELLO_MAX: usize = 16 * 1024;
const MESSAGE_HEADER_LEN: usize = 4;
const CLIENT_HELLO: u8 = 1;
