//! A TLS-terminating reverse proxy for many virtual hosts on its own userspace TCP stack.

mod backend;
mod certs;
mod config;
mod vhost;

fn main() {}
