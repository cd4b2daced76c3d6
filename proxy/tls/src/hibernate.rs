//! A session at rest: secrets and sequence numbers, no expanded key, no buffer.

use std::ops::DerefMut;

use crate::record::protection::Protection;
use crate::secrets::{CryptoFailure, DirectionSecret};
use crate::session::{Direction, Session, SessionParts};
use crate::version::{Role, Version};

/// What an idle session shrinks to: all that its record layer is rebuilt from.
///
/// The tickets of a client are not kept: a hibernated client ignores those that come later.
pub struct Hibernated {
    version: Version,
    role: Role,
    tx: Stored,
    rx: Stored,
    read: Direction,
    write: Direction,
}

/// One direction at rest.
struct Stored {
    secret: DirectionSecret,
    sequence: u64,
}

/// A hibernated session did not wake: the cryptographic library refused its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeError;

impl Hibernated {
    /// Puts `session` to rest.
    ///
    /// # Errors
    /// Gives the session back when something is under way: a part of a record, a control record
    /// that is due, an error.
    pub fn from_session<G>(session: Session<G>) -> Result<Self, Box<Session<G>>>
    where
        G: DerefMut<Target = [u8]>,
    {
        let SessionParts { version, role, tx, rx, read, write, tickets: _ } =
            session.into_parts()?;
        Ok(Self { version, role, tx: Stored::new(tx), rx: Stored::new(rx), read, write })
    }

    /// The session, with its keys expanded again.
    ///
    /// # Errors
    /// When the library refuses the keys.
    pub fn wake<G>(self) -> Result<Session<G>, WakeError>
    where
        G: DerefMut<Target = [u8]>,
    {
        let Self { version, role, tx, rx, read, write } = self;
        Ok(Session::new(SessionParts {
            version,
            role,
            tx: tx.wake()?,
            rx: rx.wake()?,
            read,
            write,
            tickets: None,
        }))
    }
}

impl Stored {
    fn new(protection: Protection) -> Self {
        let (secret, sequence) = protection.into_secret();
        Self { secret, sequence }
    }

    fn wake(self) -> Result<Protection, WakeError> {
        Protection::new(self.secret, self.sequence).map_err(|CryptoFailure| WakeError)
    }
}

impl std::fmt::Debug for Hibernated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hibernated")
            .field("version", &self.version)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for WakeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the keys of a hibernated session were refused")
    }
}

impl std::error::Error for WakeError {}

/// Two secrets, two sequence numbers, and change: far below the 1 KiB of an idle connection.
const _: () = assert!(size_of::<Hibernated>() <= 192);
