//! weir from end to end: a client's host, an edge with weir and real servers behind it, real
//! clients in front. Needs root.

mod backend;
mod blob;
mod client;
mod clients;
mod dns;
mod edge;
mod ending;
mod endings;
mod half_close;
mod holdings;
mod idle;
mod keep_alive;
mod link;
mod metrics;
mod oldest_kernel;
mod openssl;
mod panic;
mod pools;
mod privileges;
mod refusals;
mod reload;
mod server;
mod shortage;
mod silence;
mod simultaneous_close;
mod smoke;
mod snmp;
mod steady;
mod stop;
mod strays;
mod systemd;
mod tls;
mod transfer;
mod truncation;
mod vlan;
