//! Second: RST. RFC 9293 §3.10.7.4, second; RFC 5961 §3.2.

use crate::engine::drops::DropReason;
use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{Env, Step, Tcb};
use crate::tcp::segment::{Control, Segment};
use crate::tcp::state::{Origin, Signal, State, SynReceived};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    pub(super) fn check_reset(&mut self, env: &mut Env<'_, F>, segment: &Segment) -> Step {
        if segment.control != Control::Rst {
            return Ok(());
        }
        if segment.seq != self.recv.rcv_nxt() {
            // In the window, but not exact: a guess, or a RST that overtook data.
            self.challenge(env);
            return Err(DropReason::ResetNotExact);
        }
        env.counters.resets_received += 1;
        let reason = match self.state {
            State::SynReceived(SynReceived { origin: Origin::Active, .. }) => CloseReason::Refused,
            // Both FINs are out and ours may have arrived: the stream was whole.
            State::Closing(_) | State::LastAck(_) | State::TimeWait(_) => CloseReason::Finished,
            State::Closed(_)
            | State::Listen(_)
            | State::SynSent(_)
            | State::SynReceived(_)
            | State::Established(_)
            | State::FinWait1(_)
            | State::FinWait2(_)
            | State::CloseWait(_) => CloseReason::ResetByPeer,
        };
        self.finish(env, Signal::Reset, reason);
        Err(DropReason::Reset)
    }
}
