//! Handshake messages after the handshake: KeyUpdate, tickets, attempts to renegotiate.

use crate::error::PeerError;
use crate::key_update::KeyUpdateRequest;
use crate::version::{Role, Version};

/// A whole handshake message that a session has to act on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PostHandshake {
    /// The peer's next record is under its next key. RFC 8446 §4.6.3.
    KeyUpdate(KeyUpdateRequest),
    /// The body of a NewSessionTicket. RFC 8446 §4.6.1.
    Ticket(Vec<u8>),
    /// HelloRequest or ClientHello in TLS 1.2. RFC 5246 §7.4.1.
    Renegotiation,
}

/// Puts handshake messages together that are split over records, whatever the split.
///
/// It refuses by the first byte what has no place here, and keeps a body only where one is
/// needed, so that a server holds five bytes at most.
#[derive(Debug)]
pub(crate) struct MessageReader {
    version: Version,
    role: Role,
    header: [u8; HEADER_LEN],
    header_len: usize,
    /// Bytes of the body still to come.
    remaining: usize,
    body: Vec<u8>,
}

impl MessageReader {
    pub(crate) const fn new(version: Version, role: Role) -> Self {
        Self {
            version,
            role,
            header: [0; HEADER_LEN],
            header_len: 0,
            remaining: 0,
            body: Vec::new(),
        }
    }

    /// A part of a message is held.
    pub(crate) const fn is_partial(&self) -> bool {
        self.header_len > 0
    }

    /// Bytes held on the heap.
    pub(crate) fn held_bytes(&self) -> usize {
        self.body.capacity()
    }

    /// Takes bytes from the front of `data` up to the end of one message at most; `data` is left
    /// with the rest.
    pub(crate) fn next(&mut self, data: &mut &[u8]) -> Result<Option<PostHandshake>, PeerError> {
        while self.header_len < HEADER_LEN {
            let Some((byte, rest)) = data.split_first() else { return Ok(None) };
            let slot = self.header.get_mut(self.header_len).ok_or(PeerError::Malformed)?;
            *slot = *byte;
            *data = rest;
            self.header_len = self.header_len.saturating_add(1);
            if self.header_len == 1 {
                self.check_type(*byte)?;
            }
            if self.header_len == HEADER_LEN {
                let [_, high, middle, low] = self.header;
                let length = u32::from_be_bytes([0, high, middle, low]);
                self.remaining = usize::try_from(length).map_err(|_| PeerError::Malformed)?;
                self.check_length()?;
            }
        }
        let taken = self.remaining.min(data.len());
        let (body, rest) = data.split_at_checked(taken).ok_or(PeerError::Malformed)?;
        if self.keeps_body() {
            self.body.extend_from_slice(body);
        }
        *data = rest;
        self.remaining = self.remaining.saturating_sub(taken);
        if self.remaining > 0 {
            return Ok(None);
        }
        self.finish().map(Some)
    }

    fn finish(&mut self) -> Result<PostHandshake, PeerError> {
        self.header_len = 0;
        let [message_type, ..] = self.header;
        let body = std::mem::take(&mut self.body);
        match message_type {
            KEY_UPDATE => {
                let [request] = body.as_slice() else { return Err(PeerError::Malformed) };
                KeyUpdateRequest::from_wire(*request)
                    .map(PostHandshake::KeyUpdate)
                    .ok_or(PeerError::IllegalParameter)
            }
            NEW_SESSION_TICKET => Ok(PostHandshake::Ticket(body)),
            _ => Ok(PostHandshake::Renegotiation),
        }
    }

    /// Refuses what this side of this version never gets after the handshake.
    fn check_type(&self, message_type: u8) -> Result<(), PeerError> {
        let expected = match (self.version, self.role) {
            (Version::Tls13, Role::Server) => message_type == KEY_UPDATE,
            (Version::Tls13, Role::Client) => {
                message_type == KEY_UPDATE || message_type == NEW_SESSION_TICKET
            }
            (Version::Tls12, Role::Server) => message_type == CLIENT_HELLO,
            (Version::Tls12, Role::Client) => message_type == HELLO_REQUEST,
        };
        if expected { Ok(()) } else { Err(PeerError::UnexpectedMessage) }
    }

    fn check_length(&self) -> Result<(), PeerError> {
        let [message_type, ..] = self.header;
        let allowed = match message_type {
            KEY_UPDATE => self.remaining == 1,
            HELLO_REQUEST => self.remaining == 0,
            _ => self.remaining <= MESSAGE_MAX,
        };
        if allowed { Ok(()) } else { Err(PeerError::Malformed) }
    }

    /// The hello of a renegotiation is refused unread.
    const fn keeps_body(&self) -> bool {
        let [message_type, ..] = self.header;
        matches!(message_type, KEY_UPDATE | NEW_SESSION_TICKET)
    }
}

const HEADER_LEN: usize = 4;
/// Longest message that is taken in: a ticket that carries a client's certificates is long.
const MESSAGE_MAX: usize = 0xffff;
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const NEW_SESSION_TICKET: u8 = 4;
pub(crate) const KEY_UPDATE: u8 = 24;
