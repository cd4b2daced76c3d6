//! The configuration: a strict TOML file, checked as a whole, turned into a [`Snapshot`].

pub(crate) mod snapshot;

pub(crate) use snapshot::{Listener, Snapshot};
