//! Names of alerts and reasons.

use std::collections::HashSet;

use crate::alert::{self, Alert};
use crate::{HandshakeError, PeerError, Reason, ResourceError, SessionError};

#[test]
fn every_number_of_an_alert_comes_back() {
    for code in 0..=u8::MAX {
        assert_eq!(Alert::from_wire(code).to_wire(), code);
    }
    assert_eq!(Alert::from_wire(112), Alert::UnrecognizedName);
    assert_eq!(Alert::from_wire(112).to_string(), "unrecognized_name");
    assert_eq!(Alert::from_wire(1).name(), "unknown");
}

#[test]
fn a_plaintext_alert_is_a_record_of_seven_bytes() {
    let mut out = Vec::new();
    alert::plaintext(Alert::UnrecognizedName, &mut out);
    assert_eq!(out, [21, 3, 3, 0, 2, 2, 112]);
}

#[test]
fn the_list_of_reasons_is_whole_and_its_labels_differ() {
    for (index, reason) in Reason::ALL.iter().enumerate() {
        assert_eq!(reason.index(), index);
    }
    let labels: HashSet<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
    assert_eq!(labels.len(), Reason::ALL.len());
    assert_eq!(Reason::ALL.last(), Some(&Reason::Internal), "the last that is declared");
}

#[test]
fn reasons_follow_the_blame() {
    let rustls = |error| HandshakeError::Rustls(error).reason();
    use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, PeerMisbehaved};
    let cases = [
        (PeerIncompatible::NoCipherSuitesInCommon.into(), Reason::NoSharedCipher),
        (PeerIncompatible::NoKxGroupsInCommon.into(), Reason::NoSharedGroup),
        (PeerIncompatible::Tls12NotOffered.into(), Reason::UnsupportedVersion),
        (PeerMisbehaved::TooManyEmptyFragments.into(), Reason::Flood),
        (CertificateError::UnknownIssuer.into(), Reason::UnknownCa),
        (CertificateError::Expired.into(), Reason::CertificateExpired),
        (CertificateError::Revoked.into(), Reason::CertificateRevoked),
        (CertificateError::BadSignature.into(), Reason::BadCertificate),
        (Error::NoCertificatesPresented, Reason::CertificateRequired),
        (Error::DecryptError, Reason::DecryptError),
        (Error::AlertReceived(AlertDescription::CloseNotify), Reason::ClosedEarly),
        (Error::AlertReceived(AlertDescription::UnknownCA), Reason::PeerRejectedCertificate),
        (Error::AlertReceived(AlertDescription::HandshakeFailure), Reason::PeerFoundNothingShared),
        (Error::AlertReceived(AlertDescription::InternalError), Reason::PeerAlert),
        (Error::NoApplicationProtocol, Reason::NoSharedAlpn),
        (Error::PeerSentOversizedRecord, Reason::RecordOverflow),
        (Error::FailedToGetRandomBytes, Reason::Internal),
    ];
    for (error, reason) in cases {
        assert_eq!(rustls(error), reason);
    }
    assert_eq!(HandshakeError::PeerClosed.reason(), Reason::ClosedEarly);
    assert_eq!(SessionError::from(PeerError::BadRecordMac).reason(), Reason::BadRecordMac);
    assert_eq!(SessionError::from(ResourceError::NoRecordBuffer).reason(), Reason::NoBuffer);
}
