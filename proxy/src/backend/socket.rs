//! A relay's way to its backend over kernel sockets: which server, and how far the connect is.

use netstack::{ConnectionId, Instant};
use weir_io::{ConnectError, OperationError, Socket};

use super::pick::{Picked, Tried};
use super::pool::Pool;
use crate::clock::span;
use crate::tally::BackendResult;
use crate::worker::Context;

/// The backend's side of a relay.
pub(crate) struct BackendSocket {
    state: State,
    tried: Tried,
}

enum State {
    /// Nothing has been sent, so nobody has been asked.
    Idle,
    /// A connect is under way.
    Connecting(Attempt),
    /// A connect took too long and was cancelled; its completion is still to come.
    GivenUp(Attempt),
    /// Connected; its two directions end one by one.
    Connected(Attempt),
}

struct Attempt {
    socket: Socket,
    /// The server's place in the pool.
    position: usize,
    since: Instant,
}

/// What became of the wish to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Connect {
    /// A completion will come.
    Begun,
    /// For want of room in the ring: to be asked for again.
    Later,
    /// Every server was tried.
    NoServerLeft,
}

/// What a completed connect means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Connected {
    /// The backend can be used.
    Yes,
    /// This server is out of the question; another may do.
    TryNext,
}

impl BackendSocket {
    /// No server chosen yet.
    pub(crate) fn new() -> Self {
        Self { state: State::Idle, tried: Tried::default() }
    }

    /// Nobody has been asked yet, or the last one asked has refused.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The connected socket.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.state {
            State::Connected(attempt) => Some(&attempt.socket),
            State::Idle | State::Connecting(_) | State::GivenUp(_) => None,
        }
    }

    /// The server's name, where one was chosen.
    pub(crate) fn server<'a>(&self, pool: &'a Pool) -> Option<&'a str> {
        let attempt = match &self.state {
            State::Idle => return None,
            State::Connecting(attempt) | State::GivenUp(attempt) | State::Connected(attempt) => {
                attempt
            }
        };
        pool.servers.get(attempt.position).map(|server| server.name.as_str())
    }

    /// How far it is, as `weir conns` shows it.
    pub(crate) fn state(&self) -> &'static str {
        match self.state {
            State::Idle => "idle",
            State::Connecting(_) | State::GivenUp(_) => "connecting",
            State::Connected(_) => "connected",
        }
    }

    /// Begins to connect to the next server that was not tried.
    pub(crate) fn connect(
        &mut self,
        context: &mut Context,
        id: ConnectionId,
        pool: &Pool,
    ) -> Connect {
        while let Some(Picked { position, server }) = context.picker.pick(pool, &self.tried) {
            match context.ring.connect(&server.address, id.to_bits()) {
                Ok(socket) => {
                    let since = context.now;
                    self.state = State::Connecting(Attempt { socket, position, since });
                    return Connect::Begun;
                }
                // A shortage of this machine, not a fault of the server.
                Err(ConnectError::Full) => {
                    context.wait_for_room(id);
                    return Connect::Later;
                }
                Err(error) => {
                    let result = BackendResult::Resource;
                    context.tally.backend_connect(result);
                    context.failures.report(context.now, (pool, server), result, &error);
                    self.tried.insert(position);
                }
            }
        }
        Connect::NoServerLeft
    }

    /// The connect has ended.
    pub(crate) fn on_connected(
        &mut self,
        context: &mut Context,
        pool: &Pool,
        result: Result<(), OperationError>,
    ) -> Connected {
        let attempt = match std::mem::replace(&mut self.state, State::Idle) {
            State::Connecting(attempt) | State::GivenUp(attempt) => attempt,
            // Only one connect is ever under way, so that none ends in these states.
            State::Idle | State::Connected(_) => return Connected::TryNext,
        };
        match result {
            Ok(()) => {
                context.tally.backend_connect(BackendResult::Connected);
                self.state = State::Connected(attempt);
                Connected::Yes
            }
            Err(error) => {
                let result = BackendResult::from(&error);
                context.tally.backend_connect(result);
                if let Some(server) = pool.servers.get(attempt.position) {
                    context.failures.report(context.now, (pool, server), result, &error);
                }
                self.tried.insert(attempt.position);
                context.ring.close(attempt.socket);
                Connected::TryNext
            }
        }
    }

    /// Until when a connect under way may take; `None` once it was given up.
    pub(crate) fn connect_deadline(&self, pool: &Pool) -> Option<Instant> {
        match &self.state {
            State::Connecting(attempt) => Some(attempt.since + span(pool.connect_timeout)),
            State::Idle | State::GivenUp(_) | State::Connected(_) => None,
        }
    }

    /// Ends a connect that takes too long; its completion says `Cancelled`.
    pub(crate) fn give_up_connect(&mut self, context: &mut Context) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Connecting(attempt) => {
                context.ring.cancel(&attempt.socket);
                State::GivenUp(attempt)
            }
            other @ (State::Idle | State::GivenUp(_) | State::Connected(_)) => other,
        };
    }

    /// The server is not to take what it has for the whole.
    pub(crate) fn reset_on_close(&self) {
        if let Some(socket) = self.socket() {
            socket.reset_on_close();
        }
    }

    /// Closes the socket, whatever is under way on it.
    pub(crate) fn release(self, context: &mut Context) {
        match self.state {
            State::Idle => {}
            State::Connecting(attempt) | State::GivenUp(attempt) => {
                context.ring.close(attempt.socket);
            }
            State::Connected(attempt) => {
                context.tally.backend_closed();
                context.ring.close(attempt.socket);
            }
        }
    }
}
