//! What a connection does with a segment: one file a step of RFC 9293 §3.10.7.

mod ack;
pub(crate) mod closed;
mod fin;
pub(crate) mod listen;
mod predict;
mod reset;
pub(crate) mod sequence;
mod syn;
mod syn_sent;
mod text;

pub(crate) use predict::Expected;

use super::connection::{Env, Step, Tcb};
use super::segment::{Options, Segment};
use super::state::State;
use crate::engine::drops::DropReason;
use crate::engine::payload::{Buffer, Frame};
use crate::wire::tcp_options::SegmentOptions;

/// A segment and the frame that it lies in.
#[derive(Debug)]
pub(crate) struct Incoming<F> {
    /// The segment.
    pub(crate) segment: Segment,
    /// Its frame.
    pub(crate) frame: F,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Takes a segment of this connection; what is not used of it is counted.
    pub(crate) fn on_segment(&mut self, env: &mut Env<'_, F>, incoming: Incoming<F>) {
        let result = match self.state {
            State::SynSent(_) => self.in_syn_sent(env, incoming),
            State::SynReceived(_)
            | State::Established(_)
            | State::FinWait1(_)
            | State::FinWait2(_)
            | State::CloseWait(_)
            | State::Closing(_)
            | State::LastAck(_) => self.in_order_of_steps(env, incoming),
            // A listener and a TIME-WAIT record are no connections; a closed one is gone.
            State::Closed(_) | State::Listen(_) | State::TimeWait(_) => Err(DropReason::NoListener),
        };
        if let Err(reason) = result {
            env.counters.count_drop(reason);
        }
    }

    /// The eight steps of RFC 9293 §3.10.7.4; security and urgent data have none.
    fn in_order_of_steps(&mut self, env: &mut Env<'_, F>, incoming: Incoming<F>) -> Step {
        let Incoming { segment, frame } = incoming;
        self.check_sequence(env, &segment)?;
        self.check_reset(env, &segment)?;
        self.check_syn(env, &segment)?;
        self.heard_at = env.now;
        self.check_ack(env, &segment)?;
        if self.end.is_some() {
            return Ok(());
        }
        if let Options::Other(SegmentOptions { user_timeout: Some(theirs), .. }) = segment.options {
            self.heed_user_timeout(env.config, theirs);
        }
        let fin = self.fin_of(&segment);
        self.take_mark(env, &segment);
        let text = self.process_text(env, Incoming { segment, frame });
        self.process_fin(env, fin);
        text
    }
}
