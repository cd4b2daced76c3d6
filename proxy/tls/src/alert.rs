//! Alerts: their names, and the record that carries one in plaintext.

use crate::record::header::{ContentType, RecordHeader, VERSION_TLS12};

/// What an alert says, by the name and number IANA gave it. RFC 8446 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alert {
    /// The sender will send nothing more.
    CloseNotify,
    /// A message that the state of the connection does not allow.
    UnexpectedMessage,
    /// A record whose protection did not verify.
    BadRecordMac,
    /// A record longer than the protocol allows.
    RecordOverflow,
    /// No acceptable set of parameters.
    HandshakeFailure,
    /// A certificate that is corrupt or whose signature is wrong.
    BadCertificate,
    /// A certificate of an unsupported type.
    UnsupportedCertificate,
    /// A certificate that its signer revoked.
    CertificateRevoked,
    /// A certificate that has expired or is not valid yet.
    CertificateExpired,
    /// A certificate that is unacceptable for another reason.
    CertificateUnknown,
    /// A field out of range or inconsistent with others.
    IllegalParameter,
    /// A chain that ends at no known authority.
    UnknownCa,
    /// A valid certificate that the policy refuses.
    AccessDenied,
    /// A message that could not be parsed.
    DecodeError,
    /// A signature or Finished that did not verify.
    DecryptError,
    /// A version that is recognised but not supported.
    ProtocolVersion,
    /// Parameters weaker than the sender demands.
    InsufficientSecurity,
    /// A fault of the sender itself.
    InternalError,
    /// A retry with a lower version than the sender supports. RFC 7507.
    InappropriateFallback,
    /// The handshake is given up for a reason outside the protocol.
    UserCanceled,
    /// Renegotiation is refused. TLS 1.2 only, RFC 5746.
    NoRenegotiation,
    /// A required extension is absent.
    MissingExtension,
    /// An extension that does not belong into its message.
    UnsupportedExtension,
    /// No server here has the name that was asked for. RFC 6066 §3.
    UnrecognizedName,
    /// An invalid OCSP response.
    BadCertificateStatusResponse,
    /// No acceptable pre-shared key.
    UnknownPskIdentity,
    /// A client certificate was wanted and not given.
    CertificateRequired,
    /// None of the offered application protocols is spoken here. RFC 7301.
    NoApplicationProtocol,
    /// A number without a name here.
    Unknown(u8),
}

impl Alert {
    /// The alert that a number on the wire stands for.
    #[must_use]
    pub const fn from_wire(code: u8) -> Self {
        match code {
            0 => Self::CloseNotify,
            10 => Self::UnexpectedMessage,
            20 => Self::BadRecordMac,
            22 => Self::RecordOverflow,
            40 => Self::HandshakeFailure,
            42 => Self::BadCertificate,
            43 => Self::UnsupportedCertificate,
            44 => Self::CertificateRevoked,
            45 => Self::CertificateExpired,
            46 => Self::CertificateUnknown,
            47 => Self::IllegalParameter,
            48 => Self::UnknownCa,
            49 => Self::AccessDenied,
            50 => Self::DecodeError,
            51 => Self::DecryptError,
            70 => Self::ProtocolVersion,
            71 => Self::InsufficientSecurity,
            80 => Self::InternalError,
            86 => Self::InappropriateFallback,
            90 => Self::UserCanceled,
            100 => Self::NoRenegotiation,
            109 => Self::MissingExtension,
            110 => Self::UnsupportedExtension,
            112 => Self::UnrecognizedName,
            113 => Self::BadCertificateStatusResponse,
            115 => Self::UnknownPskIdentity,
            116 => Self::CertificateRequired,
            120 => Self::NoApplicationProtocol,
            other => Self::Unknown(other),
        }
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::CloseNotify => 0,
            Self::UnexpectedMessage => 10,
            Self::BadRecordMac => 20,
            Self::RecordOverflow => 22,
            Self::HandshakeFailure => 40,
            Self::BadCertificate => 42,
            Self::UnsupportedCertificate => 43,
            Self::CertificateRevoked => 44,
            Self::CertificateExpired => 45,
            Self::CertificateUnknown => 46,
            Self::IllegalParameter => 47,
            Self::UnknownCa => 48,
            Self::AccessDenied => 49,
            Self::DecodeError => 50,
            Self::DecryptError => 51,
            Self::ProtocolVersion => 70,
            Self::InsufficientSecurity => 71,
            Self::InternalError => 80,
            Self::InappropriateFallback => 86,
            Self::UserCanceled => 90,
            Self::NoRenegotiation => 100,
            Self::MissingExtension => 109,
            Self::UnsupportedExtension => 110,
            Self::UnrecognizedName => 112,
            Self::BadCertificateStatusResponse => 113,
            Self::UnknownPskIdentity => 115,
            Self::CertificateRequired => 116,
            Self::NoApplicationProtocol => 120,
            Self::Unknown(code) => code,
        }
    }

    /// Its name in IANA's registry, lower case; `unknown` for a number without one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloseNotify => "close_notify",
            Self::UnexpectedMessage => "unexpected_message",
            Self::BadRecordMac => "bad_record_mac",
            Self::RecordOverflow => "record_overflow",
            Self::HandshakeFailure => "handshake_failure",
            Self::BadCertificate => "bad_certificate",
            Self::UnsupportedCertificate => "unsupported_certificate",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateUnknown => "certificate_unknown",
            Self::IllegalParameter => "illegal_parameter",
            Self::UnknownCa => "unknown_ca",
            Self::AccessDenied => "access_denied",
            Self::DecodeError => "decode_error",
            Self::DecryptError => "decrypt_error",
            Self::ProtocolVersion => "protocol_version",
            Self::InsufficientSecurity => "insufficient_security",
            Self::InternalError => "internal_error",
            Self::InappropriateFallback => "inappropriate_fallback",
            Self::UserCanceled => "user_canceled",
            Self::NoRenegotiation => "no_renegotiation",
            Self::MissingExtension => "missing_extension",
            Self::UnsupportedExtension => "unsupported_extension",
            Self::UnrecognizedName => "unrecognized_name",
            Self::BadCertificateStatusResponse => "bad_certificate_status_response",
            Self::UnknownPskIdentity => "unknown_psk_identity",
            Self::CertificateRequired => "certificate_required",
            Self::NoApplicationProtocol => "no_application_protocol",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The level it is sent with. In TLS 1.3 receivers ignore it. RFC 8446 §6.
    const fn level(self) -> u8 {
        match self {
            Self::CloseNotify | Self::UserCanceled | Self::NoRenegotiation => LEVEL_WARNING,
            _ => LEVEL_FATAL,
        }
    }

    /// The two bytes of the message.
    pub(crate) const fn message(self) -> [u8; 2] {
        [self.level(), self.to_wire()]
    }
}

impl std::fmt::Display for Alert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Appends a plaintext record with `alert` to `out`: for a peer whose hello is refused before
/// there are keys.
pub fn plaintext(alert: Alert, out: &mut Vec<u8>) {
    let message = alert.message();
    let header =
        RecordHeader { content_type: ContentType::ALERT, version: VERSION_TLS12, length: 2 };
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(&message);
}

/// Level of an alert after which the connection may go on.
pub(crate) const LEVEL_WARNING: u8 = 1;
/// Level of an alert that ends the connection.
pub(crate) const LEVEL_FATAL: u8 = 2;
