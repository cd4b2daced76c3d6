//! Faults on purpose: tests see what a panic in one connection does to the others. Builds without
//! debug assertions don't have them.

use std::net::IpAddr;
use std::sync::LazyLock;

use netstack::Train;

use crate::backend::socket::BackendSocket;
use crate::relay::Facts;

/// The server name whose connections panic in their session.
const SNI_VARIABLE: &str = "WEIR_TEST_PANIC_SNI";
/// The client's address whose connections panic in the TCP engine.
const PEER_VARIABLE: &str = "WEIR_TEST_PANIC_PEER";

/// Read once, by the first connection.
static SNI: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(SNI_VARIABLE).ok());
/// The same, as it stands in a packet.
static PEER: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let address = std::env::var(PEER_VARIABLE).ok()?.parse().ok()?;
    Some(match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    })
});

/// Panics in a connection to the name in `WEIR_TEST_PANIC_SNI`, once it has a backend: then it holds
/// all that a connection can hold, the received frame under way included.
pub(crate) fn strike_session(facts: &Facts, backend: &BackendSocket) {
    let Some(victim) = SNI.as_deref() else { return };
    assert!(
        backend.socket().is_none() || facts.server_name.as_deref() != Some(victim),
        "{SNI_VARIABLE} names this connection"
    );
}

/// Panics when a connection with the client in `WEIR_TEST_PANIC_PEER` sends data, `segment` being the
/// first of `train` as it is to go out: then the engine is in the middle of its step.
pub(crate) fn strike_engine(train: &Train<'_>, segment: &[u8]) {
    let Some(victim) = PEER.as_deref() else { return };
    // The destination is the last field of both families' fixed header.
    let ip = segment.get(train.l2_len()..).unwrap_or_default();
    let destination = ip.get(..train.l3_len()).unwrap_or_default();
    assert!(
        train.payload_len() == 0 || !destination.ends_with(victim),
        "{PEER_VARIABLE} names this connection"
    );
}
