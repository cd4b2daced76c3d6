//! What a handshake settled, kept for people who ask.

use weir_tls::{Established, Resumption, Version};

use crate::worker::types::{RecordBuffer, Records};

/// What was negotiated.
pub(crate) struct Facts {
    /// The protocol version.
    pub(crate) version: Version,
    /// The cipher suite's name.
    pub(crate) cipher_suite: &'static str,
    /// The key exchange group's name.
    pub(crate) group: Option<&'static str>,
    /// Full or resumed.
    pub(crate) resumption: Resumption,
    /// The application protocol.
    pub(crate) alpn: Option<Box<[u8]>>,
    /// The name that the client asked for.
    pub(crate) server_name: Option<Box<str>>,
}

impl Facts {
    /// Takes a finished handshake apart: what it settled, its record layer, and the bytes that came
    /// along with its end.
    pub(crate) fn take(established: Established<RecordBuffer>) -> (Self, Records, Vec<u8>) {
        let facts = Self {
            version: established.version,
            cipher_suite: established.cipher_suite.as_str().unwrap_or("unknown"),
            group: established.group.and_then(|group| group.as_str()),
            resumption: established.resumption,
            alpn: established.alpn.map(Vec::into_boxed_slice),
            server_name: established.server_name,
        };
        (facts, established.session, established.leftover)
    }
}
