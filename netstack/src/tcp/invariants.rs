//! What holds of a connection after every step.

use super::BrokenInvariant;
use super::connection::{Due, Tcb};
use super::send::OurFin;
use crate::engine::payload::{Buffer, Frame};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Checks the cheap facts.
    ///
    /// # Errors
    /// One of them does not hold: the connection can't be trusted.
    pub(crate) fn check_invariants(&self) -> Result<(), BrokenInvariant> {
        let send = &self.send;
        invariant!(send.snd_una.before_or_eq(send.snd_nxt))?;
        let scoreboard = &self.scoreboard;
        let accounted =
            scoreboard.in_flight_bytes() + scoreboard.sacked_bytes() + scoreboard.lost_bytes();
        let syn = u32::from(send.snd_una == send.iss && send.snd_nxt != send.iss);
        invariant!(send.unacked().len() == accounted + syn)?;
        let fin = u32::from(matches!(send.fin, OurFin::Sent(_) | OurFin::Acked));
        invariant!(send.snd_nxt.before_or_eq(self.queue.end() + fin))?;
        // Something unacknowledged implies an armed timer, or that it is about to be sent.
        let waits = self.end.is_none() && !scoreboard.is_empty();
        let armed = self.timers.repair().is_some() || self.due != Due::Nothing;
        invariant!(!waits || armed)
    }
}
