//! From a checked configuration to running workers, and to their orderly end.

use std::fmt;
use std::sync::Arc;

use crate::config::{Loader, Snapshot};

/// Why weir could not run.
#[derive(Debug)]
pub(crate) enum RunError {
    /// There are no workers in this build.
    NoWorkers,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => f.write_str("there are no workers in this build"),
        }
    }
}

impl std::error::Error for RunError {}

/// Serves `snapshot`, which `loader` has just loaded, until a signal ends it.
///
/// # Errors
/// [`RunError`].
pub(crate) fn run(loader: Loader, snapshot: Arc<Snapshot>) -> Result<(), RunError> {
    tracing::info!(config = %loader.path().display(), vhosts = snapshot.vhosts.len(), "starting");
    Err(RunError::NoWorkers)
}
