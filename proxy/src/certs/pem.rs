//! PEM files with chains and keys.

use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::CertificateError;

/// Files beyond this size are no certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The certificates and keys of one file, in its order.
#[derive(Debug)]
pub(crate) struct PemFile {
    path: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    keys: Vec<PrivateKeyDer<'static>>,
}

impl PemFile {
    /// Reads `path`.
    ///
    /// # Errors
    /// The file can't be read, isn't PEM, or holds a key behind a passphrase.
    pub(crate) fn read(path: &Path) -> Result<Self, CertificateError> {
        let text = read_bounded(path)
            .map_err(|error| CertificateError::Unreadable { path: path.to_owned(), error })?;
        if text.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED) {
            return Err(CertificateError::EncryptedKey { path: path.to_owned() });
        }
        let mut file = Self { path: path.to_owned(), chain: Vec::new(), keys: Vec::new() };
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
            let Ok((kind, der)) = section else {
                return Err(CertificateError::NotPem { path: file.path });
            };
            file.add(kind, der);
        }
        if file.chain.is_empty() && file.keys.is_empty() {
            return Err(CertificateError::NotPem { path: file.path });
        }
        Ok(file)
    }

    /// Where it was read from.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The server's certificate, then those that lead to a root.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Private keys.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = PrivateKeyDer<'static>> {
        self.keys.iter().map(PrivateKeyDer::clone_key)
    }

    fn add(&mut self, kind: SectionKind, der: Vec<u8>) {
        match kind {
            SectionKind::Certificate => self.chain.push(der.into()),
            SectionKind::PrivateKey => self.keys.push(PrivateKeyDer::Pkcs8(der.into())),
            SectionKind::RsaPrivateKey => self.keys.push(PrivateKeyDer::Pkcs1(der.into())),
            SectionKind::EcPrivateKey => self.keys.push(PrivateKeyDer::Sec1(der.into())),
            // Parameters, requests and the like may stand between them.
            _ => {}
        }
    }
}

/// Marks both forms of keys behind a passphrase: PKCS #8's label and the header of RFC 1421.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

fn read_bounded(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    std::fs::read(path).map(Zeroizing::new).map_err(|error| error.to_string())
}
