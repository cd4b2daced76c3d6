//! weir from end to end: a client's host, an edge with weir and real servers behind it, real
//! clients in front. Needs root.

mod backend;
mod clients;
mod dns;
mod edge;
mod half_close;
mod openssl;
mod refusals;
mod smoke;
mod tls;
