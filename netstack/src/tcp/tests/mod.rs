//! Tests of the transport's parts.

mod assembler;
mod bbr;
mod byte_counting;
mod compact;
mod congestion;
mod cookie;
mod cubic;
mod delivery_rate;
mod hystart;
mod invariants;
mod ip_fields;
mod isn;
mod pacing;
mod panics;
mod rtt;
mod seq;

mod handshake;
mod host;
mod pair;

mod clock;
mod close;
mod duties;
mod reset;
mod state;

mod accecn;
mod accecn_option;
mod dsack;
mod ecn;
mod extensions;
mod fast_retransmit;
mod lanes;
mod prediction;
mod receive;
mod recovery;
mod spurious;
mod tail_probe;
mod user_timeout;
mod validation;
mod window;

mod icmp;
mod pmtud;
