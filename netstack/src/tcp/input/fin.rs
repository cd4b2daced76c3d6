//! Eighth: FIN. RFC 9293 §3.10.7.4, eighth.

use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{Env, Notes, Tcb};
use crate::tcp::recv::PeerFin;
use crate::tcp::segment::{Control, Segment};
use crate::tcp::seq::SeqNum;
use crate::tcp::state::{Signal, State};

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Where the segment's FIN lies, if it has one within the window.
    pub(super) fn fin_of(&self, segment: &Segment) -> Option<SeqNum> {
        if segment.control != Control::Fin {
            return None;
        }
        let seq = segment.seq_end() - 1;
        let past = seq.before(self.recv.rcv_nxt());
        let beyond = seq.after(self.recv.rcv_nxt() + self.recv.window());
        (!past && !beyond).then_some(seq)
    }

    /// Takes the peer's FIN if everything before it has arrived: this segment's, or one that was
    /// seen ahead of the gap that this segment filled.
    pub(super) fn process_fin(&mut self, env: &mut Env<'_, F>, fin: Option<SeqNum>) {
        if !self.state.may_receive() || self.end.is_some() {
            return;
        }
        let taken = match fin {
            Some(seq) => {
                self.recv.ack.at_once();
                self.recv.on_fin(seq)
            }
            None => self.recv.take_fin(),
        };
        if taken != PeerFin::Taken {
            return;
        }
        self.recv.ack.at_once();
        // What lies behind the end of the stream will never be in order.
        self.recv.clear_ahead(env.held);
        self.notes.add(Notes::PEER_FINISHED);
        self.signal(env, Signal::Fin);
        if matches!(self.state, State::TimeWait(_)) {
            self.end = Some(CloseReason::Finished);
        }
    }
}
