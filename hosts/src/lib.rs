//! Hosts made of network namespaces, joined by veth pairs: for the demo, the tests and the
//! benchmarks.
//!
//! A [`Host`] is a named network namespace, so that `ip netns exec` reaches it from a shell while it
//! lives. A [`Pair`] is the cable between two hosts. A [`Child`] is a process that can't outlive its
//! owner, [`Nginx`] a web server with files of its own in a [`Folder`], [`Loss`] a rule that drops packets, [`Count`]
//! one that counts them.
//!
//! Nothing stays behind: every one of them undoes itself when it is dropped (a panic included), a
//! thread does the same on SIGINT, SIGTERM and SIGHUP (see [`leave_signals_to_caller`]), and what a
//! killed process left is removed by the next one ([`sweep_stale`]). No interface, address, route or
//! rule outside these namespaces is touched. Making namespaces needs root.
//!
//! ```no_run
//! # fn main() -> Result<(), hosts::HostError> {
//! use hosts::{Host, Pair, PairConfig};
//!
//! let client = Host::new("client")?;
//! let edge = Host::new("edge")?;
//! let _cable = Pair::new(&client, "eth0", &edge, "eth0", &PairConfig::default())?;
//! client.add_address("eth0", "192.0.2.2/24")?;
//! edge.add_address("eth0", "192.0.2.1/24")?;
//! client.run("ping", &["-c1", "192.0.2.1"])?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod child;
mod count;
mod error;
mod folder;
mod host;
mod loss;
mod nginx;
mod on_exit;
mod pair;
mod rule;
mod stale;
mod tool;
mod wait;

pub use child::{Child, Output};
pub use count::Count;
pub use error::HostError;
pub use folder::Folder;
pub use host::Host;
pub use loss::{Loss, PerMille};
pub use nginx::{Nginx, NginxConfig};
pub use on_exit::{clean_up, leave_signals_to_caller};
pub use pair::{Offloads, Pair, PairConfig};
pub use rule::Hook;
pub use stale::sweep_stale;
pub use wait::wait_until;

pub use rustix::process::Signal;
