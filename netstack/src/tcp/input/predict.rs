//! Header prediction: text in order on a connection that is at rest in the other direction.
//!
//! Of the eight steps of RFC 9293 §3.10.7.4 little is left for such a segment: it lies at RCV.NXT
//! within the window (first), has neither RST nor SYN (second, fourth), acknowledges what is
//! acknowledged already (fifth), and its text is queued (seventh). [`Tcb::predicts`] asks for all that
//! makes the other parts of these steps do nothing; a test gives the same segments to two engines, of
//! which one predicts nothing, and compares them.

use crate::engine::config::Limits;
use crate::engine::payload::{Buffer, Frame, Payload};
use crate::tcp::connection::{Env, Notes, Owner, Tcb};
use crate::tcp::input::sequence::is_before;
use crate::tcp::send::WindowUpdate;
use crate::tcp::seq::WindowSize;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::plain::Plain;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Whether this segment is text in order, and brings nothing else.
    #[inline]
    pub(crate) fn predicts(&self, plain: &Plain, limits: &Limits) -> bool {
        let timestamps = match (&self.options.timestamps, plain.timestamps) {
            (Some(state), Some(timestamps)) => !is_before(timestamps.value, state.recent),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        timestamps
            && matches!(self.state, State::Established(_))
            && self.recv.takes_at_once(plain.seq, plain.payload_len(), limits)
            && plain.ack == self.send.snd_una
            && self.outbound.scoreboard.is_empty()
            && self.owner == Owner::Attached
            && self.end.is_none()
            && self.recovery.is_quiet()
            && !self.congestion.needs_pacing()
            && self.ecn.is_silent(plain.flags, plain.ecn)
            && self.pmtud.is_none()
    }

    /// Reads a field of each cache line that [`Tcb::on_predicted`] needs: what it gives means nothing.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        [
            u64::from(self.send.snd_una.to_wire()),
            u64::from(self.recv.rcv_nxt().to_wire()),
            u64::from(self.ends.remote_port()),
            u64::from(self.outbound.scoreboard.is_empty()),
            u64::from(self.recovery.is_quiet()),
            u64::from(self.congestion.needs_pacing()),
            u64::from(self.rcv_mss),
            u64::from(self.recv.is_drained()),
            u64::from(self.recv.has_gap()),
            self.heard_at.as_nanos(),
            self.timers.next_at().map_or(0, Instant::as_nanos),
            self.options.timestamps.map_or(0, |state| u64::from(state.recent)),
        ]
        .into_iter()
        .fold(0, u64::wrapping_add)
    }

    /// Takes a segment that [`Tcb::predicts`].
    #[inline]
    pub(crate) fn on_predicted(&mut self, env: &mut Env<'_, F>, plain: &Plain, frame: F) {
        if let Some(timestamps) = plain.timestamps {
            self.take_timestamp(env, plain.seq, timestamps);
        }
        self.heard_at = env.now;
        if let Some(outbound) = self.outbound.get_mut() {
            outbound.scoreboard.end_of_ack();
        }
        let window = WindowSize::from_wire(plain.window, self.send.scale);
        self.take_window(WindowUpdate { seq: plain.seq, ack: plain.ack, window });
        self.arm_repair(env);
        let was_drained = self.recv.is_drained();
        let len = plain.payload_len();
        self.note_segment_len(len);
        let payload = Payload::Frame { frame, range: plain.payload.clone() };
        self.recv.append_at_once(payload, len, env.held);
        self.on_text_in_order(env, len);
        if was_drained {
            self.notes.add(Notes::READABLE);
        }
    }
}
