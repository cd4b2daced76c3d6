//! What the control plane asks of a worker: a new snapshot, the way out, answers.

use std::sync::Arc;

use super::Worker;
use crate::admin::workers::{Mailbox, Question};
use crate::config::Snapshot;
use crate::drain::{Drain, Lifecycle, Phase};
use crate::ending::Ending;

/// What a worker shares with the control plane.
pub(crate) struct Control {
    /// The configuration; replaced as a whole.
    pub(crate) snapshot: Arc<arc_swap::ArcSwap<Snapshot>>,
    /// How far the process is on its way out.
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// Questions.
    pub(crate) mailbox: Mailbox,
}

/// Whether a worker has said that it is without connections for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    Yes,
    No,
}

/// Where a worker is, for its answers.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its number, over all interfaces.
    pub(crate) worker: u8,
    /// Its interface.
    pub(crate) interface: String,
    /// Its receive queue.
    pub(crate) queue: u32,
}

impl Worker {
    /// Another thread wants something.
    pub(super) fn on_woken(&mut self) {
        self.context.install(&self.control.snapshot.load());
        self.phase = self.control.lifecycle.phase();
        if self.phase >= Phase::Draining {
            self.context.stop_listening();
        }
        if self.phase >= Phase::Stopping {
            self.end_all();
        }
        while let Some(question) = self.control.mailbox.next() {
            self.answer(question);
        }
    }

    /// weir stops, and nothing is left that could be waited for: neither by the drain, nor of what
    /// the phase that this worker has seen made it do.
    pub(super) fn is_done(&mut self) -> bool {
        match self.phase {
            Phase::Starting | Phase::Ready | Phase::Leaving => false,
            Phase::Draining => self.is_last_to_drain(),
            Phase::Stopping => true,
        }
    }

    /// A worker without connections stays until none has any: what reaches its queue may belong to
    /// another's connection, and a new one is to be refused. The last one takes the others along.
    fn is_last_to_drain(&mut self) -> bool {
        let empty = self.sessions.len() == 0 && self.context.engine.unfinished() == 0;
        if !empty || self.drained == Drained::Yes {
            return false;
        }
        self.drained = Drained::Yes;
        match self.control.lifecycle.drained() {
            Drain::GoesOn => false,
            Drain::Over => {
                self.handover.wake_all();
                true
            }
        }
    }

    /// Ends every session; what can still be told to the clients leaves with this turn.
    fn end_all(&mut self) {
        for id in self.sessions.ids() {
            self.with(id, |session, context| {
                session.on_drained(context);
                Err(Ending::Drained)
            });
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            // Whoever asked may have given up: then nobody takes the answer.
            Question::Connections { from, reply } => drop(reply.send(self.page(from))),
            Question::Status { reply } => drop(reply.send(self.status())),
        }
    }
}
