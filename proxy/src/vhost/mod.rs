//! Virtual hosts: which name gets which certificate, TLS policy and backends.

pub(crate) mod name;
pub(crate) mod policy;
pub(crate) mod route;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::backend::pool::Pool;
use crate::certs::CertificateFacts;

pub(crate) use name::{CanonicalName, NamePattern};
pub(crate) use table::{Refusal, Table};

/// One virtual host, ready for handshakes.
pub(crate) struct Vhost {
    /// Its name in the configuration, the key of `[vhost."..."]`.
    pub(crate) name: String,
    /// Stays the same for this name over every reload, and is never given to another name.
    pub(crate) index: u32,
    /// The names it answers to.
    pub(crate) names: Vec<NamePattern>,
    /// Certificates, versions, groups, ALPN and tickets.
    pub(crate) tls: Arc<rustls::ServerConfig>,
    /// Who sends the first byte after the handshake.
    pub(crate) speaks_first: SpeaksFirst,
    /// What is known of its certificates.
    pub(crate) certificates: Vec<CertificateFacts>,
    /// Which pool for which protocol.
    pub(crate) routes: route::Routes,
}

impl Vhost {
    /// The pool for a connection that negotiated `alpn`; `None`: refuse it.
    pub(crate) fn route(&self, alpn: Option<&[u8]>) -> Option<&Arc<Pool>> {
        self.routes.find(alpn)
    }
}

impl fmt::Debug for Vhost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not `tls`: it holds private keys.
        f.debug_struct("Vhost")
            .field("name", &self.name)
            .field("index", &self.index)
            .field("names", &self.names)
            .field("speaks_first", &self.speaks_first)
            .field("certificates", &self.certificates)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

/// Who sends the first byte of plaintext. It decides when the backend is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum SpeaksFirst {
    /// The client: connect at its first byte, so that silent clients cost no backend.
    #[default]
    Client,
    /// The server (SMTP, FTP, many databases): connect when the handshake is done.
    Server,
}
