//! What connections offer in their handshakes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::ScenarioError;
use crate::plan::TlsConfigs;

/// Sessions that one worker keeps to resume them.
const SESSIONS_MAX: usize = 4096;

/// TLS as a scenario says it; what is empty is left to rustls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TlsDraft {
    /// PEM file of the authorities that are trusted.
    pub(crate) ca: PathBuf,
    pub(crate) versions: Vec<String>,
    pub(crate) suites: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) alpn: Vec<String>,
    /// PEM files of the client's own certificate chain and key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

/// The versions by the names that a scenario gives them.
pub(crate) const VERSIONS: [(&str, &SupportedProtocolVersion); 2] =
    [("1.2", &version::TLS12), ("1.3", &version::TLS13)];

impl TlsDraft {
    /// The configurations of one worker: sessions are not shared between workers.
    pub(crate) fn configs(&self) -> Result<TlsConfigs, ScenarioError> {
        let mut full = self.config()?;
        let mut resuming = full.clone();
        full.resumption = Resumption::disabled();
        resuming.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        weir_tls::handshake::prepare_client(&mut full);
        weir_tls::handshake::prepare_client(&mut resuming);
        Ok(TlsConfigs { full: Arc::new(full), resuming: Arc::new(resuming) })
    }

    fn config(&self) -> Result<ClientConfig, ScenarioError> {
        let refused = |error: rustls::Error| ScenarioError::Tls(error.to_string());
        let versions: Vec<_> = if self.versions.is_empty() {
            VERSIONS.iter().map(|(_, version)| *version).collect()
        } else {
            let named = |name: &String| pick(&VERSIONS, name, "TLS version");
            self.versions.iter().map(named).collect::<Result<_, _>>()?
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(self.provider()?))
            .with_protocol_versions(&versions)
            .map_err(refused)?
            .with_root_certificates(self.roots()?);
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
                builder.with_client_auth_cert(certificates(chain)?, key).map_err(refused)?
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }

    fn provider(&self) -> Result<CryptoProvider, ScenarioError> {
        let mut provider = aws_lc_rs::default_provider();
        if !self.suites.is_empty() {
            let known: Vec<_> = provider
                .cipher_suites
                .iter()
                .map(|suite| (format!("{:?}", suite.suite()), *suite))
                .collect();
            let known: Vec<_> = known.iter().map(|(name, suite)| (name.as_str(), *suite)).collect();
            let named = |name: &String| pick(&known, name, "cipher suite");
            provider.cipher_suites = self.suites.iter().map(named).collect::<Result<_, _>>()?;
        }
        if !self.groups.is_empty() {
            let known: Vec<_> = aws_lc_rs::ALL_KX_GROUPS
                .iter()
                .map(|group| (format!("{:?}", group.name()), *group))
                .collect();
            let known: Vec<_> = known.iter().map(|(name, group)| (name.as_str(), *group)).collect();
            let named = |name: &String| pick(&known, name, "group");
            provider.kx_groups = self.groups.iter().map(named).collect::<Result<_, _>>()?;
        }
        Ok(provider)
    }

    fn roots(&self) -> Result<RootCertStore, ScenarioError> {
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(certificates(&self.ca)?).0 == 0 {
            return Err(unreadable(&self.ca, "no certificate inside"));
        }
        Ok(roots)
    }
}

/// What goes by `name`, whatever its case.
fn pick<T: Copy>(known: &[(&str, T)], name: &str, what: &str) -> Result<T, ScenarioError> {
    let found = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        ScenarioError::Tls(format!("no {what} {name:?}; there are {}", names.join(", ")))
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ScenarioError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, error))
}

fn unreadable(file: &Path, why: impl std::fmt::Display) -> ScenarioError {
    ScenarioError::Pem(format!("{}: {why}", file.display()))
}
