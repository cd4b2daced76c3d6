//! TLS policies: which versions, cipher suites and groups a virtual host speaks.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};

use crate::tickets::{PolicyId, PolicyTickets, TicketKeys};

/// Every version that a policy may name.
pub(crate) const VERSIONS: [(&str, &SupportedProtocolVersion); 2] =
    [("1.2", &version::TLS12), ("1.3", &version::TLS13)];

/// A choice of what TLS may be spoken.
#[derive(Clone, Debug)]
pub(crate) struct TlsPolicy {
    /// In any order: the best that both sides have is taken.
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    /// Best first.
    pub(crate) cipher_suites: Vec<SupportedCipherSuite>,
    /// Best first.
    pub(crate) groups: Vec<&'static dyn SupportedKxGroup>,
}

impl Default for TlsPolicy {
    fn default() -> Self {
        let provider = aws_lc_rs::default_provider();
        Self {
            versions: VERSIONS.iter().map(|(_, version)| *version).collect(),
            cipher_suites: provider.cipher_suites,
            groups: provider.kx_groups,
        }
    }
}

impl TlsPolicy {
    /// Whether each version has a cipher suite.
    pub(crate) fn is_complete(&self) -> bool {
        self.versions.iter().all(|version| {
            self.cipher_suites.iter().any(|suite| suite.version().version == version.version)
        })
    }

    /// What rustls needs to speak this policy for one virtual host.
    ///
    /// # Errors
    /// The policy contradicts itself; the configuration check refuses such ones before.
    pub(crate) fn server_config(&self, host: HostTls<'_>) -> Result<ServerConfig, rustls::Error> {
        let HostTls { name, resolver, protocols, tickets } = host;
        let id = self.id(name);
        let provider = CryptoProvider {
            cipher_suites: self.cipher_suites.clone(),
            kx_groups: self.groups.clone(),
            ..aws_lc_rs::default_provider()
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = protocols;
        config.ticketer = Arc::new(PolicyTickets::new(tickets, id));
        // Tickets carry the state; nothing is remembered here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // 0-RTT data can be replayed, so none is ever accepted.
        config.max_early_data_size = 0;
        // The record layer is our own.
        weir_tls::handshake::prepare_server(&mut config);
        Ok(config)
    }

    /// The identity of this policy for the virtual host `name`: tickets don't cross it.
    pub(crate) fn id(&self, name: &str) -> PolicyId {
        let Self { versions, cipher_suites, groups } = self;
        let versions: Vec<u8> =
            versions.iter().flat_map(|version| u16::from(version.version).to_be_bytes()).collect();
        let cipher_suites: Vec<u8> =
            cipher_suites.iter().flat_map(|suite| u16::from(suite.suite()).to_be_bytes()).collect();
        let groups: Vec<u8> =
            groups.iter().flat_map(|group| u16::from(group.name()).to_be_bytes()).collect();
        // The kind of client authentication is a field from the start, so that tickets from
        // before it existed are worthless to a virtual host that asks for it.
        let fields: [&[u8]; 6] = [
            b"weir ticket policy 1",
            name.as_bytes(),
            &versions,
            &cipher_suites,
            &groups,
            b"no client authentication",
        ];
        PolicyId::new(fields)
    }
}

/// What one virtual host adds to its policy.
#[derive(Debug)]
pub(crate) struct HostTls<'a> {
    /// Name of the virtual host.
    pub(crate) name: &'a str,
    /// Its certificates.
    pub(crate) resolver: Arc<dyn ResolvesServerCert>,
    /// ALPN protocols, best first; empty: ALPN is left alone.
    pub(crate) protocols: Vec<Vec<u8>>,
    /// The keys of all tickets.
    pub(crate) tickets: Arc<TicketKeys>,
}

/// Every cipher suite that a policy may name, by its name in the IANA registry.
pub(crate) fn cipher_suites() -> Vec<(String, SupportedCipherSuite)> {
    aws_lc_rs::ALL_CIPHER_SUITES
        .iter()
        .map(|suite| {
            let name = suite.suite().as_str().unwrap_or_default();
            // rustls says TLS13_ for what IANA calls TLS_.
            (name.replacen("TLS13_", "TLS_", 1), *suite)
        })
        .collect()
}

/// Every group that a policy may name, by its name in the IANA registry.
pub(crate) fn groups() -> Vec<(String, &'static dyn SupportedKxGroup)> {
    aws_lc_rs::ALL_KX_GROUPS
        .iter()
        .map(|group| (group.name().as_str().unwrap_or_default().to_owned(), *group))
        .collect()
}
