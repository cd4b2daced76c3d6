//! Why TLS ended: one bounded list of reasons, for metric labels and log lines.

use crate::alert::Alert;

/// Why a handshake did not come to its end, or why a session broke.
///
/// The set is closed, so it can label a metric; a peer chooses among the values but adds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The peer went away before the handshake was done.
    ClosedEarly,
    /// A deadline of the owner passed before the handshake was done.
    TimedOut,
    /// Plain HTTP where TLS was expected.
    PlainHttp,
    /// A ClientHello in the format of SSL 2.0.
    Sslv2,
    /// Bytes that are no TLS at all.
    NotTls,
    /// A ClientHello longer than 16 KiB.
    HelloTooLong,
    /// A message that does not parse.
    Malformed,
    /// A message that the protocol does not allow where it came.
    UnexpectedMessage,
    /// A record longer than allowed.
    RecordOverflow,
    /// A value that contradicts another, or that the protocol forbids.
    IllegalParameter,
    /// A server name that is no host name.
    BadServerName,
    /// A server name that no virtual host has.
    UnrecognizedName,
    /// No version in common.
    UnsupportedVersion,
    /// No cipher suite in common.
    NoSharedCipher,
    /// No key exchange group in common.
    NoSharedGroup,
    /// No signature scheme that fits a certificate.
    NoSharedSignature,
    /// No application protocol in common.
    NoSharedAlpn,
    /// Something else that we require and the peer lacks.
    Incompatible,
    /// A certificate was required and none came.
    CertificateRequired,
    /// A certificate chain that ends at no known authority.
    UnknownCa,
    /// A certificate that has expired, or is not valid yet.
    CertificateExpired,
    /// A certificate that was revoked, or whose revocation is unknown.
    CertificateRevoked,
    /// A certificate that is bad in another way.
    BadCertificate,
    /// A signature or a Finished that did not verify.
    DecryptError,
    /// A record whose protection did not verify.
    BadRecordMac,
    /// The peer exceeded a cap on records that cost us and carry nothing.
    Flood,
    /// The peer refused our certificate.
    PeerRejectedCertificate,
    /// The peer found nothing in common with us.
    PeerFoundNothingShared,
    /// The peer refused us with another alert.
    PeerAlert,
    /// No record buffer was to be had.
    NoBuffer,
    /// A fault of our own, or of our configuration.
    Internal,
}

impl Reason {
    /// Every reason there is, in the order of declaration: to create the series of a metric.
    pub const ALL: &'static [Self] = &[
        Self::ClosedEarly,
        Self::TimedOut,
        Self::PlainHttp,
        Self::Sslv2,
        Self::NotTls,
        Self::HelloTooLong,
        Self::Malformed,
        Self::UnexpectedMessage,
        Self::RecordOverflow,
        Self::IllegalParameter,
        Self::BadServerName,
        Self::UnrecognizedName,
        Self::UnsupportedVersion,
        Self::NoSharedCipher,
        Self::NoSharedGroup,
        Self::NoSharedSignature,
        Self::NoSharedAlpn,
        Self::Incompatible,
        Self::CertificateRequired,
        Self::UnknownCa,
        Self::CertificateExpired,
        Self::CertificateRevoked,
        Self::BadCertificate,
        Self::DecryptError,
        Self::BadRecordMac,
        Self::Flood,
        Self::PeerRejectedCertificate,
        Self::PeerFoundNothingShared,
        Self::PeerAlert,
        Self::NoBuffer,
        Self::Internal,
    ];

    /// Its place in [`Reason::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name as the value of a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ClosedEarly => "closed_early",
            Self::TimedOut => "timed_out",
            Self::PlainHttp => "plain_http",
            Self::Sslv2 => "sslv2",
            Self::NotTls => "not_tls",
            Self::HelloTooLong => "hello_too_long",
            Self::Malformed => "malformed",
            Self::UnexpectedMessage => "unexpected_message",
            Self::RecordOverflow => "record_overflow",
            Self::IllegalParameter => "illegal_parameter",
            Self::BadServerName => "bad_server_name",
            Self::UnrecognizedName => "unrecognized_name",
            Self::UnsupportedVersion => "unsupported_version",
            Self::NoSharedCipher => "no_shared_cipher",
            Self::NoSharedGroup => "no_shared_group",
            Self::NoSharedSignature => "no_shared_signature",
            Self::NoSharedAlpn => "no_shared_alpn",
            Self::Incompatible => "incompatible",
            Self::CertificateRequired => "certificate_required",
            Self::UnknownCa => "unknown_ca",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateRevoked => "certificate_revoked",
            Self::BadCertificate => "bad_certificate",
            Self::DecryptError => "decrypt_error",
            Self::BadRecordMac => "bad_record_mac",
            Self::Flood => "flood",
            Self::PeerRejectedCertificate => "peer_rejected_certificate",
            Self::PeerFoundNothingShared => "peer_found_nothing_shared",
            Self::PeerAlert => "peer_alert",
            Self::NoBuffer => "no_buffer",
            Self::Internal => "internal",
        }
    }

    /// What an alert tells with which the peer gave up.
    #[must_use]
    pub const fn from_peer_alert(alert: Alert) -> Self {
        match alert {
            Alert::CloseNotify | Alert::UserCanceled => Self::ClosedEarly,
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCa
            | Alert::BadCertificateStatusResponse => Self::PeerRejectedCertificate,
            Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion => {
                Self::PeerFoundNothingShared
            }
            _ => Self::PeerAlert,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}
