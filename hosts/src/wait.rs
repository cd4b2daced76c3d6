//! Waiting for what another process does, with a bound.

use std::thread;
use std::time::{Duration, Instant};

use crate::HostError;

/// Time between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Looks until `condition` holds, at most for `limit`. `what` names it in the error.
///
/// # Errors
/// [`HostError::Late`] when `limit` has passed and a last look still says no.
pub fn wait_until(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
) -> Result<(), HostError> {
    let deadline = Instant::now() + limit;
    loop {
        // The clock is read first, so that there is one look after the deadline.
        let late = Instant::now() >= deadline;
        if condition() {
            return Ok(());
        }
        if late {
            return Err(HostError::Late { what: what.to_owned(), limit, said: String::new() });
        }
        thread::sleep(POLL_INTERVAL);
    }
}
