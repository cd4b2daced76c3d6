//! The life of the process, from start to an orderly stop.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Where the process is in its life. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Not serving yet.
    Starting,
    /// Serving.
    Ready,
    /// Serving, but `/readyz` says no, so that load balancers send nothing new.
    Leaving,
    /// New connections are refused, established ones go on. When no worker has any, all end.
    Draining,
    /// Whatever is left is cut off.
    Stopping,
}

impl Phase {
    const ALL: [Self; 5] =
        [Self::Starting, Self::Ready, Self::Leaving, Self::Draining, Self::Stopping];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Leaving => "leaving",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
        })
    }
}

/// The phase, as the control plane sets it and workers read it.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    phase: AtomicU8,
    /// Workers that have connections, or may get some.
    busy: AtomicUsize,
}

/// Whether the drain is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Drain {
    /// Other workers have connections.
    GoesOn,
    /// No worker has.
    Over,
}

impl Lifecycle {
    /// The phase now.
    pub(crate) fn phase(&self) -> Phase {
        let phase = usize::from(self.phase.load(Ordering::Acquire));
        Phase::ALL.get(phase).copied().unwrap_or(Phase::Stopping)
    }

    /// Goes on to `phase`; a phase that is behind is not gone back to.
    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// One more worker serves. To be said before it does.
    pub(crate) fn enlist(&self) {
        self.busy.fetch_add(1, Ordering::AcqRel);
    }

    /// An enlisted worker has drained; it says so once. The last one ends the phase.
    pub(crate) fn drained(&self) -> Drain {
        if self.busy.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Drain::GoesOn;
        }
        self.advance(Phase::Stopping);
        Drain::Over
    }
}
