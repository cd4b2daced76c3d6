//! Header prediction: text in order on a connection that is at rest in the other direction, and the
//! acknowledgment of new data on one whose peer misses nothing.
//!
//! Of the eight steps of RFC 9293 §3.10.7.4 little is left for such a segment: it lies at RCV.NXT
//! within the window (first), has neither RST nor SYN (second, fourth), acknowledges what is
//! acknowledged already (fifth), and its text is queued (seventh). [`Tcb::predicts`] asks for all that
//! makes the other parts of these steps do nothing, and [`Tcb::predicts_ack`] the same of an
//! acknowledgment without text; a test gives the same segments to two engines, of which one predicts
//! nothing, and compares them.

use crate::engine::config::Limits;
use crate::engine::payload::{Buffer, Frame, Payload};
use crate::tcp::congestion::Repair;
use crate::tcp::connection::{Env, Notes, Owner, Tcb};
use crate::tcp::input::ack::Acked;
use crate::tcp::input::sequence::is_before;
use crate::tcp::recovery::Progress;
use crate::tcp::recv::WasDrained;
use crate::tcp::sack::Learned;
use crate::tcp::send::WindowUpdate;
use crate::tcp::seq::WindowSize;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::plain::Plain;

/// A segment that is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Text in order, and nothing else.
    Text,
    /// An acknowledgment of new data, and nothing else.
    Ack,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// What this segment is, if it is one that is predicted.
    #[inline]
    pub(crate) fn expects(&self, plain: &Plain, limits: &Limits) -> Option<Expected> {
        if self.predicts(plain, limits) {
            return Some(Expected::Text);
        }
        self.predicts_ack(plain).then_some(Expected::Ack)
    }

    /// Whether this segment is text in order, and brings nothing else.
    #[inline(always)]
    fn predicts(&self, plain: &Plain, limits: &Limits) -> bool {
        self.predicts_either(plain)
            && self.recv.takes_at_once(plain.seq, plain.payload_len(), limits)
            && plain.ack == self.send.snd_una
            // Nothing is unacknowledged.
            && self.send.snd_una == self.send.snd_nxt
    }

    /// What both kinds of segments have in common.
    #[inline(always)]
    fn predicts_either(&self, plain: &Plain) -> bool {
        let timestamps = match (&self.options.timestamps, plain.timestamps) {
            (Some(state), Some(timestamps)) => !is_before(timestamps.value, state.recent),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        timestamps
            && matches!(self.state, State::Established(_))
            && self.owner == Owner::Attached
            && self.end.is_none()
            && self.recovery.is_quiet()
            && !self.congestion.needs_pacing()
            && self.ecn.is_silent(plain.flags, plain.ecn)
            && self.pmtud.is_none()
    }

    /// Whether this segment acknowledges new data, and brings nothing else: of what is in flight
    /// nothing is reported or lost.
    #[inline]
    fn predicts_ack(&self, plain: &Plain) -> bool {
        let scoreboard = &self.outbound.scoreboard;
        plain.payload.is_empty()
            && plain.seq == self.recv.rcv_nxt()
            && plain.ack.after(self.send.snd_una)
            && plain.ack.before_or_eq(self.send.snd_nxt)
            && scoreboard.sacked_bytes() == 0
            && scoreboard.lost_bytes() == 0
            && self.predicts_either(plain)
    }

    /// Takes a segment that [`Tcb::predicts_ack`].
    #[inline]
    pub(crate) fn on_predicted_ack(&mut self, env: &mut Env<'_, F>, plain: &Plain) {
        if let Some(timestamps) = plain.timestamps {
            self.take_timestamp(env, plain.seq, timestamps);
        }
        self.heard_at = env.now;
        let flight = self.outbound.scoreboard.in_flight_bytes().max(self.outbound.flight_sent);
        let bytes = self.send.snd_una.distance_to(plain.ack);
        // Of what was sent again one answer may be to the original: as in all the steps.
        let doubtful_after = self.rtt.min_rtt().map(|min| env.now - min);
        let mut learned = Learned { doubtful_after, ..Learned::default() };
        self.advance(env, plain.ack, &mut learned);
        self.outbound.scoreboard.end_of_ack();
        let window = WindowSize::from_wire(plain.window, self.send.scale);
        self.take_window(WindowUpdate { seq: plain.seq, ack: plain.ack, window });
        self.take_rtt(env, plain.timestamps, &learned, Progress::Advanced);
        let facts = self.ack_facts(env, Progress::Advanced);
        let scoreboard = &mut self.outbound.scoreboard;
        let decision = self.recovery.on_ack(&facts, &learned, scoreboard, &mut self.congestion);
        self.tell_delivered(env, &learned, flight);
        // By time something may have turned out to be lost.
        if self.recovery.window_may_grow() {
            self.tell_acked(env, &learned, Acked { bytes, flight, repair: Repair::No });
        }
        self.after_ack(env, Progress::Advanced, decision);
    }

    /// Reads a field of each cache line that [`Tcb::on_predicted`] needs: what it gives means nothing.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        [
            u64::from(self.send.snd_una.to_wire()),
            u64::from(self.recv.rcv_nxt().to_wire()),
            u64::from(self.ends.remote_port()),
            u64::from(self.congestion.needs_pacing()),
            u64::from(self.rcv_mss),
            u64::from(self.path_mtu),
            self.heard_at.as_nanos(),
            self.timers.next_at().map_or(0, Instant::as_nanos),
            self.options.timestamps.map_or(0, |state| u64::from(state.recent)),
        ]
        .into_iter()
        .fold(0, u64::wrapping_add)
    }

    /// The same of what lies apart from the connection.
    #[inline]
    pub(crate) fn touch_apart(&self) -> u64 {
        u64::from(self.recovery.is_quiet()) + u64::from(self.recv.has_gap())
    }

    /// Takes a segment that [`Tcb::predicts`].
    #[inline]
    pub(crate) fn on_predicted(&mut self, env: &mut Env<'_, F>, plain: &Plain, frame: F) {
        if let Some(timestamps) = plain.timestamps {
            self.take_timestamp(env, plain.seq, timestamps);
        }
        self.heard_at = env.now;
        let window = WindowSize::from_wire(plain.window, self.send.scale);
        let update = WindowUpdate { seq: plain.seq, ack: plain.ack, window };
        if self.send.snd_wnd.is_zero() {
            self.take_window(update);
        } else {
            self.send.update_window(update);
        }
        let len = plain.payload_len();
        self.note_segment_len(len);
        let payload = Payload::Frame { frame, range: plain.payload.clone() };
        if self.recv.append_at_once(payload, len, env.held) == WasDrained::Yes {
            self.notes.add(Notes::READABLE);
        }
        self.on_text_in_order(env, len);
    }
}
