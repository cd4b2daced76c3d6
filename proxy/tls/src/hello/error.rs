//! Why a hello is refused.

use crate::alert::Alert;
use crate::failure::Reason;

/// Why the first bytes of a connection are no acceptable hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum HelloError {
    /// The first line of an HTTP request.
    PlainHttp,
    /// A ClientHello in the format of SSL 2.0. RFC 6176.
    Sslv2,
    /// No TLS at all.
    NotTls,
    /// Longer than [`HELLO_MAX`](super::HELLO_MAX).
    TooLong,
    /// A record that is no handshake record.
    UnexpectedRecord,
    /// A record longer than the protocol allows.
    RecordOverflow,
    /// A handshake record without content.
    EmptyRecord,
    /// A handshake message that is no ClientHello.
    UnexpectedMessage,
    /// More bytes in the record in which the hello ends.
    TrailingBytes,
    /// A field that does not parse.
    Malformed,
    /// The same extension twice. RFC 8446 §4.2.
    DuplicateExtension,
    /// More extensions than any client has.
    TooManyExtensions,
    /// Neither TLS 1.2 nor 1.3 is offered.
    UnsupportedVersion,
    /// The server name is not one host name.
    ServerName(ServerNameError),
}

/// Why a server name extension is refused. RFC 6066 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ServerNameError {
    /// The lists in it do not parse.
    Malformed,
    /// A name of a type other than `host_name`.
    UnknownType,
    /// No name, or more than one.
    NotOneName,
    /// An empty name or label.
    Empty,
    /// More than 253 bytes, or a label of more than 63.
    TooLong,
    /// A byte that is no letter, digit, hyphen or underscore: NUL, space, `*`, non-ASCII.
    BadByte,
}

impl HelloError {
    /// The alert that a TLS client is owed; none to who speaks something else.
    #[must_use]
    pub const fn alert(self) -> Option<Alert> {
        match self {
            Self::PlainHttp | Self::NotTls => None,
            Self::Sslv2 | Self::UnsupportedVersion => Some(Alert::ProtocolVersion),
            Self::RecordOverflow => Some(Alert::RecordOverflow),
            Self::UnexpectedRecord
            | Self::EmptyRecord
            | Self::UnexpectedMessage
            | Self::TrailingBytes => Some(Alert::UnexpectedMessage),
            Self::TooLong | Self::Malformed => Some(Alert::DecodeError),
            Self::DuplicateExtension | Self::TooManyExtensions => Some(Alert::IllegalParameter),
            Self::ServerName(ServerNameError::Malformed) => Some(Alert::DecodeError),
            Self::ServerName(_) => Some(Alert::IllegalParameter),
        }
    }

    /// The reason as a metric counts it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::PlainHttp => Reason::PlainHttp,
            Self::Sslv2 => Reason::Sslv2,
            Self::NotTls => Reason::NotTls,
            Self::TooLong => Reason::HelloTooLong,
            Self::RecordOverflow => Reason::RecordOverflow,
            Self::UnexpectedRecord
            | Self::EmptyRecord
            | Self::UnexpectedMessage
            | Self::TrailingBytes => Reason::UnexpectedMessage,
            Self::Malformed => Reason::Malformed,
            Self::DuplicateExtension | Self::TooManyExtensions => Reason::IllegalParameter,
            Self::UnsupportedVersion => Reason::UnsupportedVersion,
            Self::ServerName(_) => Reason::BadServerName,
        }
    }
}

impl std::fmt::Display for HelloError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PlainHttp => "plain HTTP",
            Self::Sslv2 => "an SSL 2.0 hello",
            Self::NotTls => "not TLS",
            Self::TooLong => "hello longer than 16 KiB",
            Self::UnexpectedRecord => "a record that is no handshake record",
            Self::RecordOverflow => "a record that is too long",
            Self::EmptyRecord => "an empty handshake record",
            Self::UnexpectedMessage => "a handshake message that is no ClientHello",
            Self::TrailingBytes => "bytes behind the ClientHello in its record",
            Self::Malformed => "a ClientHello that does not parse",
            Self::DuplicateExtension => "an extension that comes twice",
            Self::TooManyExtensions => "too many extensions",
            Self::UnsupportedVersion => "neither TLS 1.2 nor 1.3 offered",
            Self::ServerName(error) => return error.fmt(f),
        })
    }
}

impl std::fmt::Display for ServerNameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a server name extension that does not parse",
            Self::UnknownType => "a server name of an unknown type",
            Self::NotOneName => "not exactly one server name",
            Self::Empty => "an empty server name or label",
            Self::TooLong => "a server name or label that is too long",
            Self::BadByte => "a byte in the server name that host names do not have",
        })
    }
}

impl From<ServerNameError> for HelloError {
    fn from(error: ServerNameError) -> Self {
        Self::ServerName(error)
    }
}

impl std::error::Error for HelloError {}
impl std::error::Error for ServerNameError {}
