//! SYN-SENT: the answer to an active open. RFC 9293 §3.10.7.3.

use super::Incoming;
use super::closed::reset_for;
use crate::engine::drops::DropReason;
use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame};
use crate::engine::reply::Reply;
use crate::tcp::accecn::SynAck;
use crate::tcp::connection::{Due, Env, Notes, Step, Tcb};
use crate::tcp::ecn::{EcnState, EcnUse, Mark};
use crate::tcp::segment::{Control, Options, Segment};
use crate::tcp::send::WindowUpdate;
use crate::tcp::seq::{WindowScale, WindowSize};
use crate::tcp::short::CoarseInstant;
use crate::tcp::state::Signal;

/// What the ACK of a segment means in SYN-SENT.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AckOfSyn {
    Absent,
    Acceptable,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    pub(super) fn in_syn_sent(&mut self, env: &mut Env<'_, F>, incoming: Incoming<F>) -> Step {
        let segment = incoming.segment;
        // First: ACK.
        let ack = match segment.ack {
            None => AckOfSyn::Absent,
            Some(ack) if ack.after(self.send.iss) && ack.before_or_eq(self.send.snd_nxt) => {
                AckOfSyn::Acceptable
            }
            Some(_) => {
                let reset = self.route.and_then(|route| reset_for(&segment, route, self.ip));
                if let Some(reset) = reset {
                    env.counters.resets_sent += 1;
                    env.replies.push(Reply::Segment(reset), env.counters);
                }
                return Err(DropReason::AckOutsideRange);
            }
        };
        // Second: RST. Fourth: SYN.
        match (segment.control, ack) {
            (Control::Rst, AckOfSyn::Acceptable) => {
                env.counters.resets_received += 1;
                self.finish(env, Signal::Reset, CloseReason::Refused);
                Err(DropReason::Reset)
            }
            (Control::Rst, AckOfSyn::Absent) => Err(DropReason::ResetNotExact),
            (Control::None | Control::Fin, _) => Err(DropReason::NoSyn),
            (Control::Syn, ack) => {
                self.on_peer_syn(env, &segment, ack);
                Ok(())
            }
        }
    }

    /// The peer's SYN: with the ACK of ours the handshake is done, without it the SYNs crossed.
    /// Payload in it is left for the peer to send again: nobody asked for it there.
    fn on_peer_syn(&mut self, env: &mut Env<'_, F>, segment: &Segment, ack: AckOfSyn) {
        self.heard_at = env.now;
        self.negotiate(env, segment);
        self.recv.restart(segment.seq);
        if let Some(state) = &mut self.options.timestamps {
            state.last_ack_sent = self.recv.rcv_nxt();
        }
        let window = WindowSize::from_wire(segment.window, WindowScale::ZERO);
        let una = segment.ack.unwrap_or(self.send.iss);
        self.send.set_window(WindowUpdate { seq: segment.seq, ack: una, window });
        match ack {
            AckOfSyn::Acceptable => {
                let (policy, unanswered) = (env.config.ecn_policy(), self.stats.unanswered);
                let (flags, codepoint) = (segment.flags, segment.ecn);
                let syn_ack = SynAck { flags, codepoint, option: segment.options.accecn() };
                let mark;
                (self.ecn, mark) = EcnState::active(policy, unanswered, &syn_ack);
                self.send.snd_una = una;
                self.handshake_done(env);
                if mark == Mark::Congestion {
                    self.congestion.after_syn_loss();
                }
                self.recv.ack.at_once();
            }
            AckOfSyn::Absent => {
                let (policy, unanswered) = (env.config.ecn_policy(), self.stats.unanswered);
                self.ecn = EcnState::crossed(policy, unanswered, segment.flags, segment.ecn);
                self.signal(env, Signal::Syn);
                self.due = Due::Syn;
            }
        }
    }

    /// Our SYN is acknowledged: timers stop, the round trip is known, the owner hears of it.
    pub(super) fn handshake_done(&mut self, env: &mut Env<'_, F>) {
        self.due = Due::Nothing;
        env.counters.ecn_negotiated += u64::from(self.ecn.usage() == EcnUse::Both);
        self.timers.stop_repair();
        self.not_stuck();
        if self.stats.unanswered == 0 {
            let rtt = env.now - self.sent_at;
            // Of a cookie it may not be known when it was sent.
            if !rtt.is_zero() {
                self.sample_rtt(env, rtt);
            }
        } else {
            self.rtt.after_syn_loss();
            // A single one may have come back late: RFC 6928 §2.
            if self.stats.unanswered > 1 {
                self.congestion.after_syn_loss();
            }
        }
        self.stats.unanswered = 0;
        self.signal(env, Signal::AckOfSyn);
        self.notes.add(Notes::OPENED);
        self.notes.add(Notes::TELL_TIMEOUT);
        self.start_keepalive(env);
        self.start_path_search(env);
    }

    /// Keeps of what we offered what the peer's SYN has too.
    fn negotiate(&mut self, env: &Env<'_, F>, segment: &Segment) {
        let Options::Syn(options) = segment.options else { return };
        match options.window_scale {
            Some(scale) => self.send.scale = scale,
            None => {
                self.send.scale = WindowScale::ZERO;
                self.recv.without_scale();
            }
        }
        match (options.timestamps, &mut self.options.timestamps) {
            (Some(timestamps), Some(state)) => {
                state.recent = timestamps.value;
                state.recent_at = CoarseInstant::of(env.now);
            }
            (None, _) => self.options.timestamps = None,
            (Some(_), None) => {}
        }
        self.options.sack = options.sack_permitted;
        self.set_peer_mss(options.mss);
    }
}
