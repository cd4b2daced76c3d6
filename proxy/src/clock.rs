//! The one clock: what `netstack` calls an instant, counted from weir's start.

use std::time::Duration;

use netstack::{Instant, Span};

/// A monotonic clock that all workers share, so that their sequence numbers and timestamps agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// A clock that reads zero now.
    pub(crate) fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// The time since the start.
    pub(crate) fn now(self) -> Instant {
        Instant::ORIGIN + span(self.start.elapsed())
    }
}

/// A duration of the standard library as the engine counts it; 584 years at most.
pub(crate) fn span(duration: Duration) -> Span {
    Span::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
