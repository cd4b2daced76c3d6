//! Seventh: the segment's text. RFC 9293 §3.10.7.4, seventh.

use super::Incoming;
use super::closed::reset_for;
use crate::engine::drops::DropReason;
use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame, Payload};
use crate::engine::reply::Reply;
use crate::tcp::accecn::Urgency;
use crate::tcp::ack::{Owed, Reported};
use crate::tcp::connection::{Env, Notes, Owner, Step, Tcb, advertised_mss};
use crate::tcp::ecn::{EcnPacket, Mark};
use crate::tcp::recv::{Arrived, Received};
use crate::tcp::segment::Segment;
use crate::tcp::state::Signal;
use crate::wire::tcp_options::{SackBlock, SackPermitted};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    pub(super) fn process_text(&mut self, env: &mut Env<'_, F>, incoming: Incoming<F>) -> Step {
        let Incoming { segment, frame } = incoming;
        if segment.payload_len() == 0 {
            return Ok(());
        }
        if !self.state.may_receive() {
            // The peer has finished: this can only be what was received before.
            self.recv.ack.at_once();
            self.note_duplicate(env, &segment);
            return Err(DropReason::PastFin);
        }
        let end = segment.payload_seq() + u32::try_from(segment.payload_len()).unwrap_or(u32::MAX);
        if self.owner == Owner::LetGo && end.after(self.recv.rcv_nxt()) {
            // Nobody will read it, and the peer must know. RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13.
            if let Some(reset) = self.route.and_then(|route| reset_for(&segment, route, self.ip)) {
                env.counters.resets_sent += 1;
                env.replies.push(Reply::Segment(reset), env.counters);
            }
            self.finish(env, Signal::Abort, CloseReason::Aborted);
            return Err(DropReason::AfterClose);
        }
        self.note_duplicate(env, &segment);
        self.note_segment_len(u32::try_from(segment.payload_len()).unwrap_or(u32::MAX));
        let seq = segment.payload_seq();
        let payload = Payload::Frame { frame, range: segment.payload };
        let was_empty = self.recv.is_drained();
        let had_gap = self.recv.has_gap();
        match self.recv.on_payload(Arrived { seq, payload }, env.limits, env.held, env.counters) {
            Received::InOrder(bytes) => {
                if had_gap {
                    // A hole was filled, in part or whole: RFC 5681 §4.2.
                    self.recv.ack.at_once();
                }
                self.on_text_in_order(env, bytes);
                if was_empty {
                    self.notes.add(Notes::READABLE);
                }
                Ok(())
            }
            Received::OutOfOrder(bytes) => {
                env.counters.out_of_order_bytes += u64::from(bytes);
                self.recv.ack.at_once();
                self.report_ranges(env);
                Ok(())
            }
            Received::Dropped(reason) => {
                self.recv.ack.at_once();
                Err(reason)
            }
        }
    }

    /// `bytes` of text have come in order: they are to be acknowledged.
    #[inline]
    pub(super) fn on_text_in_order(&mut self, env: &mut Env<'_, F>, bytes: u32) {
        env.counters.bytes_received += u64::from(bytes);
        self.recv.ack.on_in_order(bytes, self.rcv_mss);
        if self.recv.ack.owed() == Owed::Delayed {
            self.timers.arm_delayed_ack(env.now + env.config.delayed_ack);
        }
    }

    /// A segment carries `len` octets of text: the largest is what the peer's segments are.
    #[inline]
    pub(super) fn note_segment_len(&mut self, len: u32) {
        let octets = u16::try_from(len).unwrap_or(u16::MAX);
        if octets > self.rcv_mss {
            // A frame may be several segments that were coalesced on the way.
            let largest = advertised_mss(self.ends.ip_version(), self.path_mtu);
            self.rcv_mss = self.rcv_mss.max(octets.min(largest));
        }
    }

    /// Takes note of text that was received before, so that its sender hears of it. RFC 2883 §4.
    pub(super) fn note_duplicate(&mut self, env: &mut Env<'_, F>, segment: &Segment) {
        let left = segment.payload_seq();
        let right = left + u32::try_from(segment.payload_len()).unwrap_or(u32::MAX);
        let Some(block) = self.recv.duplicate_of(SackBlock { left, right }) else { return };
        self.ecn.on_duplicate();
        if self.options.sack == SackPermitted::No {
            return;
        }
        let mut reported = self.recv.on_duplicate(block);
        if reported == Reported::NoRoom {
            self.reply_ack(env);
            reported = self.recv.on_duplicate(block);
        }
        env.counters.duplicates_reported += u64::from(reported == Reported::First);
    }

    /// Takes note of a router's mark, and of the peer's word that it has reduced its window: it may
    /// have become so small that it waits for this acknowledgment.
    pub(super) fn take_mark(&mut self, env: &mut Env<'_, F>, segment: &Segment) {
        let len = u32::try_from(segment.payload_len()).unwrap_or(u32::MAX);
        let packet = EcnPacket { flags: segment.flags, codepoint: segment.ecn, len };
        let (mark, urgency) = self.ecn.on_packet(packet);
        env.counters.ecn_marks_received += u64::from(mark == Mark::Congestion);
        match urgency {
            Urgency::None => {}
            Urgency::Soon => self.recv.ack.at_once(),
            Urgency::Now => {
                self.recv.ack.at_once();
                self.reply_ack(env);
            }
        }
    }

    /// One ACK a burst has room for so many SACK blocks only. A peer that hears of no more takes
    /// the rest for lost and sends it all again, so a burst that touches more ranges gets more
    /// ACKs.
    fn report_ranges(&mut self, env: &mut Env<'_, F>) {
        let newest = self.recv.newest_range();
        let touched = newest.map(|left| self.recv.on_touched(left));
        let told = match self.ecn.byte_counts() {
            Some(_) => SACK_BLOCKS_BESIDE_ACCECN,
            None => SACK_BLOCKS_BESIDE_TIMESTAMPS,
        };
        if touched < Some(told) {
            return;
        }
        self.reply_ack(env);
    }

    /// Sends the ACK that is owed now, before the burst has been taken whole.
    fn reply_ack(&mut self, env: &mut Env<'_, F>) {
        if let Some(ack) = self.last_ack(env) {
            env.counters.acks_sent += 1;
            env.replies.push(Reply::Segment(ack), env.counters);
        }
    }
}

/// SACK blocks that fit into every ACK.
const SACK_BLOCKS_BESIDE_TIMESTAMPS: u8 = 3;
/// The same where AccECN options may go out.
const SACK_BLOCKS_BESIDE_ACCECN: u8 = 2;
