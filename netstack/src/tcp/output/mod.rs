//! What a connection sends next, as trains. RFC 9293 §3.8.6.2.1, §3.10.2.

mod alone;
mod choose;
mod probes;
mod stretch;

pub(crate) use alone::transmit_alone;

use super::ack::Owed;
use super::connection::{Due, Env, Tcb};
use super::header::Route;
use super::send_buffer::SeqRange;
use super::train::Link;
use crate::engine::event::Transmitted;
use crate::engine::payload::{Buffer, Frame};

/// A stretch of the stream to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// The bytes, and the FIN if it is in the range.
    range: SeqRange,
    pass: Pass,
}

/// Whether a stretch is sent for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    First,
    /// A lost range.
    Again,
    /// A range that is in flight, as a probe.
    Probe,
    /// As one segment, longer than the path is known to take.
    PathProbe,
}

/// What came of the search for a path MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probing {
    /// Other data may go out.
    Done,
    /// It waits for room, and other data with it.
    Waits,
    /// The link takes nothing.
    LinkFull,
}

/// What the link did with a segment or a train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// So many sequence numbers of it.
    Some(u32),
    /// Nothing.
    LinkFull,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Gives the link everything that may go out now.
    pub(crate) fn transmit(&mut self, env: &mut Env<'_, F>, link: &mut impl Link) -> Transmitted {
        let Some(route) = self.route else { return Transmitted::Done };
        // On its own: each segment of a train would report it, and it is to be reported once.
        // RFC 2883 §4.
        if self.recv.duplicate().is_some()
            && self.send_ack(env, route, link, self.send.snd_nxt) == Transmitted::LinkFull
        {
            return Transmitted::LinkFull;
        }
        if self.send_due(env, route, link) == Transmitted::LinkFull {
            return Transmitted::LinkFull;
        }
        if self.state.may_send() {
            self.after_idle(env);
            self.timers.set_pacing(None);
            let result = match self.send_path_probe(env, route, link) {
                Probing::Done => self.send_planned(env, route, link),
                Probing::Waits => Transmitted::Done,
                Probing::LinkFull => Transmitted::LinkFull,
            };
            if result == Transmitted::LinkFull {
                return Transmitted::LinkFull;
            }
            self.arm_persist(env);
        }
        match self.recv.ack.owed() {
            Owed::Nothing | Owed::Delayed => Transmitted::Done,
            Owed::Now => self.send_ack(env, route, link, self.send.snd_nxt),
        }
    }

    /// Sends all that the windows allow, and that is due where it is paced.
    fn send_planned(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let pace = self.pace(env);
        while let Some(plan) = self.plan(env, pace) {
            if pace.is_some() && !self.outbound.pacer.may_send(env.now) {
                self.timers.set_pacing(Some(self.outbound.pacer.next_send_time()));
                break;
            }
            match self.send_plan(env, route, link, plan) {
                Taken::Some(0) => break,
                Taken::Some(_) => {}
                Taken::LinkFull => return Transmitted::LinkFull,
            }
        }
        Transmitted::Done
    }

    /// What a connection was idle for is no time of growth, and its window may be an old one. Once an
    /// idle period: the link may take nothing yet.
    fn after_idle(&mut self, env: &Env<'_, F>) {
        let idle = env.now - self.sent_at;
        // Nothing that was sent a moment ago was idle for long.
        if idle < env.config.rto_min || !self.outbound.scoreboard.is_empty() {
            return;
        }
        if idle >= self.rto(env.config) && self.plan(env, None).is_some() {
            self.congestion.after_idle(env.now, idle, self.rtt.srtt());
            self.sent_at = env.now;
        }
    }

    /// Sends what is due besides data and acknowledgments.
    fn send_due(
        &mut self,
        env: &mut Env<'_, F>,
        route: Route,
        link: &mut impl Link,
    ) -> Transmitted {
        let result = match self.due {
            Due::Nothing => return Transmitted::Done,
            Due::Syn => self.send_syn(env, route, link),
            Due::LossProbe => self.send_loss_probe(env, route, link),
            Due::WindowProbe => self.send_window_probe(env, route, link),
            Due::Keepalive => {
                let result = self.send_ack(env, route, link, self.send.snd_una - 1);
                env.counters.keepalive_probes += u64::from(result == Transmitted::Done);
                result
            }
        };
        if result == Transmitted::Done {
            self.due = Due::Nothing;
        }
        result
    }
}
