//! A fault of ours in one connection ends that connection alone, in the engine as in a session.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Context;

impl Context {
    /// Runs `work`. `None` if it panicked: the connection that the engine was at is reset, and what it
    /// held comes back as it does from any other.
    ///
    /// # Panics
    /// The engine can't be mended either: then it is not to be trusted with the other connections.
    pub(super) fn isolate<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(result) => Some(result),
            Err(_) => {
                self.tally.panicked();
                self.engine.recover(self.now);
                None
            }
        }
    }
}
