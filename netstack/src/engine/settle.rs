//! What follows every step of a connection: states counted, events told, timers armed, ends met.

use alloc::collections::VecDeque;

use super::Engine;
use super::event::{CloseReason, Event};
use super::flows::Flow;
use super::info::StateCounts;
use super::payload::{Buffer, Frame};
use super::reply::Reply;
use super::slots::ConnectionId;
use super::time_wait::TimeWaitRecord;
use super::wheel::{TimerId, Wheel};
use crate::tcp::connection::{Env, Notes, Owner, Tcb};
use crate::tcp::state::{State, TcpState};
use crate::time::Instant;

/// A connection and its place in the engine.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Entry<F, B> {
    // Beside what the connection begins with.
    /// The timer in the wheel, and when it fires: at the nearest deadline or before.
    pub(super) timer: Option<(TimerId, Instant)>,
    pub(super) listed: Listed,
    /// The state under which it is counted.
    pub(super) counted: TcpState,
    pub(super) phase: Phase,
    pub(super) tcb: Tcb<F, B>,
}

impl<F: Frame, B: Buffer> Entry<F, B> {
    /// A connection that begins.
    pub(super) fn new(tcb: Tcb<F, B>) -> Self {
        let (counted, timer) = (tcb.state.name(), None);
        Self { tcb, timer, listed: Listed::No, counted, phase: Phase::Live }
    }
}

impl<F: Frame, B: Buffer> Entry<F, B> {
    /// Reads a field of each cache line that a segment in order needs: what it gives means nothing.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        let timer = self.timer.map_or(0, |(_, at)| at.as_nanos());
        timer.wrapping_add(self.phase as u64).wrapping_add(self.tcb.touch())
    }
}

/// Whether a connection is in the work list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    No,
    Yes,
}

/// How much of a connection is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// All of it.
    Live,
    /// What was received and its owner has not taken.
    Draining,
    /// Its name, until the owner takes the last event.
    Reported,
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Does a step of a connection, and what follows from it.
    pub(super) fn with<R>(
        &mut self,
        now: Instant,
        id: ConnectionId,
        step: impl FnOnce(&mut Tcb<F, B>, &mut Env<'_, F>) -> R,
    ) -> Option<R> {
        let entry = self.connections.get_mut(id).filter(|entry| entry.phase == Phase::Live)?;
        let mut env = env_of!(self, now);
        self.at_work = Some(id);
        let before = entry.tcb.before();
        let result = step(&mut entry.tcb, &mut env);
        let sound = entry.tcb.check_invariants(env.config);
        if sound.and_then(|()| entry.tcb.check_step(&before)).is_err() {
            env.counters.invariants_broken += 1;
            entry.tcb.break_off(&mut env, CloseReason::Internal);
        }
        self.settle(now, id);
        self.at_work = None;
        Some(result)
    }

    /// Brings the engine's tables up to date with a connection.
    pub(super) fn settle(&mut self, now: Instant, id: ConnectionId) {
        self.recount(id);
        let Some(entry) = self.connections.get_mut(id) else { return };
        if entry.tcb.owner == Owner::Attached && entry.phase == Phase::Live {
            entry.tcb.note_room(&self.config.tcp);
            tell(&mut self.events, id, &mut entry.tcb);
        }
        if let Some(reason) = entry.tcb.end {
            self.conclude(now, id, reason);
            return;
        }
        if entry.listed == Listed::No && entry.tcb.wants_to_send() {
            entry.listed = Listed::Yes;
            self.work.push_back(id);
        }
        arm(&mut self.wheel, id, entry);
    }

    /// The counts of a connection's listener, or of the active opens.
    pub(super) fn counts_of(
        &mut self,
        listener: Option<super::event::ListenerId>,
    ) -> &mut StateCounts {
        match listener.and_then(|id| self.listeners.counts_mut(id)) {
            Some(counts) => counts,
            None => &mut self.active,
        }
    }

    fn recount(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(id) else { return };
        let (old, new) = (entry.counted, entry.tcb.state.name());
        if old == new {
            return;
        }
        entry.counted = new;
        let listener = entry.tcb.listener;
        let counts = self.counts_of(listener);
        counts.leave(old);
        counts.enter(new);
    }

    /// Arms the wheel for a connection's nearest deadline.
    pub(super) fn arm(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(id) else { return };
        arm(&mut self.wheel, id, entry);
    }

    /// A connection has ended: its flow goes, or becomes a record; what its owner has not taken
    /// stays until it is.
    fn conclude(&mut self, now: Instant, id: ConnectionId, reason: CloseReason) {
        let Some(entry) = self.connections.get_mut(id) else { return };
        let mut env = env_of!(self, now);
        env.counters.count_close(reason);
        let tcb = &mut entry.tcb;
        let finished = reason == CloseReason::Finished;
        if finished && let Some(ack) = tcb.last_ack(&env) {
            env.counters.acks_sent += 1;
            env.replies.push(Reply::Segment(ack), env.counters);
        }
        let (tuple, listener, counted) = (tcb.tuple(), tcb.listener, entry.counted);
        let record = match tcb.state {
            State::TimeWait(_) => Some(TimeWaitRecord::of(tcb, tcb.recv.rcv_nxt())),
            _ => None,
        };
        let keep = finished && tcb.owner == Owner::Attached;
        tcb.release_queue(&mut env);
        if keep {
            // What was received in order is still to be read; what lies behind the FIN never is.
            tcb.recv.clear_ahead(env.held);
        } else {
            tcb.recv.clear(env.held);
        }
        if let Some((timer, _)) = entry.timer.take() {
            self.wheel.cancel(timer);
        }
        let drained = tcb.recv.is_drained();
        let attached = tcb.owner == Owner::Attached;
        entry.phase = Phase::Draining;
        self.counts_of(listener).leave(counted);
        self.remove_flow(&tuple, Flow::Connection(id.slot()));
        if let Some(record) = record {
            self.keep_record(now, &record);
        }
        if !attached {
            self.connections.remove(id);
        } else if drained {
            self.report_end(id);
        }
    }

    /// Tells the owner of an end whose payload has all been taken.
    pub(super) fn report_end(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(id) else { return };
        entry.phase = Phase::Reported;
        let reason = entry.tcb.end.unwrap_or(CloseReason::Internal);
        self.events.push_back(Event::Closed { id, reason });
    }
}

/// Tells the owner what is new.
#[inline]
pub(super) fn tell<F: Frame, B: Buffer>(
    events: &mut VecDeque<Event>,
    id: ConnectionId,
    tcb: &mut Tcb<F, B>,
) {
    if tcb.notes.take(Notes::OPENED) {
        events.push_back(match tcb.listener {
            Some(listener) => Event::Accepted { id, listener },
            None => Event::Connected { id },
        });
    }
    if tcb.notes.take(Notes::READABLE) {
        events.push_back(Event::Readable { id });
    }
    if tcb.notes.take(Notes::PEER_FINISHED) {
        events.push_back(Event::PeerFinished { id });
    }
    if tcb.notes.take(Notes::WRITABLE) {
        events.push_back(Event::Writable { id });
    }
}

/// Arms the wheel for a connection's nearest deadline. A timer that fires too early, or for nothing,
/// is left: it costs less than moving it with every segment.
#[inline]
pub(super) fn arm<F: Frame, B: Buffer>(
    wheel: &mut Wheel<ConnectionId>,
    id: ConnectionId,
    entry: &mut Entry<F, B>,
) {
    let never = Instant::FAR_FUTURE;
    let mut at = entry.tcb.timers.next_at().unwrap_or(never);
    // Most often something else fires before it could be at rest.
    let armed = entry.timer.map_or(never, |(_, armed)| armed);
    if armed > entry.tcb.may_rest_at() {
        at = at.min(entry.tcb.rests_at().unwrap_or(never));
    }
    if at == never {
        return;
    }
    match entry.timer {
        None => entry.timer = Some((wheel.arm(id, at), at)),
        Some((timer, armed)) if at < armed => {
            wheel.rearm(timer, at);
            entry.timer = Some((timer, at));
        }
        Some(_) => {}
    }
}
