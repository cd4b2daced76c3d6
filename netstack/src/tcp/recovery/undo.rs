//! Whether a recovery was for nothing. RFC 3522, RFC 4015.

use super::{Phase, Recovery, Spurious};
use crate::tcp::congestion::Congestion;
use crate::tcp::input::sequence::is_before;
use crate::tcp::sack::{Reordered, Scoreboard};

impl Recovery {
    /// A lost range was sent again, with this TSval.
    pub(crate) fn on_sent_again(&mut self, ts_value: Option<u32>) {
        if self.is_active() && self.first_again.is_none() {
            self.first_again = ts_value;
        }
    }

    /// The first ACK of new data in a recovery echoes `ts_echo`: from before the first
    /// retransmission, and so the original had arrived. Nothing was lost, and the window and what
    /// was given up come back. RFC 3522 §3.2, RFC 4015 §3.
    pub(crate) fn undo_if_spurious(
        &mut self,
        ts_echo: Option<u32>,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) -> Spurious {
        let (Some(again), Some(echo)) = (self.first_again.take(), ts_echo) else {
            return Spurious::No;
        };
        if !self.is_active() || !is_before(echo, again) {
            return Spurious::No;
        }
        congestion.on_undo();
        scoreboard.find_again();
        if matches!(self.phase, Phase::Fast { .. }) {
            // What was taken for lost had only been overtaken.
            self.reordered = Reordered::Yes;
        }
        self.phase = Phase::Open;
        Spurious::Yes
    }
}
