//! What the engine is measured with: very many peers, each with a connection, and segments of them in
//! random order. The same segments go to smoltcp. Only the engine's part is timed: the caller wraps
//! a clock around the calls that it wants to know about, and the rest prepares for them.

#![forbid(unsafe_code)]

mod frames;
mod hostile;
mod peers;
mod smoltcp;
mod world;

pub use frames::{Options, PAYLOAD_BYTES};
pub use hostile::Flood;
pub use smoltcp::SmoltcpWorld;
pub use world::{Checksums, Cut, Setup, World};

/// Segments between two looks at the clock: as many as a worker takes from its ring in one turn.
pub const BATCH: usize = 64;
