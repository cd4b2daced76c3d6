//! What can go wrong, by what is missing.

use std::fmt;
use std::io;

use hosts::HostError;

/// Why frames are not forwarded.
#[derive(Debug)]
pub enum ForwarderError {
    /// A host, or a program that makes one, is missing.
    Host(HostError),
    /// A device can't be opened for whole frames.
    Open {
        /// The device.
        device: String,
        /// The namespace it was looked for in.
        host: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Forwarding has ended before its time.
    Forward(io::Error),
}

impl From<HostError> for ForwarderError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for ForwarderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Open { device, host, source } => {
                let wanted = match source.kind() {
                    io::ErrorKind::PermissionDenied => {
                        " (whole frames need CAP_NET_RAW: run as root)"
                    }
                    _ => "",
                };
                write!(f, "open {device} in {host} for whole frames: {source}{wanted}")
            }
            Self::Forward(source) => write!(f, "forward frames: {source}"),
        }
    }
}

impl std::error::Error for ForwarderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host(error) => Some(error),
            Self::Open { source, .. } | Self::Forward(source) => Some(source),
        }
    }
}
