//! The tour: hosts, certificates and backends of its own, and weir between them.

use std::fmt;

/// What the tour is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// When the tour is over.
    pub(crate) afterwards: Afterwards,
}

/// What happens when the tour is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Everything goes away.
    CleanUp,
    /// It stays until a signal.
    Keep,
}

/// Why the tour ended early.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// There are no workers in this build.
    NoWorkers,
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => f.write_str("there are no workers in this build"),
        }
    }
}

impl std::error::Error for DemoError {}

/// The tour.
///
/// # Errors
/// [`DemoError`].
pub(crate) fn run(options: &Options) -> Result<(), DemoError> {
    tracing::info!(?options, "demo");
    Err(DemoError::NoWorkers)
}
