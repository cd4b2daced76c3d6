//! The proxies that are compared.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use hosts::{Child, Nginx, Signal};

/// How long weir may take to drain and end.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// Who is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Subject {
    /// This repository's.
    Weir,
    /// Debian's, terminating TLS in its stream module: the same layer as weir.
    Nginx,
}

impl Subject {
    /// The port that it listens on. Two, so that nothing of the one is met by the other's clients.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Weir => 443,
            Self::Nginx => 8443,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weir => "weir",
            Self::Nginx => "nginx",
        })
    }
}

/// A proxy that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) enum Running {
    Weir(Child),
    Nginx(Nginx),
}

impl Running {
    /// The process id of the first of its processes.
    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Weir(child) => child.id(),
            Self::Nginx(nginx) => nginx.id(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nginx does the same on its own. What does not end in time is killed by its guard.
        if let Self::Weir(child) = self
            && child.signal(Signal::TERM).is_ok()
        {
            drop(child.wait(STOP_LIMIT));
        }
    }
}
