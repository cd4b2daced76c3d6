//! TLS as bytes in, bytes out: hello parser, rustls handshakes, record layer on extracted secrets.
//!
//! A connection goes through three stations, each a type of its own:
//!
//! 1. [`hello::HelloBuffer`] collects the ClientHello, whatever its fragmentation. The name in it
//!    picks a configuration; [`alert::plaintext`] refuses a client that none fits.
//! 2. [`Handshake`] runs rustls on it, as server or as client, until both sides have their keys.
//! 3. [`Session`] seals and opens records where they lie, with the secrets that rustls gave away:
//!    payloads of any type that is a mutable slice of bytes go in, and come out as plaintext.
//!
//! There is no I/O, no clock and no thread here, and no notion of virtual hosts. Bytes of a peer
//! never panic: they are read without indexing, and what they break is an error with a
//! [`Reason`] that a metric can count.
//!
//! A configuration for [`Handshake`] must have gone through [`handshake::prepare_server`] or
//! [`handshake::prepare_client`].

#![forbid(unsafe_code)]

pub mod alert;
mod error;
mod failure;
pub mod handshake;
pub mod hello;
mod hibernate;
mod key_update;
mod limits;
mod post_handshake;
mod record;
mod secrets;
mod session;
mod version;

pub use alert::Alert;
pub use error::{PeerError, ResourceError, SealError, SessionError};
pub use failure::Reason;
pub use handshake::{Established, Handshake, HandshakeError, Progress, Resumption};
pub use hibernate::{Hibernated, WakeError};
pub use key_update::KeyUpdateRequest;
pub use session::{Received, Sequences, Session};
pub use version::{Role, Version};

#[cfg(test)]
mod tests;

/// Bytes that [`Session::seal`] may need before the payload: a header, and the part of the nonce
/// that TLS 1.2 sends.
pub const HEADER_ROOM: usize = 13;
/// Bytes that [`Session::seal`] may need behind the payload: the tag, and the type in TLS 1.3.
pub const TAG_ROOM: usize = 17;
/// Bytes of payload that one record may carry. RFC 8446 §5.1.
pub const PLAINTEXT_MAX: usize = 16_384;
