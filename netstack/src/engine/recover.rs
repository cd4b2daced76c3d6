//! After a panic: the connection at work is lost, and nothing else.

use super::Engine;
use super::event::CloseReason;
use super::payload::{Buffer, Frame};
use super::settle::Phase;
use super::slots::ConnectionId;
use crate::tcp::connection::Owner;
use crate::time::Instant;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Mends what a panic inside of a call left behind, once its caller has caught it: the connection
    /// whose step was under way ends with RST, for [`CloseReason::Internal`], and is named; the others
    /// have not been touched. `None`: no connection was at work, and what was received is lost.
    /// [`Engine::held`] may go on to count the buffer that the step had in hand.
    ///
    /// A panic of this call itself says that the engine can't be trusted any more.
    pub fn recover(&mut self, now: Instant) -> Option<ConnectionId> {
        let id = self.at_work.take()?;
        let entry = self.connections.get_mut(id)?;
        let (phase, owner) = (entry.phase, entry.tcb.owner);
        if phase == Phase::Live {
            let mut env = env_of!(self, now);
            entry.tcb.break_off(&mut env, CloseReason::Internal);
            // Anything that was to be told is void: its owner hears of the end alone.
            self.settle(now, id);
        } else if owner == Owner::Attached {
            self.report_end(id);
        } else {
            self.connections.remove(id);
        }
        Some(id)
    }
}
