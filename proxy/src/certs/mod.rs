//! Certificates: chains and keys from PEM files, chosen by what the client can verify.

use std::time::SystemTime;

/// What logs, checks and metrics say of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// End of its validity.
    pub(crate) not_after: SystemTime,
}
