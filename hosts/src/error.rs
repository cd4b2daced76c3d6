//! What can go wrong, by who has to act on it.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a host, or something on it, could not be had.
#[derive(Debug)]
pub enum HostError {
    /// A program is not installed. The machine's owner installs a package.
    MissingProgram {
        /// The program that was looked for in PATH and the system directories.
        program: String,
        /// The Debian package that has it.
        package: String,
    },
    /// A command ran and failed.
    Command {
        /// The whole command line.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error (and output), trimmed.
        said: String,
    },
    /// Only root may do this.
    NotRoot {
        /// What was to be done.
        what: String,
    },
    /// The kernel refused a call.
    Io {
        /// What was to be done.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something did not happen in time.
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What the process concerned has written so far, if there is one.
        said: String,
    },
}

impl HostError {
    /// Names what was to be done when `source` came back.
    pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let (what, source) = (what.into(), source.into());
        if source.kind() == io::ErrorKind::PermissionDenied && !rustix::process::geteuid().is_root()
        {
            return Self::NotRoot { what };
        }
        Self::Io { what, source }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingProgram { program, package } => {
                write!(f, "no program {program} on this machine: apt-get install {package}")
            }
            Self::Command { line, status, said } => write!(f, "{line}: {status}: {said}"),
            Self::NotRoot { what } => write!(f, "{what}: needs root (run it with sudo)"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Late { what, limit, said } => {
                write!(f, "{what}: not within {limit:?}")?;
                if said.is_empty() { Ok(()) } else { write!(f, "; it said: {said}") }
            }
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::MissingProgram { .. }
            | Self::Command { .. }
            | Self::NotRoot { .. }
            | Self::Late { .. } => None,
        }
    }
}
