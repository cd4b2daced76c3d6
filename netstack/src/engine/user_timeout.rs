//! The user timeout, by listener and by connection. RFC 9293 §3.8.3.

use super::Engine;
use super::event::ListenerId;
use super::payload::{Buffer, Frame};
use super::slots::ConnectionId;
use crate::time::Span;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Chooses how long a connection's peer may owe an answer; without this it is as
    /// [`crate::TcpConfig::user_timeout`] says. `None` when there is no such connection.
    pub fn set_user_timeout(&mut self, id: ConnectionId, timeout: Span) -> Option<()> {
        self.owned(id)?;
        self.connections.get_mut(id)?.tcb.set_user_timeout(timeout);
        Some(())
    }

    /// Chooses that for the connections that a listener accepts from here on. `None` when there is no
    /// such listener.
    pub fn set_listener_user_timeout(&mut self, listener: ListenerId, timeout: Span) -> Option<()> {
        self.listeners.get_mut(listener)?.set_user_timeout(timeout);
        Some(())
    }
}
