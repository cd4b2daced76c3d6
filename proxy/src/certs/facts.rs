//! What is said about a certificate: for checks, logs and metrics.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;
use x509_parser::time::ASN1Time;

use super::CertificateError;
use crate::vhost::NamePattern;

/// How long before its end a certificate is worth a warning.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * SECONDS_OF_DAY);

const SECONDS_OF_DAY: u64 = 86_400;

/// What logs, checks and metrics say of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Start of its validity.
    pub(crate) not_before: SystemTime,
    /// End of its validity.
    pub(crate) not_after: SystemTime,
    /// DNS names among its subject alternative names. RFC 6125 §6.4.4: the common name is none.
    pub(crate) names: Vec<NamePattern>,
}

impl CertificateFacts {
    /// The facts of `leaf`, which came from `path`.
    ///
    /// # Errors
    /// It isn't X.509.
    pub(crate) fn of(leaf: &CertificateDer<'_>, path: &Path) -> Result<Self, CertificateError> {
        let bad = || CertificateError::BadCertificate { path: path.to_owned() };
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|_| bad())?;
        let validity = parsed.validity();
        Ok(Self {
            path: path.to_owned(),
            not_before: system_time(&validity.not_before),
            not_after: system_time(&validity.not_after),
            names: dns_names(&parsed),
        })
    }

    /// Whether every client name that `pattern` stands for is one of this certificate's.
    pub(crate) fn covers(&self, pattern: &NamePattern) -> bool {
        self.names.iter().any(|name| match (name, pattern) {
            (NamePattern::Wildcard(suffix), NamePattern::Exact(wanted)) => {
                wanted.parent() == Some(suffix.as_str())
            }
            (name, pattern) => name == pattern,
        })
    }

    /// What `now` means for it.
    pub(crate) fn validity(&self, now: SystemTime) -> Validity {
        let days = |time: Duration| time.as_secs() / SECONDS_OF_DAY;
        if now < self.not_before {
            return Validity::NotYet;
        }
        match self.not_after.duration_since(now) {
            Ok(left) if left < EXPIRES_SOON => Validity::Ending { days: days(left) },
            Ok(_) => Validity::Good,
            Err(past) => Validity::Ended { days: days(past.duration()) },
        }
    }
}

/// Where in its life a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Before its start.
    NotYet,
    /// In the middle.
    Good,
    /// Near its end.
    Ending {
        /// Whole days left.
        days: u64,
    },
    /// Past its end.
    Ended {
        /// Whole days since.
        days: u64,
    },
}

fn system_time(time: &ASN1Time) -> SystemTime {
    let since_epoch = Duration::from_secs(time.timestamp().unsigned_abs());
    if time.timestamp() < 0 {
        SystemTime::UNIX_EPOCH - since_epoch
    } else {
        SystemTime::UNIX_EPOCH + since_epoch
    }
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<NamePattern> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => NamePattern::new(name).ok(),
            _ => None,
        })
        .collect()
}
