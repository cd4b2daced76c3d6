//! What the RFCs allow a TCP host to do, written from their texts and not from any engine: a judge.
//!
//! A [`Host`] is told each [`Step`] of a real host: what arrived or was called, what the host shows
//! of the connection afterwards, what it sent. It keeps what can be known from outside (each
//! number that the host does not show is an interval, the state a set of states, a timer the span
//! in which it may fire), and says which [`Rule`]s allow the step, or which one forbids it and why.
//!
//! The sources are RFC 9293, 5961, 7323, 2018, 2883, 1122, 6298, 5681, 8985, 6191 and 1337. Where
//! they leave a choice, both ways are allowed; where an implementation has to choose a time or a
//! size, the [`Profile`] says which one.
//!
//! Sequence numbers are [`Place`]s on a line of 64 bits here, and frames are read by a reader of
//! the model's own.

#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]

mod connection;
mod court;
mod host;
mod profile;
mod rule;
mod rules;
mod segment;
mod seq;
mod state;
mod step;
pub mod wire;

#[cfg(test)]
mod tests;

pub use court::{Fired, Violation};
pub use host::{Host, Indictment};
pub use profile::Profile;
pub use rule::Rule;
pub use segment::{Flags, Flow, Form, Options, Segment, Stamps, Time};
pub use seq::{Bounds, Line, Place, Ranges};
pub use state::{State, States};
pub use step::{Call, Ending, Event, Label, Link, Step, View};
