//! Certificates: chains and keys from PEM files, chosen by what the client can verify.

mod facts;
mod pem;
mod resolver;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SigningKey};

pub(crate) use facts::{CertificateFacts, Validity};
pub(crate) use pem::PemFile;
pub(crate) use resolver::Resolver;

/// A chain with the key that fits it.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// What rustls signs with.
    pub(crate) certified: Arc<CertifiedKey>,
    /// What people and metrics read.
    pub(crate) facts: CertificateFacts,
}

impl Certificate {
    /// The chain of `file` with whichever of `keys` belongs to its first certificate.
    ///
    /// # Errors
    /// The chain can't be used or no key fits it.
    pub(crate) fn new(
        file: &PemFile,
        keys: &[Arc<dyn SigningKey>],
    ) -> Result<Self, CertificateError> {
        let path = file.path();
        let leaf = file
            .chain()
            .first()
            .ok_or_else(|| CertificateError::NoCertificate { path: path.to_owned() })?;
        let facts = CertificateFacts::of(leaf, path)?;
        if keys.is_empty() {
            return Err(CertificateError::NoKey { path: path.to_owned() });
        }
        keys.iter()
            .map(|key| CertifiedKey::new(file.chain().to_vec(), Arc::clone(key)))
            .find(|certified| certified.keys_match().is_ok())
            .map(|certified| Self { certified: Arc::new(certified), facts })
            .ok_or_else(|| CertificateError::KeyMismatch { path: path.to_owned() })
    }
}

/// The signing keys of `file`.
///
/// # Errors
/// A key of a kind that the provider can't sign with.
pub(crate) fn signing_keys(
    file: &PemFile,
    provider: &CryptoProvider,
) -> Result<Vec<Arc<dyn SigningKey>>, CertificateError> {
    let unsupported = |_| CertificateError::UnsupportedKey { path: file.path().to_owned() };
    file.keys()
        .map(|key| provider.key_provider.load_private_key(key).map_err(unsupported))
        .collect()
}

/// Why a certificate or a key can't be used. The text never shows what is in a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CertificateError {
    /// The system refuses the file.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// Not PEM, or broken PEM.
    NotPem {
        /// Which file.
        path: PathBuf,
    },
    /// PEM without a certificate.
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// No key in the file, and none named beside it.
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// A key behind a passphrase.
    EncryptedKey {
        /// Which file.
        path: PathBuf,
    },
    /// A key that nothing here can sign with.
    UnsupportedKey {
        /// Which file.
        path: PathBuf,
    },
    /// A certificate that is not X.509.
    BadCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// Keys, but none that belongs to the certificate.
    KeyMismatch {
        /// The certificate's file.
        path: PathBuf,
    },
}

impl CertificateError {
    /// What to do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::NoKey { .. } => {
                Some("append the key to the file, or name its own file: key = \"...\"".to_owned())
            }
            Self::EncryptedKey { path } => {
                Some(format!("decrypt it: openssl pkey -in {} -out plain.pem", path.display()))
            }
            Self::KeyMismatch { .. } => {
                Some("the server's own certificate must be the first one of the file".to_owned())
            }
            Self::NotPem { .. } => Some("PEM starts with -----BEGIN CERTIFICATE-----".to_owned()),
            Self::Unreadable { .. }
            | Self::NoCertificate { .. }
            | Self::UnsupportedKey { .. }
            | Self::BadCertificate { .. } => None,
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |f: &mut fmt::Formatter<'_>, path: &Path, what: &str| {
            write!(f, "{} {what}", path.display())
        };
        match self {
            Self::Unreadable { path, error } => write!(f, "can't read {}: {error}", path.display()),
            Self::NotPem { path } => say(f, path, "is not PEM"),
            Self::NoCertificate { path } => say(f, path, "has no certificate"),
            Self::NoKey { path } => say(f, path, "has no private key"),
            Self::EncryptedKey { path } => say(f, path, "has an encrypted private key"),
            Self::UnsupportedKey { path } => {
                say(f, path, "has a private key of a kind that can't sign here")
            }
            Self::BadCertificate { path } => say(f, path, "has a broken certificate"),
            Self::KeyMismatch { path } => {
                write!(f, "no private key belongs to the certificate of {}", path.display())
            }
        }
    }
}

impl std::error::Error for CertificateError {}
