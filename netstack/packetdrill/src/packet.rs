//! TCP segments and ICMP errors as values, and as the IP packets that carry them.
//!
//! Written apart from the engine's own parsers, so that a fault in those can't hide itself here.

mod icmp;
mod ip;
mod options;
mod segment;

pub use icmp::IcmpError;
pub use ip::{Ecn, ip_length};
pub use options::{TcpOption, decode_options, encode_options};
pub use segment::{Flags, Segment};
