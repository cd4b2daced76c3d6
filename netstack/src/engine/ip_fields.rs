//! Class and hop limit of what is sent, by listener and by connection. RFC 9293 §3.9.1.

use super::Engine;
use super::event::ListenerId;
use super::payload::{Buffer, Frame};
use super::slots::ConnectionId;
use crate::tcp::header::IpFields;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Chooses them for all that a connection sends from here on; without this they are as
    /// [`crate::TcpConfig::ip`] says. `None` when there is no such connection.
    pub fn set_ip_fields(&mut self, id: ConnectionId, ip: IpFields) -> Option<()> {
        self.owned(id)?;
        self.connections.get_mut(id)?.tcb.ip = ip;
        Some(())
    }

    /// Chooses them for the connections that a listener accepts from here on, their handshakes
    /// included. `None` when there is no such listener.
    pub fn set_listener_ip_fields(&mut self, listener: ListenerId, ip: IpFields) -> Option<()> {
        self.listeners.get_mut(listener)?.set_ip(ip);
        Some(())
    }

    /// Those of a listener's connections.
    pub(super) fn ip_fields_of(&self, listener: ListenerId) -> IpFields {
        let chosen = self.listeners.get(listener).and_then(super::listener::Listener::ip);
        chosen.unwrap_or(self.config.tcp.ip)
    }
}
