//! The window that we advertise. RFC 9293 §3.8.6, RFC 7323 §2.

use crate::connection::Connection;
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Flags, Segment};
use crate::state::State;

impl Connection {
    /// A segment that goes out says that the window has so many octets.
    pub(crate) fn advertise(
        &mut self,
        court: &mut Court<'_>,
        window: i64,
        segment: &Segment,
    ) -> Judged {
        let Some(line) = self.recv.line else {
            self.recv.offered = window;
            self.recv.unsaid = false;
            return Ok(());
        };
        if self.fin_taken() || self.states.has(State::TimeWait) {
            // Nothing can come any more: the window says only what is acceptable.
            let right = line.place(segment.ack, self.recv.acked) + window;
            self.recv.edge = self.recv.edge.max(right);
            return Ok(());
        }
        self.recv.unsaid = false;
        let right = line.place(segment.ack, self.recv.acked) + window;
        let before = self.recv.edge;
        // RFC 7323 §2.4: what is less than the window's unit can't be said.
        let unit = 1i64 << self.shifts().0;
        if segment.has(Flags::SYN) && right < before {
            // A SYN that is repeated has no scale: it can't say more.
            return Ok(());
        }
        court.require(Rule::RightEdgeNeverMovesLeft, right + unit > before, || {
            format!("from {before} to {right}: {}", segment.line())
        })?;
        // Rounding up may add to it, within reason.
        let window = court.profile.window;
        let most = 1 + self.recv.consumed + window + window / 16 + unit;
        court.require(Rule::WindowFitsTheBuffer, right <= most, || {
            format!("the edge is {right}, the buffer ends at {most}: {}", segment.line())
        })?;
        let step = right - before;
        let path = i64::try_from(self.recv.path_least.saturating_sub(60)).unwrap_or(i64::MAX);
        let least = self.recv.largest_sure.min(path).min(court.profile.window / 2);
        // Each ACK may round up once, and some wait for the link.
        let moved = step >= 4 * unit && step + unit <= least;
        // One that waited for the link was silly or not by what was known then.
        let silly = moved && before > 1 && !self.owed.late;
        court.require(Rule::ReceiverAvoidsSillyWindows, !silly, || {
            format!("the edge moves by {step}, less than {least}: {}", segment.line())
        })?;
        self.recv.edge = right.max(before);
        Ok(())
    }
}
