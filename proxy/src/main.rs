//! A TLS-terminating reverse proxy for many virtual hosts on its own userspace TCP stack.

#![forbid(unsafe_code)]

mod admin;
mod backend;
mod capabilities;
mod catalogue;
mod certs;
mod cli;
mod clock;
mod config;
mod crew;
mod demo;
mod drain;
mod ending;
#[cfg(debug_assertions)]
mod fault;
mod handover;
mod logging;
mod notify;
mod relay;
mod run;
mod session;
mod tally;
mod tickets;
mod vhost;
mod worker;

fn main() -> std::process::ExitCode {
    cli::main()
}
