//! The program's log: for people by default, JSON for programs. Never keys or payload.

use std::fmt;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::snapshot::{LogFormat, LogSettings};

/// The log can't be set up as the configuration says.
#[derive(Debug)]
pub(crate) enum LogError {
    /// The filter can't be read.
    Filter {
        /// The filter.
        filter: String,
        /// Why not.
        error: String,
    },
    /// There is a log already.
    Twice,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter { filter, error } => {
                write!(f, "[log] filter \"{filter}\" can't be used: {error}")
            }
            Self::Twice => f.write_str("the log was set up before"),
        }
    }
}

impl std::error::Error for LogError {}

/// Starts the log on standard error, which a service manager collects.
///
/// # Errors
/// [`LogError`].
pub(crate) fn start(settings: &LogSettings) -> Result<(), LogError> {
    let filter = parse_filter(&settings.filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogError::Twice)
}

/// Reads a filter: a level, or `module=level` separated by commas.
///
/// # Errors
/// [`LogError::Filter`].
pub(crate) fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), error: error.to_string() })
}
