//! Fourth: SYN. RFC 9293 §3.10.7.4, fourth; RFC 5961 §4.2.

use crate::engine::drops::DropReason;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{Due, Env, Step, Tcb};
use crate::tcp::segment::{Control, Segment};
use crate::tcp::state::{Origin, State, SynReceived};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Whatever its number, a SYN is answered with a challenge ACK: a peer that restarted will
    /// answer it with an exact RST.
    pub(super) fn check_syn(&mut self, env: &mut Env<'_, F>, segment: &Segment) -> Step {
        if segment.control != Control::Syn {
            return Ok(());
        }
        if self.is_crossing_syn_ack(segment) {
            return Ok(());
        }
        if matches!(self.state, State::SynReceived(_)) {
            self.due = Due::Syn;
        }
        self.challenge(env);
        Err(DropReason::SynInSynchronized)
    }

    /// Whether this is the SYN-ACK that completed our open: it lies left of the window.
    pub(super) fn is_syn_ack_again(&self, segment: &Segment) -> bool {
        // The numbers wrap, and so may the count.
        let received = u32::try_from(self.recv.bytes_received % (1 << 32)).unwrap_or_default();
        matches!(self.state, State::Established(_))
            && self.listener.is_none()
            && segment.seq + 1 + received == self.recv.rcv_nxt()
            && segment.ack == Some(self.send.iss + 1)
    }

    /// Simultaneous open: the peer's SYN again, now with its ACK of ours. It lies left of the
    /// window, and yet it completes the handshake. RFC 9293 §3.5, figure 8.
    pub(super) fn is_crossing_syn_ack(&self, segment: &Segment) -> bool {
        matches!(self.state, State::SynReceived(SynReceived { origin: Origin::Active, .. }))
            && segment.control == Control::Syn
            && segment.seq + 1 == self.recv.rcv_nxt()
            && segment.ack == Some(self.send.snd_nxt)
    }
}
