//! The demo's certificate authority, and a certificate for each virtual host.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// Why there are no certificates.
#[derive(Debug)]
pub(crate) enum CertificateError {
    /// The library refuses.
    Make(rcgen::Error),
    /// A file can't be written.
    Write(PathBuf, io::Error),
}

/// A certificate authority in a folder of its own.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// Makes the authority and writes its certificate to `folder/ca.pem`.
    pub(super) fn new(folder: &Path) -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "weir demo CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(CertificateError::Make)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(CertificateError::Make)?;
        let authority = Self { issuer, folder: folder.to_owned() };
        authority.write("ca.pem", &authority.issuer.pem())?;
        Ok(authority)
    }

    /// Makes a certificate for `names` and writes it, with its key behind it, to `folder/file`.
    pub(super) fn issue(&self, file: &str, names: &[&str]) -> Result<PathBuf, CertificateError> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).map_err(CertificateError::Make)?;
        let key = KeyPair::generate().map_err(CertificateError::Make)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(CertificateError::Make)?;
        self.write(file, &(certificate.pem() + &key.serialize_pem()))
    }

    /// Where the authority's own certificate is.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    fn write(&self, file: &str, pem: &str) -> Result<PathBuf, CertificateError> {
        let path = self.folder.join(file);
        fs::write(&path, pem).map_err(|error| CertificateError::Write(path.clone(), error))?;
        Ok(path)
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make(error) => write!(f, "can't make a certificate: {error}"),
            Self::Write(path, error) => write!(f, "can't write {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for CertificateError {}
