//! The kernel's TCP as the peer.
//!
//! But for `echo`, the engine runs in the test, in real time, on one end of a path that loses,
//! delays, reorders, duplicates and damages frames as a seed has it (`hosts/forwarder`). What is
//! judged is what the simulator judges: each step of the engine by the rules of `netstack-model`,
//! the bytes both ways, how each connection ended, and that nothing is left of it.

mod closing;
mod echo;
mod engine;
mod flood;
mod lab;
mod path_mtu;
mod peer;
mod transfer;
mod window;
