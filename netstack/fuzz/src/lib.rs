//! What a fuzzer throws at the engine. Each function takes any bytes and returns, or panics: by an
//! invariant of the engine, by an overflow, or by what is asserted here about its peer's view.
//!
//! The binaries in `fuzz_targets/` hand them to cargo-fuzz; `tests/replay.rs` replays the corpora.
//! [FUZZING.md](../../FUZZING.md) says how to run them and what they have found.

#![forbid(unsafe_code)]

mod connection;
mod frame;
mod input;
mod options;
mod packet;
mod pair;
mod world;

pub use connection::connection;
pub use frame::frame;
pub use options::options;
pub use pair::pair;
