//! Errors of an established session, by who is to blame.

use crate::alert::Alert;
use crate::failure::Reason;

/// Why a session broke. It is over in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SessionError {
    /// The peer did what the protocol or a cap forbids, or said that it gives up.
    Peer(PeerError),
    /// Something ran out here.
    Resource(ResourceError),
    /// A fault of ours, or of the cryptographic library.
    Internal,
}

impl SessionError {
    /// The alert that the peer is owed, if it is still listening.
    #[must_use]
    pub const fn alert(self) -> Option<Alert> {
        match self {
            Self::Peer(error) => error.alert(),
            Self::Resource(_) | Self::Internal => Some(Alert::InternalError),
        }
    }

    /// The reason as a metric counts it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Peer(error) => error.reason(),
            Self::Resource(_) => Reason::NoBuffer,
            Self::Internal => Reason::Internal,
        }
    }
}

/// What a peer did to end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PeerError {
    /// A record's protection did not verify.
    BadRecordMac,
    /// A record is longer than the protocol allows.
    RecordOverflow,
    /// A record of a type that does not belong here.
    UnexpectedRecord,
    /// A record of TLS 1.3 that is all padding.
    NoContentType,
    /// A record that bears another version than TLS 1.2's.
    WrongVersion,
    /// A handshake message that does not belong here.
    UnexpectedMessage,
    /// Another record between the parts of a handshake message.
    InterleavedMessage,
    /// A KeyUpdate that is not the last thing under the old key.
    MessageAcrossKeys,
    /// A message that does not parse.
    Malformed,
    /// A field with a value that is not allowed.
    IllegalParameter,
    /// More KeyUpdates than data justifies.
    TooManyKeyUpdates,
    /// Too many records without a byte of data.
    TooManyEmptyRecords,
    /// Too many records with a few bytes of data.
    TooManyTinyRecords,
    /// Too many warning alerts.
    TooManyWarnings,
    /// Too many attempts to renegotiate.
    TooManyRenegotiations,
    /// Records beyond the last sequence number.
    SequenceExhausted,
    /// The peer gave up with this alert.
    AlertReceived(Alert),
}

impl PeerError {
    /// The alert that answers it; none to a peer that sent one itself.
    #[must_use]
    pub const fn alert(self) -> Option<Alert> {
        match self {
            Self::BadRecordMac => Some(Alert::BadRecordMac),
            Self::RecordOverflow => Some(Alert::RecordOverflow),
            Self::WrongVersion => Some(Alert::ProtocolVersion),
            Self::Malformed => Some(Alert::DecodeError),
            Self::IllegalParameter => Some(Alert::IllegalParameter),
            Self::UnexpectedRecord
            | Self::NoContentType
            | Self::UnexpectedMessage
            | Self::InterleavedMessage
            | Self::MessageAcrossKeys
            | Self::TooManyKeyUpdates
            | Self::TooManyEmptyRecords
            | Self::TooManyTinyRecords
            | Self::TooManyWarnings
            | Self::TooManyRenegotiations
            | Self::SequenceExhausted => Some(Alert::UnexpectedMessage),
            Self::AlertReceived(_) => None,
        }
    }

    /// The reason as a metric counts it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::BadRecordMac => Reason::BadRecordMac,
            Self::RecordOverflow => Reason::RecordOverflow,
            Self::WrongVersion => Reason::UnsupportedVersion,
            Self::Malformed => Reason::Malformed,
            Self::IllegalParameter => Reason::IllegalParameter,
            Self::UnexpectedRecord
            | Self::NoContentType
            | Self::UnexpectedMessage
            | Self::InterleavedMessage
            | Self::MessageAcrossKeys => Reason::UnexpectedMessage,
            Self::TooManyKeyUpdates
            | Self::TooManyEmptyRecords
            | Self::TooManyTinyRecords
            | Self::TooManyWarnings
            | Self::TooManyRenegotiations
            | Self::SequenceExhausted => Reason::Flood,
            Self::AlertReceived(alert) => Reason::from_peer_alert(alert),
        }
    }
}

impl From<PeerError> for SessionError {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

/// What ran out while a session took in data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ResourceError {
    /// A record spans payloads and the caller gave no record buffer.
    NoRecordBuffer,
    /// The record buffer that the caller gave is too short for the record.
    RecordBufferTooShort,
}

impl From<ResourceError> for SessionError {
    fn from(error: ResourceError) -> Self {
        Self::Resource(error)
    }
}

/// Why a record was not sealed. Nothing was written that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SealError {
    /// A control record must go first: call
    /// [`Session::seal_control`](crate::Session::seal_control), send what it wrote, seal again.
    ControlFirst,
    /// Our direction is closed.
    Closed,
    /// The buffer lacks [`HEADER_ROOM`](crate::HEADER_ROOM) before the payload or
    /// [`TAG_ROOM`](crate::TAG_ROOM) behind it.
    NoRoom,
    /// The payload exceeds [`PLAINTEXT_MAX`](crate::PLAINTEXT_MAX).
    TooLong,
    /// The key has sealed all that it may and TLS 1.2 has no other: close the connection.
    KeyExhausted,
    /// The cryptographic library refused.
    Crypto,
}

macro_rules! impl_error {
    ($($error:ty),*) => {$(
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self, f)
            }
        }
        impl std::error::Error for $error {}
    )*};
}

impl_error!(SessionError, PeerError, ResourceError, SealError);
