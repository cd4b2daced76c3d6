//! Engines over a bad link in virtual time: what tests and the `simulate` example share.
//!
//! Everything follows from a seed. What is judged: each step of our engines, by the rules of
//! `netstack-model` ([`Judged`]); the delivered bytes; the end of each stream; and that everything
//! the engines held is back at its baseline when all is over. Others who want to see every step
//! implement [`Judge`] ([`Host::judge`]).

#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]

mod app;
mod cable;
mod capture;
mod counts;
mod fired;
mod forge;
mod host;
mod icmp;
mod judge;
mod judged;
mod memory;
mod mixed;
mod network;
mod random;
mod scenario;
mod seeds;
mod smoltcp;
mod units;

pub use app::{App, Ending, Outcome, Plan, Reader, Trust, octet};
pub use cable::{Bottleneck, Cable, IcmpErrors, Impairments, Refusal, Strait};
pub use capture::Capture;
pub use counts::Counts;
pub use fired::rules_fired;
pub use forge::{fill_checksum, forged};
pub use host::{Family, Host, HostConfig, PORT, Ports};
pub use judge::{Call, Judge, Step};
pub use judged::Judged;
pub use memory::{Alive, Counted};
pub use network::{Network, NetworkConfig};
pub use random::Random;
pub use scenario::{Peer, Report, Scenario};
pub use seeds::for_seeds;
pub use smoltcp::{Opener, SmoltcpConfig, SmoltcpHost};
pub use units::{
    Buffer, UnitError, parse_buffer, parse_bytes, parse_rate, parse_share, parse_span,
    parse_span_range,
};
