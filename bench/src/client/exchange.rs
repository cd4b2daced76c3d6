//! One exchange: what is asked, and whether what comes is what was wanted.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{Context, SHA256};

use super::failure::Failed;
use crate::http::{Chunks, HEAD_BYTES_MAX, HeadError, Length, parse_head};
use crate::seconds::Reason;

/// What one operation asks on its connection, and what has to come back.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    /// What is sent: head and body of a request, or what is to be echoed.
    pub(crate) request: Vec<u8>,
    /// Where in it the body begins.
    pub(crate) body_at: usize,
    /// What has to come back.
    pub(crate) expect: Expect,
    /// Bytes that are sent at once, where it is sent slowly.
    pub(crate) piece: Option<usize>,
    /// What happens with the connection.
    pub(crate) after: After,
    /// The length that all bodies must have which name none: the first one's.
    pub(crate) first_length: OnceLock<u64>,
}

/// What has to come back.
#[derive(Debug)]
pub(crate) enum Expect {
    /// An answer of HTTP/1.1.
    Http { status: u16, length: Option<u64>, sha256: Option<[u8; 32]> },
    /// The same bytes.
    Echo,
}

impl Default for Expect {
    fn default() -> Self {
        Self::Http { status: 200, length: None, sha256: None }
    }
}

/// What happens with the connection after an exchange.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum After {
    /// It is used again.
    #[default]
    Stay,
    /// It is closed.
    Close,
    /// Our direction ends behind the request, and the server's behind its answer.
    HalfClose,
}

/// What became of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// It can be used again.
    Stay,
    /// We close it, as the scenario says.
    Close,
    /// The server closes it, as its answer says.
    ServerCloses,
}

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Exchange {
    ask: Arc<Ask>,
    written: usize,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    /// What came of a head that is not whole.
    Head(Vec<u8>),
    Body(Body),
    /// How much has come back.
    Echo(usize),
    /// The answer is whole; the server's direction has to end, too.
    End,
}

#[derive(Debug)]
struct Body {
    rest: Rest,
    /// Bytes so far.
    total: u64,
    hash: Option<Hash>,
    then: Then,
}

/// What has to come yet.
#[derive(Debug)]
enum Rest {
    Bytes(u64),
    Chunks(Chunks),
}

/// A hash under way, which has nothing to say in a debug format.
struct Hash(Context);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hash").finish_non_exhaustive()
    }
}

impl Exchange {
    pub(super) fn new(ask: Arc<Ask>) -> Self {
        let reader = match ask.expect {
            Expect::Http { .. } => Reader::Head(Vec::new()),
            Expect::Echo => Reader::Echo(0),
        };
        Self { ask, written: 0, reader }
    }

    pub(super) fn has_more(&self) -> bool {
        self.written < self.ask.request.len()
    }

    pub(super) fn piece(&self) -> Option<usize> {
        self.ask.piece
    }

    pub(super) fn half_closes(&self) -> bool {
        self.ask.after == After::HalfClose
    }

    /// The next bytes to be sent, at most `most`.
    pub(super) fn next(&self, most: usize) -> &[u8] {
        let rest = &self.ask.request[self.written..];
        &rest[..most.min(rest.len())]
    }

    /// So many were sent; returns how many of them were the body's.
    pub(super) fn wrote(&mut self, count: usize) -> u64 {
        let from = self.written.max(self.ask.body_at);
        self.written += count;
        self.written.saturating_sub(from) as u64
    }

    /// Takes what came. `received` gets how much of it was a body's.
    pub(super) fn take(
        &mut self,
        mut plain: &[u8],
        received: &mut u64,
    ) -> Result<Option<Then>, Failed> {
        if let Reader::Head(held) = &mut self.reader {
            let head_held = held.len();
            let parsed = if held.is_empty() {
                parse_head(plain)
            } else {
                held.extend_from_slice(plain);
                parse_head(held)
            };
            let head = match parsed {
                Ok(Some(head)) => head,
                Ok(None) => {
                    if head_held == 0 {
                        held.extend_from_slice(plain);
                    }
                    return Ok(None);
                }
                Err(error @ (HeadError::TooLong | HeadError::Malformed | HeadError::NoLength)) => {
                    return Err(Failed::new(Reason::Malformed, format!("{error:?}")));
                }
            };
            const { assert!(HEAD_BYTES_MAX < usize::MAX / 2, "no head overflows") };
            plain = &plain[head.bytes.saturating_sub(head_held)..];
            self.reader = Reader::Body(self.body_of(&head)?);
        }
        match &mut self.reader {
            Reader::Body(body) => {
                let before = body.total;
                body.take(plain)?;
                *received += body.total - before;
                if !body.is_whole() {
                    return Ok(None);
                }
                let then = body.end(&self.ask)?;
                Ok(self.answered(then))
            }
            Reader::Echo(at) => {
                *received += plain.len() as u64;
                let wanted = self.ask.request.get(*at..*at + plain.len());
                if wanted != Some(plain) || *at + plain.len() > self.written {
                    return Err(Failed::new(Reason::Content, "not what was sent"));
                }
                *at += plain.len();
                let whole = *at == self.ask.request.len();
                Ok(if whole { self.answered(Then::Stay) } else { None })
            }
            Reader::End if plain.is_empty() => Ok(None),
            Reader::End => Err(Failed::new(Reason::Length, "more than the answer")),
            Reader::Head(_) => Ok(None),
        }
    }

    fn body_of(&self, head: &crate::http::Head) -> Result<Body, Failed> {
        let Expect::Http { status, sha256, .. } = &self.ask.expect else {
            return Err(Reason::Malformed.into());
        };
        if head.status != *status {
            let detail = format!("{} instead of {status}", head.status);
            return Err(Failed::new(Reason::Status, detail));
        }
        let rest = match head.length {
            Length::Chunked => Rest::Chunks(Chunks::new()),
            Length::Known(length) => {
                check_length(&self.ask, length)?;
                Rest::Bytes(length)
            }
        };
        let then = if head.stays() { Then::Stay } else { Then::ServerCloses };
        let hash = sha256.map(|_| Hash(Context::new(&SHA256)));
        Ok(Body { rest, total: 0, hash, then })
    }

    /// The answer is whole.
    fn answered(&mut self, then: Then) -> Option<Then> {
        match self.ask.after {
            After::Stay => Some(then),
            After::Close => Some(Then::Close),
            After::HalfClose => {
                self.reader = Reader::End;
                None
            }
        }
    }

    /// The server's direction has ended.
    pub(super) fn server_ended(&self) -> Result<Then, Failed> {
        match &self.reader {
            Reader::End => Ok(Then::Close),
            Reader::Head(_) | Reader::Body(_) | Reader::Echo(_) => Err(Reason::Closed.into()),
        }
    }
}

impl Body {
    fn take(&mut self, plain: &[u8]) -> Result<(), Failed> {
        let Self { rest, total, hash, then: _ } = self;
        let mut heard = |data: &[u8]| {
            *total += data.len() as u64;
            if let Some(hash) = hash {
                hash.0.update(data);
            }
        };
        match rest {
            Rest::Bytes(left) => {
                let Some(less) = left.checked_sub(plain.len() as u64) else {
                    return Err(Failed::new(Reason::Length, "more than the answer says"));
                };
                *left = less;
                heard(plain);
                Ok(())
            }
            Rest::Chunks(chunks) => chunks
                .take(plain, heard)
                .map_err(|error| Failed::new(Reason::Malformed, format!("chunks: {error:?}"))),
        }
    }

    fn is_whole(&self) -> bool {
        match &self.rest {
            Rest::Bytes(left) => *left == 0,
            Rest::Chunks(chunks) => chunks.is_done(),
        }
    }

    fn end(&mut self, ask: &Ask) -> Result<Then, Failed> {
        if matches!(self.rest, Rest::Chunks(_)) {
            check_length(ask, self.total)?;
        }
        if let (Some(hash), Expect::Http { sha256: Some(wanted), .. }) =
            (self.hash.take(), &ask.expect)
            && hash.0.finish().as_ref() != wanted
        {
            return Err(Failed::new(Reason::Content, "another SHA-256"));
        }
        Ok(self.then)
    }
}

/// All bodies have the length that is wanted, or else that of the first one.
fn check_length(ask: &Ask, length: u64) -> Result<(), Failed> {
    let wanted = match ask.expect {
        Expect::Http { length: Some(wanted), .. } => wanted,
        _ => *ask.first_length.get_or_init(|| length),
    };
    if length == wanted {
        return Ok(());
    }
    Err(Failed::new(Reason::Length, format!("{length} instead of {wanted}")))
}
