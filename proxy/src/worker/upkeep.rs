//! Memory that was needed for a while and no more: it goes back to the kernel.

use netstack::{Instant, Span};
use weir_io::BufferPool;

/// A record buffer that was idle for all of a period gives its memory back: one or two of them after
/// its last use.
const PERIOD: Span = Span::from_secs(3);

/// Between two steps of giving back.
const STEP: Span = Span::from_millis(10);

/// Buffers of each class in one step: 4 MiB of the largest, so that connections wait for well under
/// a millisecond.
const BUFFERS_PER_STEP: usize = 256;

/// When to look for idle buffers. Nothing is armed once there is nothing to be given back, so that
/// an idle worker sleeps.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    next: Option<Instant>,
}

impl Upkeep {
    /// When [`Self::look`] must be called again.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.next
    }

    /// Gives back what has been idle for long enough, a step at a time.
    pub(super) fn look(&mut self, now: Instant, pool: &BufferPool) {
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        if self.next.is_some() && pool.give_back_idle(BUFFERS_PER_STEP) > 0 {
            self.next = Some(now + STEP);
            return;
        }
        // What was used in this period may be idle in the next.
        self.next = (pool.spare() > 0).then(|| {
            pool.begin_period();
            now + PERIOD
        });
    }
}

#[cfg(test)]
mod tests;
