//! Two engines, a bad link between them, and virtual time.
//!
//! Everything follows from a seed: a failing test prints its seed, and `WEIR_SIM_SEED=<seed>`
//! runs that one alone; `WEIR_SIM_FACTOR=<n>` runs n times as many seeds. What is judged: each
//! step of both engines, by the rules of `netstack-model`; the delivered bytes; the end of each
//! stream; and that everything the engines held is back at its baseline when all is over. The hosts and the link are in `netstack/simulator`.

mod baseline;
mod bbr;
mod closing;
mod congestion;
mod corners;
mod ecn;
mod flood;
mod hostile;
mod judge;
mod limits;
mod opening;
mod path_mtu;
mod rules;
mod sequence;
mod transfer;
mod window;
