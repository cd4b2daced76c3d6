//! io_uring for the proxy: sends, receives, buffer groups and the loop's one wait.
//!
//! A [`Ring`] belongs to one worker thread. Operations are queued by its methods, and one
//! [`Ring::turn`] per turn of the worker's loop enters the kernel at most once: it submits what was
//! queued, waits if asked to, and makes completions available to [`Ring::next_completion`]. The
//! same wait covers the packet socket ([`Ring::watch`]) and other threads ([`Waker`]).
//!
//! What a send hands over is owned by the ring until its completion gives it back; what a receive
//! delivers is a [`RecordBuffer`] whose payload starts behind [`HEADER_ROOM`], so that it can be
//! sealed into a TLS record in place. Every operation has exactly one completion, a cancelled one
//! too. Every queue has a limit: operation slots ([`RingConfig::operations_max`]), buffers
//! ([`PoolConfig`]), the two kernel queues (entered early, and never overflown for good).
//!
//! `unsafe` lives in `ring`, `ops` and `buffers` alone.

#![deny(missing_docs, unreachable_pub, unsafe_code)]

mod address;
mod buffers;
mod completion;
mod config;
mod error;
mod free_list;
mod ops;
mod probe;
mod ring;
mod settle;
mod socket;
mod submit;
#[cfg(test)]
mod tests;
mod wait;

pub use address::Address;
pub use buffers::{
    BufferCounts, BufferPool, Class, HEADER_ROOM, Outgoing, PoolMemory, RecordBuffer, TAG_ROOM,
};
pub use completion::Completion;
pub use config::{Entries, PoolConfig, RingConfig};
pub use error::{
    AddressError, ArmError, ConnectError, Full, OperationError, PeerError, PoolError, RingError,
};
pub use ops::OperationCounts;
pub use probe::{Feature, Presence, probe};
pub use ring::{Ring, RingCounters, RingMemory};
pub use socket::Socket;
pub use wait::{Waker, Watch};
