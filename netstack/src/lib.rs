//! Sans-IO TCP/IP engine: frames in, frames out, time and randomness passed in.
//!
//! An [`Engine`] is one worker's whole network stack: Ethernet, IPv4, IPv6, ARP, neighbour
//! discovery, ICMP and TCP. It has no clock, no socket and no thread. Its owner drives it:
//!
//! 1. [`Engine::handle_frame`] for each frame that came in,
//! 2. [`Engine::handle_timeout`] when [`Engine::poll_timeout`] says so,
//! 3. [`Engine::poll_event`] until there is none, acting on connections as it likes,
//! 4. [`Engine::poll_transmit`], which puts everything that is due on a [`Link`].
//!
//! Received bytes stay in the frames that brought them ([`Payload`]); bytes to send stay in the
//! buffers that the owner queued, until the peer has acknowledged them; what goes out are
//! [`Train`]s, so that a link may use segmentation offload.
//!
//! # Limits
//! Every queue and table has a limit in [`Limits`] or [`Listen`] and a counter for 'full'. No
//! byte that a peer sends makes the engine panic; what it can't use is dropped for a
//! [`DropReason`], each of which has a counter.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod engine;
mod tcp;
mod time;
mod wire;

pub use engine::Engine;
pub use engine::config::{
    AddressOwner, Config, ConfigError, Connect, Interface, Keepalive, Limits, Listen, Nagle,
    Pacing, SynCookies, TcpConfig,
};
pub use engine::demux::FlowHash;
pub use engine::drops::DropReason;
pub use engine::event::{
    CloseReason, ConnectError, Event, ListenError, ListenerId, Record, SendError, SendErrorKind,
    Transmitted, Unclaimed, UnclaimedKind, Verdict,
};
pub use engine::info::{
    ConnectionInfo, Counters, EcnByteCounts, Held, Pool, SendView, StateCounts,
};
pub use engine::payload::{Buffer, Frame, Payload, PayloadParts};
pub use engine::slots::ConnectionId;
pub use engine::wheel::{TimerId, Wheel};
pub use tcp::accecn::EcnOption;
pub use tcp::congestion::CongestionAlgorithm;
pub use tcp::ecn::{EcnBackoff, EcnFeedback, EcnMode};
pub use tcp::header::IpFields;
pub use tcp::pmtud::MtuProbing;
pub use tcp::state::TcpState;
pub use tcp::train::{Lane, Link, Train};
pub use tcp::user_timeout::UserTimeoutOption;
pub use time::{Instant, Span};
pub use wire::WireError;
pub use wire::checksum::{ChecksumPolicy, internet_checksum};
pub use wire::ethernet::{MacAddress, VlanTag};
