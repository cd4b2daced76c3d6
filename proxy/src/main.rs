//! A TLS-terminating reverse proxy for many virtual hosts on its own userspace TCP stack.

mod admin;
mod backend;
mod certs;
mod cli;
mod config;
mod demo;
mod drain;
mod logging;
mod run;
mod tickets;
mod vhost;

fn main() -> std::process::ExitCode {
    cli::main()
}
