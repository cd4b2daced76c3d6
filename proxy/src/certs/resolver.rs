//! The choice among the certificates of one virtual host.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Certificate;

/// The certificates of one virtual host, the cheapest to sign with first.
///
/// The name was decided before: this looks only at what signatures the client can verify.
#[derive(Debug)]
pub(crate) struct Resolver {
    certificates: Vec<Arc<CertifiedKey>>,
}

impl Resolver {
    /// `certificates`: in any order.
    pub(crate) fn new(certificates: &[Certificate]) -> Self {
        let mut certificates: Vec<_> =
            certificates.iter().map(|certificate| Arc::clone(&certificate.certified)).collect();
        certificates.sort_by_key(|certified| cost(certified.key.algorithm()));
        Self { certificates }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let verifiable = self
            .certificates
            .iter()
            .find(|certified| certified.key.choose_scheme(hello.signature_schemes()).is_some());
        // Without one the handshake fails all the same, with the alert that names the reason.
        verifiable.or_else(|| self.certificates.first()).map(Arc::clone)
    }
}

/// Order of preference: a signature with ECDSA costs a tenth of one with RSA.
fn cost(algorithm: SignatureAlgorithm) -> u8 {
    match algorithm {
        SignatureAlgorithm::ECDSA => 0,
        SignatureAlgorithm::ED25519 => 1,
        _ => 2,
    }
}
