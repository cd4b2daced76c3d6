//! The transport: RFC 9293 and what has been added to it.

/// One fact about our own state, checked always. Tests, fuzzing and simulation panic where it
/// fails; a release resets the connection at fault and counts it.
macro_rules! invariant {
    ($fact:expr) => {
        if $fact {
            Ok(())
        } else {
            debug_assert!(false, concat!("invariant: ", stringify!($fact)));
            Err($crate::tcp::BrokenInvariant)
        }
    };
}

pub(crate) mod accecn;
pub(crate) mod ack;
pub(crate) mod assembler;
pub(crate) mod cold;
pub(crate) mod congestion;
pub(crate) mod connection;
pub(crate) mod cookie;
pub(crate) mod delivery_rate;
pub(crate) mod ecn;
pub(crate) mod ends;
pub(crate) mod header;
pub(crate) mod icmp;
pub(crate) mod input;
pub(crate) mod invariants;
pub(crate) mod isn;
pub(crate) mod outbound;
pub(crate) mod output;
pub(crate) mod owner;
pub(crate) mod pacing;
pub(crate) mod pmtud;
pub(crate) mod recovery;
pub(crate) mod recv;
pub(crate) mod rtt;
pub(crate) mod sack;
pub(crate) mod segment;
pub(crate) mod send;
pub(crate) mod send_buffer;
pub(crate) mod seq;
pub(crate) mod short;
pub(crate) mod state;
pub(crate) mod timeouts;
pub(crate) mod timers;
pub(crate) mod train;
pub(crate) mod user_timeout;
pub(crate) mod waiting;

#[cfg(test)]
mod tests;

/// Our own state contradicts itself: the connection is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct BrokenInvariant;
