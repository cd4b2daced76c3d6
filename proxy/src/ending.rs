//! Why a session ended, and how its connection is left.

#[cfg(test)]
mod tests;

use netstack::CloseReason;
use weir_tls::{Reason, SealError, SessionError};

use crate::vhost::Refusal;

/// Why a session is over.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Both directions came to their ends.
    Finished,
    /// The client finished before its handshake did.
    GaveUp,
    /// The connection itself ended.
    Connection(CloseReason),
    /// No handshake, for the reason that its metric names.
    Handshake(Reason),
    /// The server name, or its absence, is nobody's.
    Refused(Refusal),
    /// No byte for longer than `idle`.
    IdleTimeout,
    /// The protocol that was negotiated has no pool.
    NoPool,
    /// No server of the pool could be connected.
    BackendUnreachable,
    /// The backend broke its connection off.
    BackendReset,
    /// The client's records were broken.
    Broken(SessionError),
    /// The client finished in the midst of a record.
    Truncated,
    /// A record could not be sealed: keys used up, or a fault of ours.
    Unsealed(SealError),
    /// Buffers ran out where waiting is not possible.
    NoBuffer,
    /// weir stops.
    Drained,
    /// A fault of ours: the code for this connection panicked.
    Panicked,
}

/// How the client's connection is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// What is queued is delivered, and a FIN behind it.
    Close,
    /// RST: the client must not take what it has for the whole.
    Abort,
    /// It is gone already.
    Gone,
}

impl Ending {
    /// Names of the endings that weir itself decides, in the order of [`Self::index`].
    const NAMES: [&str; 14] = [
        "done",
        "client_gave_up",
        "handshake_failed",
        "unrecognized_name",
        "idle_timeout",
        "no_pool",
        "backend_unreachable",
        "backend_reset",
        "broken_record",
        "unsealed",
        "no_buffer",
        "drained",
        "panicked",
        "truncated",
    ];

    /// Every name, in the order of [`Self::index`].
    pub(crate) fn names() -> Vec<&'static str> {
        let connection = CloseReason::ALL.into_iter().map(CloseReason::name);
        Self::NAMES.into_iter().chain(connection).collect()
    }

    /// The place among [`Self::names`].
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::Finished => 0,
            Self::GaveUp => 1,
            Self::Handshake(_) => 2,
            Self::Refused(_) => 3,
            Self::IdleTimeout => 4,
            Self::NoPool => 5,
            Self::BackendUnreachable => 6,
            Self::BackendReset => 7,
            Self::Broken(_) => 8,
            Self::Unsealed(_) => 9,
            Self::NoBuffer => 10,
            Self::Drained => 11,
            Self::Panicked => 12,
            Self::Truncated => 13,
            Self::Connection(reason) => Self::NAMES.len() + reason.index(),
        }
    }

    /// Why the handshake failed, for an ending before its end.
    pub(crate) fn handshake_failure(&self) -> Option<Reason> {
        match self {
            Self::Handshake(reason) => Some(*reason),
            Self::GaveUp | Self::Connection(_) => Some(Reason::ClosedEarly),
            Self::Refused(Refusal::MalformedName) => Some(Reason::BadServerName),
            Self::Refused(Refusal::MissingName | Refusal::UnknownName) => {
                Some(Reason::UnrecognizedName)
            }
            Self::NoPool => Some(Reason::NoSharedAlpn),
            Self::NoBuffer => Some(Reason::NoBuffer),
            Self::Unsealed(_) | Self::Panicked => Some(Reason::Internal),
            Self::Broken(error) => Some(error.reason()),
            Self::Finished
            | Self::IdleTimeout
            | Self::BackendUnreachable
            | Self::BackendReset
            | Self::Truncated
            | Self::Drained => None,
        }
    }

    /// How to leave the client's connection.
    pub(crate) fn parting(&self) -> Parting {
        match self {
            Self::Finished
            | Self::GaveUp
            | Self::Handshake(_)
            | Self::Refused(_)
            | Self::IdleTimeout
            | Self::NoPool
            | Self::BackendUnreachable
            | Self::Broken(_)
            | Self::Drained => Parting::Close,
            Self::BackendReset
            | Self::Truncated
            | Self::Unsealed(_)
            | Self::NoBuffer
            | Self::Panicked => Parting::Abort,
            Self::Connection(_) => Parting::Gone,
        }
    }
}
