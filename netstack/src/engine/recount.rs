//! Whether an engine's tables agree with each other.

use super::Engine;
use super::event::ListenerId;
use super::info::StateCounts;
use super::payload::{Buffer, Frame};
use super::settle::Phase;
use crate::tcp::state::TcpState;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Whether states, timers and flows equal a recount, and every table is within its limits. For
    /// tests: it looks at every connection.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let live = || self.connections.iter().filter(|(_, entry)| entry.phase == Phase::Live);
        let timers = self.connections.iter().filter(|(_, entry)| entry.timer.is_some()).count();
        let (half_open, time_wait) = (self.half_open.len(), self.time_wait.len());
        let in_time_wait = self.listeners.iter().map(|(_, listener)| &listener.counts);
        let in_time_wait = in_time_wait.chain([&self.active]);
        let in_time_wait: u32 = in_time_wait.map(|counts| counts.get(TcpState::TimeWait)).sum();
        let limits = &self.config.limits;
        let fits = |len: usize, max: u32| len <= max as usize;
        timers == self.wheel.len()
            && self.flows.len() == live().count() + half_open + time_wait
            && in_time_wait as usize == time_wait
            && fits(self.connections.len(), limits.connections_max)
            && fits(half_open, limits.half_open_max)
            && fits(time_wait, limits.time_wait_max)
            && self.listeners.iter().all(|(_, listener)| listener.is_within_limits())
            && self.counts_right(None, &self.active)
            && self.listeners.iter().all(|(id, its)| self.counts_right(Some(id), &its.counts))
    }

    /// Whether the connections of a listener, or those that we opened, are in the states that they are
    /// counted in.
    fn counts_right(&self, listener: Option<ListenerId>, counts: &StateCounts) -> bool {
        let of_it = |state| {
            let its = self.connections.iter().filter(|(_, entry)| {
                entry.phase == Phase::Live
                    && entry.tcb.listener == listener
                    && entry.tcb.state.name() == state
            });
            its.count()
        };
        let half_open = listener.map_or(0, |id| self.half_open.of_listener(id).len());
        counts.iter().all(|(state, count)| match state {
            // Listeners count themselves; records are counted all together.
            TcpState::Listen | TcpState::TimeWait => true,
            TcpState::SynReceived => count as usize == of_it(state) + half_open,
            _ => count as usize == of_it(state),
        })
    }
}
