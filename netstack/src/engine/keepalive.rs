//! Keep-alive, by connection. RFC 9293 §3.8.4.

use super::Engine;
use super::payload::{Buffer, Frame};
use super::slots::ConnectionId;
use crate::time::Instant;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Probes a silent peer from here on, as [`crate::TcpConfig::keepalive`] says. `None` when that says
    /// nothing, or there is no such connection.
    pub fn start_keepalive(&mut self, now: Instant, id: ConnectionId) -> Option<()> {
        self.config.tcp.keepalive?;
        self.owned(id)?;
        self.with(now, id, |tcb, env| tcb.start_keepalive(env))
    }

    /// Leaves a silent peer of this connection alone. `None` when there is no such connection.
    pub fn stop_keepalive(&mut self, id: ConnectionId) -> Option<()> {
        self.owned(id)?;
        self.connections.get_mut(id)?.tcb.timers.set_keepalive(None);
        self.arm(id);
        Some(())
    }
}
