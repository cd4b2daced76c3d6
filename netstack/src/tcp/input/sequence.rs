//! First: is the segment in the window, and not from the past? RFC 9293 §3.10.7.4, first;
//! RFC 7323 §5.3.

use crate::engine::drops::DropReason;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{Env, Step, Tcb};
use crate::tcp::segment::{Control, Segment};
use crate::tcp::seq::SeqNum;
use crate::tcp::short::CoarseInstant;
use crate::time::Span;
use crate::wire::tcp_options::Timestamps;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    pub(super) fn check_sequence(&mut self, env: &mut Env<'_, F>, segment: &Segment) -> Step {
        if self.is_from_the_past(env, segment) {
            self.answer_unacceptable(env, segment);
            return Err(DropReason::Paws);
        }
        let acceptable = self.recv.is_acceptable(segment.seq, segment.seq_len());
        if !acceptable && !self.is_ack_at_edge(segment) && !self.is_crossing_syn_ack(segment) {
            // A zero window still takes ACKs and RSTs at its edge: RFC 9293 §3.10.7.4 asks for
            // their processing even when the text is refused.
            if !self.may_use_ack_of(segment) {
                if segment.control == Control::Syn && self.is_syn_ack_again(segment) {
                    self.ecn.on_syn_ack_again(segment.flags, segment.ecn);
                }
                self.answer_unacceptable(env, segment);
                return Err(DropReason::OutsideWindow);
            }
            self.recv.ack.at_once();
        }
        if let Some(timestamps) = segment.timestamps() {
            self.take_timestamp(env, segment.seq, timestamps);
        }
        Ok(())
    }

    /// Whether a segment is an ACK without text exactly behind the window: its sender has filled
    /// the window, and what filled it may be lost.
    fn is_ack_at_edge(&self, segment: &Segment) -> bool {
        segment.control == Control::None
            && segment.payload_len() == 0
            && segment.seq == self.recv.rcv_nxt() + self.recv.window()
    }

    /// Whether a segment that carries text for a closed window lies exactly at RCV.NXT, so that
    /// its acknowledgment counts.
    fn may_use_ack_of(&self, segment: &Segment) -> bool {
        self.recv.window().is_zero()
            && segment.seq == self.recv.rcv_nxt()
            && segment.control == Control::None
    }

    /// PAWS. RFC 7323 §5.3, R1. A RST is exempt; so is everything after 24 days of silence.
    fn is_from_the_past(&self, env: &Env<'_, F>, segment: &Segment) -> bool {
        let (Some(state), Some(timestamps)) = (self.options.timestamps, segment.timestamps())
        else {
            return false;
        };
        let old = is_before(timestamps.value, state.recent);
        let outdated = state.recent_at.age(env.now) > PAWS_OUTDATED;
        old && !outdated && segment.control != Control::Rst
    }

    /// An unacceptable segment is answered with an ACK unless it is a RST: at once where it
    /// carries something, else within the limit that stops two stacks from answering each other.
    fn answer_unacceptable(&mut self, env: &mut Env<'_, F>, segment: &Segment) {
        match segment.control {
            Control::Rst => {}
            _ if segment.payload_len() > 0 => {
                self.recv.ack.at_once();
                self.note_duplicate(env, segment);
            }
            Control::None | Control::Syn | Control::Fin => self.challenge(env),
        }
    }

    /// RFC 7323 §4.3, (2): the timestamp to echo comes from the segment that the next ACK
    /// acknowledges first.
    #[inline]
    pub(super) fn take_timestamp(&mut self, env: &Env<'_, F>, seq: SeqNum, timestamps: Timestamps) {
        let Some(state) = &mut self.options.timestamps else { return };
        let newer = !is_before(timestamps.value, state.recent);
        if newer && seq.before_or_eq(state.last_ack_sent) {
            state.recent = timestamps.value;
            state.recent_at = CoarseInstant::of(env.now);
        }
    }
}

/// Whether one timestamp is older than another, around the wrap.
pub(crate) const fn is_before(value: u32, recent: u32) -> bool {
    value.wrapping_sub(recent).cast_signed() < 0
}

/// How long TS.Recent is believed: the sign bit's turn at 1 ms a tick. RFC 7323 §5.5.
const PAWS_OUTDATED: Span = Span::from_secs(24 * 24 * 3600);
