//! A fault on purpose: tests see what a panic in one connection does to the others. Builds without
//! debug assertions don't have it.

use std::sync::LazyLock;

use crate::backend::socket::BackendSocket;
use crate::relay::Facts;

/// The server name whose connections panic.
const VARIABLE: &str = "WEIR_TEST_PANIC_SNI";

/// Read once, by the first connection.
static VICTIM: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(VARIABLE).ok());

/// Panics in a connection to the name in `WEIR_TEST_PANIC_SNI`, once it has a backend: then it holds
/// all that a connection can hold, the received frame under way included.
pub(crate) fn strike(facts: &Facts, backend: &BackendSocket) {
    let Some(victim) = VICTIM.as_deref() else { return };
    assert!(
        backend.socket().is_none() || facts.server_name.as_deref() != Some(victim),
        "{VARIABLE} names this connection"
    );
}
