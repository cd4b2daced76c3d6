//! From the negotiated protocol to the pool that speaks it.

use std::sync::Arc;

use crate::backend::pool::Pool;

/// Which pool gets a connection, by the protocol that ALPN settled on.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Protocols in the order of preference, each with its pool.
    by_protocol: Vec<(Vec<u8>, Arc<Pool>)>,
    /// For a client that offered no protocol.
    without_alpn: Option<Arc<Pool>>,
}

impl Routes {
    /// `by_protocol`: in order of preference. `without_alpn`: for clients that offer none.
    pub(crate) fn new(
        by_protocol: Vec<(Vec<u8>, Arc<Pool>)>,
        without_alpn: Option<Arc<Pool>>,
    ) -> Self {
        Self { by_protocol, without_alpn }
    }

    /// The protocols to offer, in order of preference; empty if ALPN is left alone.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = &[u8]> {
        self.by_protocol.iter().map(|(protocol, _)| protocol.as_slice())
    }

    /// The pool for the protocol that was negotiated.
    ///
    /// A protocol that is not configured has no pool: it never falls back to another one, which
    /// would let a client talk one protocol to a server of another. RFC 7301 §3.2.
    pub(crate) fn find(&self, alpn: Option<&[u8]>) -> Option<&Arc<Pool>> {
        let Some(alpn) = alpn else { return self.without_alpn.as_ref() };
        self.by_protocol.iter().find(|(protocol, _)| protocol == alpn).map(|(_, pool)| pool)
    }
}
