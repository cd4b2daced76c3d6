//! KeyUpdate: the message, and what a session owes the peer because of one. RFC 8446 §4.6.3.

use crate::post_handshake::KEY_UPDATE;

/// Whether a KeyUpdate asks for one in return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUpdateRequest {
    /// Only the sender's keys change.
    NotRequested,
    /// The receiver shall update its keys too.
    Requested,
}

impl KeyUpdateRequest {
    pub(crate) const fn from_wire(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::NotRequested),
            1 => Some(Self::Requested),
            _ => None,
        }
    }

    const fn to_wire(self) -> u8 {
        match self {
            Self::NotRequested => 0,
            Self::Requested => 1,
        }
    }

    /// The whole handshake message.
    pub(crate) const fn message(self) -> [u8; 5] {
        [KEY_UPDATE, 0, 0, 1, self.to_wire()]
    }
}

/// Control records that have to go out before more data.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PendingControl {
    /// A KeyUpdate; several reasons for one become one.
    pub(crate) key_update: Option<KeyUpdateRequest>,
    /// The warning that renegotiation is refused.
    pub(crate) no_renegotiation: bool,
}

impl PendingControl {
    pub(crate) const fn is_any(self) -> bool {
        self.key_update.is_some() || self.no_renegotiation
    }

    /// Notes that a KeyUpdate is owed; a request of ours is not lost to a mere answer.
    pub(crate) fn key_update(&mut self, request: KeyUpdateRequest) {
        if self.key_update != Some(KeyUpdateRequest::Requested) {
            self.key_update = Some(request);
        }
    }
}
