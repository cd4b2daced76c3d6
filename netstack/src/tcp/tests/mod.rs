//! Tests of the transport's parts.

mod assembler;
mod congestion;
mod cookie;
mod cubic;
mod isn;
mod rtt;
mod seq;

mod handshake;
mod host;
mod pair;

mod close;
mod reset;
mod state;

mod accecn;
mod dsack;
mod ecn;
mod receive;
mod recovery;
mod window;

mod icmp;
mod pmtud;
