//! Why a handshake failed.

use rustls::{CertificateError, Error, PeerIncompatible, PeerMisbehaved};

use crate::alert::Alert;
use crate::failure::Reason;
use crate::secrets::CryptoFailure;

/// Why a handshake failed. [`HandshakeError::reason`] has the short answer.
#[derive(Clone, Debug)]
#[must_use]
pub enum HandshakeError {
    /// rustls says so.
    Rustls(Error),
    /// The peer closed the connection in the midst of it.
    PeerClosed,
    /// The peer's Finished was followed by more in the same record.
    BytesBehindFinished,
    /// Application data came before the handshake was done.
    EarlyTraffic,
    /// The configuration did not go through [`prepare_server`](super::prepare_server) or
    /// [`prepare_client`](super::prepare_client).
    NotPrepared,
    /// rustls reached a state that this crate does not know.
    UnknownState,
    /// The handshake was over already.
    Over,
    /// The secrets that rustls gave away do not fit together.
    Secrets,
}

impl HandshakeError {
    /// The reason as a metric counts it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Rustls(error) => of_rustls(error),
            Self::PeerClosed => Reason::ClosedEarly,
            Self::BytesBehindFinished | Self::EarlyTraffic => Reason::UnexpectedMessage,
            Self::NotPrepared | Self::UnknownState | Self::Over | Self::Secrets => Reason::Internal,
        }
    }

    /// The alert with which the peer gave up, if it did.
    #[must_use]
    pub fn received_alert(&self) -> Option<Alert> {
        match self {
            Self::Rustls(Error::AlertReceived(alert)) => Some(Alert::from_wire(u8::from(*alert))),
            _ => None,
        }
    }
}

impl From<Error> for HandshakeError {
    fn from(error: Error) -> Self {
        Self::Rustls(error)
    }
}

impl From<CryptoFailure> for HandshakeError {
    fn from(CryptoFailure: CryptoFailure) -> Self {
        Self::Secrets
    }
}

impl std::fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rustls(error) => error.fmt(f),
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::BytesBehindFinished => f.write_str("bytes behind Finished in its record"),
            Self::EarlyTraffic => f.write_str("application data before the end of the handshake"),
            Self::NotPrepared => f.write_str("the configuration was not prepared"),
            Self::UnknownState => f.write_str("an unknown state of rustls"),
            Self::Over => f.write_str("the handshake was over already"),
            Self::Secrets => f.write_str("the secrets do not fit together"),
        }
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rustls(error) => Some(error),
            _ => None,
        }
    }
}

fn of_rustls(error: &Error) -> Reason {
    match error {
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            Reason::UnexpectedMessage
        }
        Error::InvalidMessage(_) => Reason::Malformed,
        Error::NoCertificatesPresented => Reason::CertificateRequired,
        // A record that does not open and a Finished that does not verify are one error to rustls.
        Error::DecryptError => Reason::DecryptError,
        Error::PeerIncompatible(error) => of_incompatible(error),
        Error::PeerMisbehaved(error) => of_misbehaved(error),
        Error::AlertReceived(alert) => Reason::from_peer_alert(Alert::from_wire(u8::from(*alert))),
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::PeerSentOversizedRecord => Reason::RecordOverflow,
        Error::NoApplicationProtocol => Reason::NoSharedAlpn,
        _ => Reason::Internal,
    }
}

fn of_incompatible(error: &PeerIncompatible) -> Reason {
    match error {
        PeerIncompatible::NoCipherSuitesInCommon => Reason::NoSharedCipher,
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NoEcPointFormatsInCommon => {
            Reason::NoSharedGroup
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            Reason::NoSharedSignature
        }
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => Reason::UnsupportedVersion,
        _ => Reason::Incompatible,
    }
}

fn of_misbehaved(error: &PeerMisbehaved) -> Reason {
    match error {
        PeerMisbehaved::TooManyEmptyFragments
        | PeerMisbehaved::TooManyKeyUpdateRequests
        | PeerMisbehaved::TooManyRenegotiationRequests
        | PeerMisbehaved::TooManyWarningAlertsReceived => Reason::Flood,
        PeerMisbehaved::ServerNameMustContainOneHostName => Reason::BadServerName,
        _ => Reason::IllegalParameter,
    }
}

fn of_certificate(error: &CertificateError) -> Reason {
    match error {
        CertificateError::UnknownIssuer => Reason::UnknownCa,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Reason::CertificateExpired,
        CertificateError::Revoked
        | CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => Reason::CertificateRevoked,
        _ => Reason::BadCertificate,
    }
}
