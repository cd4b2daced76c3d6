//! What came of an operation.

use crate::buffers::{Class, RecordBuffer};
use crate::error::OperationError;

/// The end of an operation, or an event. `token` is what the caller gave with the operation.
#[derive(Debug)]
pub enum Completion<S> {
    /// A connect ended.
    Connected {
        /// The caller's token.
        token: u64,
        /// Connected, or why not.
        result: Result<(), OperationError>,
    },
    /// A send ended; its memory comes back.
    Sent {
        /// The caller's token.
        token: u64,
        /// What was sent from.
        data: S,
        /// All bytes of the range (short sends are resumed inside), or why not.
        result: Result<usize, OperationError>,
    },
    /// A receive ended.
    Received {
        /// The caller's token.
        token: u64,
        /// What came, its range set; `None` when the peer finished sending.
        result: Result<Option<RecordBuffer>, OperationError>,
    },
    /// A receive ended because its class has no free buffer. Nothing is lost: the data stays in
    /// the socket. Receive again when [`BufferPool::free`](crate::BufferPool::free) says so.
    NoBuffers {
        /// The caller's token.
        token: u64,
        /// The class that is used up.
        class: Class,
    },
    /// A shutdown ended: all that was queued before is sent, and the FIN behind it.
    ShutDown {
        /// The caller's token.
        token: u64,
        /// Done, or why not.
        result: Result<(), OperationError>,
    },
    /// A watched descriptor became readable. Edge-triggered: read it empty before the next wait.
    Ready {
        /// The caller's token.
        token: u64,
    },
    /// A watch ended: by [`Ring::unwatch`](crate::Ring::unwatch), or because the kernel refused.
    Unwatched {
        /// The caller's token.
        token: u64,
        /// Cancelled, if it was this side's wish.
        reason: OperationError,
    },
    /// A [`Waker`](crate::Waker) was used.
    Woken,
}
