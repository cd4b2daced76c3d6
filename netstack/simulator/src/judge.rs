//! Who watches an engine: every step that its owner makes, and what came of it.

use netstack::{Connect, ConnectionId, Engine, Event, Instant};

use crate::memory::Counted;

/// Somebody who is shown every step of one engine, right after it, and panics at one that is not
/// allowed.
///
/// The state before a step is the one that was seen after the step before: nothing happens to an
/// engine in between.
pub trait Judge {
    /// `now`: the time of the engine's own clock. `engine`: as the step left it.
    fn step(&mut self, now: Instant, step: Step<'_>, engine: &Engine<Counted, Counted>);
}

/// One call of the engine's public face.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A frame came in.
    Frame(&'a [u8]),
    /// A deadline has passed.
    Timeout,
    /// The owner of a connection did something.
    Call(Call),
    /// The owner was told something.
    Event(&'a Event),
    /// What was due has been put on the link: these frames, in this order. Loss comes after this.
    Transmit(&'a [Vec<u8>]),
}

/// What an owner does with a connection.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// It opened it.
    Connect(ConnectionId, Connect),
    /// It queued so many bytes.
    Send(ConnectionId, usize),
    /// It took a payload of so many bytes, and is done with it.
    Receive(ConnectionId, usize),
    /// It ended its direction.
    Shutdown(ConnectionId),
    /// It let go.
    Close(ConnectionId),
    /// It reset it.
    Abort(ConnectionId),
}
