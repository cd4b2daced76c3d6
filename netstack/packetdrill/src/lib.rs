//! Packet scripts for the TCP engine.
//!
//! A script in the language of Google's packetdrill says what an application calls, what arrives
//! from the network, and what must leave, each at its time. [`run_script`] plays one against the
//! engine, in memory and in virtual time; the same code built as a shared object
//! (`packetdrill_interface_init`) lets packetdrill itself do so. Both stand on one [`host`]:
//! sockets over the engine, with a clock that only moves when it is told to.

#![deny(missing_docs, unreachable_pub)]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "the C interface of packetdrill")]
pub mod adapter;
pub mod errno;
pub mod flags;
pub mod host;
pub mod packet;
mod run;
mod script;
pub mod tcp_info;

pub use run::{Failure, Wrap, run_script};
