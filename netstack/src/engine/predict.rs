//! Segments as nearly all are: found, and taken where the connection expects just that.

use super::Engine;
use super::event::{CloseReason, Event};
use super::flows::Flow;
use super::payload::{Buffer, Frame};
use super::settle::{Listed, Phase, arm};
use crate::tcp::connection::Notes;
use crate::tcp::input::{Expected, Incoming};
use crate::time::Instant;
use crate::wire::plain::Plain;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Takes a frame if it is a segment as nearly all are, of a connection; else it comes back.
    #[inline]
    pub(super) fn take_plain(&mut self, now: Instant, frame: F) -> Option<F> {
        let Some(plain) = Plain::parse(&frame, self.config.interface.checksum) else {
            return Some(frame);
        };
        // A connection's local address is one of ours, so the two ends tell that too.
        if plain.destination != self.config.interface.mac {
            return Some(frame);
        }
        let Some(slot) = self.find_connection(&plain.ends) else { return Some(frame) };
        self.count_segment(plain.checksum);
        if let Some(frame) = self.take_predicted(now, slot, &plain, frame) {
            let route = self.route_back(&plain.ethernet());
            let segment = plain.into_segment();
            self.deliver(now, Flow::Connection(slot), route, Incoming { segment, frame });
        }
        None
    }

    /// Takes a segment that the connection expects, and does of [`Engine::settle`] what can follow;
    /// else the frame comes back.
    #[inline]
    fn take_predicted(&mut self, now: Instant, slot: u32, plain: &Plain, frame: F) -> Option<F> {
        #[cfg(test)]
        if self.predicted.is_none() {
            return Some(frame);
        }
        let Some((id, entry)) = self.connections.get_at_mut(slot) else { return Some(frame) };
        if entry.phase != Phase::Live {
            return Some(frame);
        }
        let Some(expected) = entry.tcb.expects(plain, &self.config.limits) else {
            return Some(frame);
        };
        let own_mac = self.config.interface.mac;
        let tcb = &mut entry.tcb;
        self.at_work = Some(id);
        #[cfg(test)]
        self.predicted.iter_mut().for_each(|count| *count += 1);
        let before = tcb.before();
        let mut env = env_of!(self, now);
        match expected {
            Expected::Text => tcb.on_predicted(&mut env, plain, frame),
            Expected::Ack => tcb.on_predicted_ack(&mut env, plain),
        }
        if let Some(route) = &mut tcb.route {
            (route.own_mac, route.peer_mac, route.vlan) = (own_mac, plain.source, None);
        }
        let sound = tcb.check_invariants(env.config);
        if sound.and_then(|()| tcb.check_step(&before)).is_err() {
            env.counters.invariants_broken += 1;
            tcb.break_off(&mut env, CloseReason::Internal);
            self.settle(now, id);
            self.at_work = None;
            return None;
        }
        if tcb.notes.take(Notes::READABLE) {
            self.events.push_back(Event::Readable { id });
        }
        if expected == Expected::Ack {
            tcb.note_room(&self.config.tcp);
            if tcb.notes.take(Notes::WRITABLE) {
                self.events.push_back(Event::Writable { id });
            }
        }
        if entry.listed == Listed::No && tcb.wants_to_send() {
            entry.listed = Listed::Yes;
            self.work.push_back(id);
        }
        // Of its deadlines only that of an acknowledgment may have come closer, or of a repair.
        let sooner = match expected {
            Expected::Text => entry.tcb.timers.delayed_ack(),
            Expected::Ack => entry.tcb.timers.next_at(),
        };
        match entry.timer {
            Some((_, armed)) if sooner.is_none_or(|at| at >= armed) => {}
            Some(_) | None => arm(&mut self.wheel, id, entry),
        }
        self.at_work = None;
        None
    }
}

#[cfg(test)]
impl<F: Frame, B: Buffer> Engine<F, B> {
    /// From here on every segment goes through all steps.
    pub(crate) fn predict_nothing(&mut self) {
        self.predicted = None;
    }

    /// Segments that were predicted.
    pub(crate) fn predicted(&self) -> u64 {
        self.predicted.unwrap_or_default()
    }

    /// All that there is to a connection.
    pub(crate) fn connection_state(&self, id: super::slots::ConnectionId) -> alloc::string::String
    where
        F: core::fmt::Debug,
        B: core::fmt::Debug,
    {
        alloc::format!("{:?}", self.connections.get(id).map(|entry| &entry.tcb))
    }
}
