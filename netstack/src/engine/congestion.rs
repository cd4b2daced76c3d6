//! The choice of a congestion control algorithm, by listener and by connection.

use super::Engine;
use super::event::ListenerId;
use super::payload::{Buffer, Frame};
use super::slots::ConnectionId;
use crate::tcp::congestion::CongestionAlgorithm;
use crate::tcp::connection::Owner;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Chooses how a connection's congestion window grows and shrinks from here on: the window itself
    /// stays. `None` when there is no such connection.
    pub fn set_congestion(
        &mut self,
        id: ConnectionId,
        algorithm: CongestionAlgorithm,
    ) -> Option<()> {
        let entry = self.connections.get_mut(id)?;
        if entry.tcb.owner == Owner::LetGo {
            return None;
        }
        entry.tcb.congestion.set_algorithm(algorithm);
        Some(())
    }

    /// Chooses how the windows of the connections grow and shrink that a listener accepts from here
    /// on; without this it is as [`crate::TcpConfig::congestion`] says. `None` when there is no such
    /// listener.
    pub fn set_listener_congestion(
        &mut self,
        listener: ListenerId,
        algorithm: CongestionAlgorithm,
    ) -> Option<()> {
        self.listeners.get_mut(listener)?.set_congestion(algorithm);
        Some(())
    }
}
