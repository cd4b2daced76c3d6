//! Probes: of the tail, of a closed window, of the path.

use super::{Pass, Plan, Probing, Taken};
use crate::engine::event::Transmitted;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{Env, Tcb};
use crate::tcp::header::Route;
use crate::tcp::pmtud::ProbeStep;
use crate::tcp::sack::Sent;
use crate::tcp::send_buffer::SeqRange;
use crate::tcp::timers::Repair;
use crate::tcp::train::Link;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// A tail loss probe: new data if the window takes it, else the last segment again.
    /// RFC 8985 §7.3.
    pub(super) fn send_loss_probe(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let mss = u32::from(self.mss);
        let fresh = self.send.snd_nxt.distance_to(self.queue.end()).min(mss);
        let plan = if fresh > 0 && fresh <= self.send.usable_window() {
            let range = SeqRange { start: self.send.snd_nxt, end: self.send.snd_nxt + fresh };
            Some(Plan { range, pass: Pass::First })
        } else {
            self.outbound.scoreboard.tail(mss).map(|range| Plan { range, pass: Pass::Probe })
        };
        let Some(plan) = plan else { return Transmitted::Done };
        if self.send_plan(env, route, link, plan) == Taken::LinkFull {
            return Transmitted::LinkFull;
        }
        env.counters.loss_probes += 1;
        let sent = if plan.pass == Pass::First { Sent::Once } else { Sent::Again };
        self.recovery.on_probe(plan.range, sent);
        self.timers.arm_repair(Repair::Rto, env.now + self.rto(env.config));
        Transmitted::Done
    }

    /// Sends a probe for a larger path MTU, where one is due.
    pub(super) fn send_path_probe(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Probing {
        self.age_path_mtu(env);
        let range = match self.path_probe() {
            ProbeStep::None => return Probing::Done,
            ProbeStep::Wait => return Probing::Waits,
            ProbeStep::Send(range) => range,
        };
        match self.send_plan(env, route, link, Plan { range, pass: Pass::PathProbe }) {
            // A part of it, because it lies in too many pieces, tells nothing.
            Taken::Some(octets) if octets == range.len() => self.path_probe_sent(env, range),
            Taken::Some(_) => {}
            Taken::LinkFull => return Probing::LinkFull,
        }
        Probing::Done
    }

    /// A window probe: what the window takes although it is little, else an old number, which the
    /// peer must answer with its window.
    pub(super) fn send_window_probe(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        env.counters.window_probes += 1;
        let fresh = self.send.snd_nxt.distance_to(self.queue.end());
        let len = fresh.min(self.send.usable_window()).min(u32::from(self.mss));
        if len == 0 {
            return self.send_ack(env, route, link, self.send.snd_una - 1);
        }
        let range = SeqRange { start: self.send.snd_nxt, end: self.send.snd_nxt + len };
        match self.send_plan(env, route, link, Plan { range, pass: Pass::First }) {
            Taken::Some(_) => Transmitted::Done,
            Taken::LinkFull => Transmitted::LinkFull,
        }
    }

    /// Something to send, nothing in flight and nothing that may go: the window is closed, and
    /// only a probe can find out that it opened.
    pub(super) fn arm_persist(&mut self, env: &Env<'_, F>) {
        let waiting =
            self.send.snd_nxt.before(self.queue.end()) || self.send.fin_is_due(self.queue.end());
        // What waits for its release time has a timer of its own.
        if !self.outbound.scoreboard.is_empty() || !waiting || self.timers.is_pacing() {
            if self.timers.repair() == Some(Repair::Persist) {
                self.timers.stop_repair();
            }
            return;
        }
        self.outbound.stuck_since.get_or_insert(env.now);
        if self.timers.repair() != Some(Repair::Persist) {
            self.timers.arm_repair(Repair::Persist, env.now + self.rto(env.config));
        }
    }
}
