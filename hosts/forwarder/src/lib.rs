//! A bad link between two hosts, in real time: for tests against the kernel, and for benchmarks.
//!
//! What goes wrong on it is what goes wrong on the simulator's [`Cable`](netstack_simulator::Cable):
//! loss, delay, jitter, reordering, duplication, corruption, a rate with a bounded queue, a small MTU
//! that is told or not, a filter of ICMP errors. A seed decides it, frame by frame; when frames come
//! is the hosts' doing.
//!
//! [`Path`] joins two hosts by way of a third, whose only program is the [`Forwarder`]. It reads and
//! writes whole frames through [`PacketSocket`]s, which serve engines as well.
//!
//! ```no_run
//! # fn main() -> Result<(), forwarder::ForwarderError> {
//! use forwarder::{Path, PathConfig};
//! use hosts::Host;
//! use netstack_simulator::Impairments;
//!
//! let (near, far) = (Host::new("near")?, Host::new("far")?);
//! let bad = Impairments { loss: 10, ..Impairments::NONE };
//! let path = Path::new(&near, &far, &PathConfig { ways: [bad; 2], ..PathConfig::default() })?;
//! // Both have an `eth0`, without an address. Frames pass while `path` lives.
//! # drop(path);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]

mod error;
mod forward;
mod packet_socket;
mod path;

pub use error::ForwarderError;
pub use forward::Forwarder;
pub use packet_socket::PacketSocket;
pub use path::{Path, PathConfig};
