//! Why a connection failed, as the reasons that are counted.

use weir_tls::{HandshakeError, PeerError, SealError, SessionError};

use crate::seconds::Reason;

/// One failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failed {
    /// What it counts as.
    pub(crate) reason: Reason,
    /// What exactly went wrong; may be empty.
    pub(crate) detail: String,
}

impl Failed {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::new(reason, "")
    }
}

impl From<HandshakeError> for Failed {
    fn from(error: HandshakeError) -> Self {
        let reason = match &error {
            error if error.received_alert().is_some() => Reason::Alert,
            HandshakeError::Rustls(rustls::Error::InvalidCertificate(_)) => Reason::Certificate,
            HandshakeError::PeerClosed => Reason::Closed,
            _ => Reason::Handshake,
        };
        Self::new(reason, error.to_string())
    }
}

pub(super) fn of_session(error: SessionError) -> Failed {
    let reason = match error {
        SessionError::Peer(PeerError::AlertReceived(_)) => Reason::Alert,
        SessionError::Peer(_) | SessionError::Internal => Reason::Tls,
        SessionError::Resource(_) => Reason::Shortage,
    };
    Failed::new(reason, format!("{error:?}"))
}

pub(super) fn of_seal(error: SealError) -> Failed {
    let reason = match error {
        SealError::Closed => Reason::Closed,
        _ => Reason::Tls,
    };
    Failed::new(reason, format!("{error:?}"))
}
