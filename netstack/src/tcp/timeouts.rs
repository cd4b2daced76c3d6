//! What a connection does when one of its timers fires, and when they are armed.

use super::connection::{Due, Env, Tcb};
use super::recovery::{Entered, Progress, Test};
use super::sack::Mark;
use super::state::Signal;
use super::timers::{Repair, Timer};
use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame};
use crate::time::{Instant, Span};
use crate::wire::tcp_options::SackPermitted;

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Does what is due by `env.now`.
    pub(crate) fn on_timeout(&mut self, env: &mut Env<'_, F>) {
        // Each round takes one timer; a round may arm another that is due at once, so the number
        // of rounds is bounded, not by trust but by count.
        for _ in 0..ROUNDS_MAX {
            if self.end.is_some() {
                return;
            }
            let Some(timer) = self.timers.take_due(env.now) else { return };
            match timer {
                Timer::Repair(repair) => self.on_repair(env, repair),
                Timer::DelayedAck => {
                    env.counters.acks_delayed += 1;
                    self.recv.ack.at_once();
                }
                Timer::Keepalive => self.on_keepalive(env),
                Timer::Deadline => self.finish(env, Signal::Deadline, CloseReason::CloseTimeout),
                // What waited is sendable again, which is all there is to it.
                Timer::Pacing => {}
            }
        }
    }

    fn on_repair(&mut self, env: &mut Env<'_, F>, repair: Repair) {
        match repair {
            Repair::Syn => self.on_syn_timeout(env),
            Repair::Rto => self.on_rto(env),
            Repair::LossProbe => {
                self.due = Due::LossProbe;
                self.timers.arm_repair(Repair::Rto, env.now + self.rto(env.config));
            }
            Repair::Reordering => self.on_reordering(env),
            Repair::Persist => self.on_persist(env),
        }
    }

    /// The SYN or SYN-ACK of an active open was not answered. RFC 9293 §3.8.3.
    fn on_syn_timeout(&mut self, env: &mut Env<'_, F>) {
        if self.stats.unanswered >= env.config.syn_retransmits_max {
            self.finish(env, Signal::Deadline, CloseReason::HandshakeTimeout);
            return;
        }
        self.stats.unanswered += 1;
        self.rtt.back_off();
        env.counters.handshake_retransmits += 1;
        self.due = Due::Syn;
        // It may not go out now: the next hop's address may be missing.
        self.timers.arm_repair(Repair::Syn, env.now + self.rto(env.config));
    }

    /// RFC 6298 §5.4 to 5.6.
    fn on_rto(&mut self, env: &mut Env<'_, F>) {
        if self.outbound.scoreboard.is_empty() || self.gives_up(env) {
            return;
        }
        env.counters.retransmits_timeout += 1;
        let mut test = if self.options.timestamps.is_some() { Test::Leave } else { Test::Try };
        if self.outbound.scoreboard.first_mark() == Some(Mark::Sacked) {
            // The peer reported it and yet asks for it: it has thrown it away.
            self.outbound.scoreboard.renege();
            test = Test::Leave;
        }
        self.rtt.back_off();
        self.suspect_black_hole(env);
        let facts = self.ack_facts(env, Progress::Neither);
        self.recovery.on_rto(&facts, test, &mut self.outbound.scoreboard, &mut self.congestion);
        self.ecn.on_reduced(self.send.snd_nxt);
        self.timers.arm_repair(Repair::Rto, env.now + self.rto(env.config));
    }

    fn on_reordering(&mut self, env: &mut Env<'_, F>) {
        let facts = self.ack_facts(env, Progress::Neither);
        let decision = self.recovery.on_reordering_timeout(
            &facts,
            &mut self.outbound.scoreboard,
            &mut self.congestion,
        );
        self.judge_path_probe(env);
        if decision.entered == Entered::Yes {
            env.counters.recoveries += 1;
            self.ecn.on_reduced(self.send.snd_nxt);
        }
        match decision.look_again {
            Some(at) => self.arm_reordering(at),
            None => self.arm_repair(env),
        }
    }

    /// The window is closed. RFC 9293 §3.8.6.1.
    fn on_persist(&mut self, env: &mut Env<'_, F>) {
        if self.gives_up(env) {
            return;
        }
        self.rtt.back_off();
        self.due = Due::WindowProbe;
    }

    /// Whether the peer owes an answer for longer than anybody waits; ends the connection then.
    fn gives_up(&mut self, env: &Env<'_, F>) -> bool {
        let stuck = self
            .outbound
            .stuck_since
            .is_some_and(|at| env.now - at >= self.user_timeout(env.config));
        if stuck {
            self.finish(env, Signal::Deadline, CloseReason::UserTimeout);
        }
        stuck
    }

    /// The peer was silent, or it was not: the timer is not moved with every segment.
    fn on_keepalive(&mut self, env: &mut Env<'_, F>) {
        let Some(keepalive) = env.config.keepalive else { return };
        let wanted = self.heard_at + keepalive.idle;
        if env.now < wanted {
            self.stats.unanswered = 0;
            self.timers.set_keepalive(Some(wanted));
            return;
        }
        if !self.outbound.scoreboard.is_empty() {
            // Retransmission asks already. RFC 9293 §3.8.4.
            self.timers.set_keepalive(Some(env.now + keepalive.interval));
            return;
        }
        if self.stats.unanswered >= keepalive.probes_max {
            self.finish(env, Signal::Deadline, CloseReason::KeepaliveTimeout);
            return;
        }
        self.stats.unanswered += 1;
        self.due = Due::Keepalive;
        self.timers.set_keepalive(Some(env.now + keepalive.interval));
    }

    /// Starts the keepalive timer, if it is configured.
    pub(crate) fn start_keepalive(&mut self, env: &Env<'_, F>) {
        let at = env.config.keepalive.map(|keepalive| env.now + keepalive.idle);
        self.timers.set_keepalive(at);
    }

    /// Arms the repair timer for what is in flight, or stops it: RFC 6298 §5.1 to 5.3, and the
    /// tail loss probe where it comes first. RFC 8985 §7.2.
    pub(crate) fn arm_repair(&mut self, env: &Env<'_, F>) {
        if self.outbound.scoreboard.is_empty() {
            if self.timers.repair() != Some(Repair::Persist) {
                self.timers.stop_repair();
            }
            return;
        }
        let stuck_since = *self.outbound.stuck_since.get_or_insert(env.now);
        let rto = self.rto(env.config);
        let Some(pto) = self.probe_timeout() else {
            self.timers.arm_repair(Repair::Rto, env.now + rto);
            return;
        };
        // Data that follows does not move the time at which the timeout would come, and then the probe
        // comes in its place.
        let since =
            self.outbound.scoreboard.first_sent_at().map_or(stuck_since, |at| at.max(stuck_since));
        self.timers.arm_repair(Repair::LossProbe, (env.now + pto).min(since + rto));
    }

    /// Arms the timer for the end of a reordering window.
    pub(super) const fn arm_reordering(&mut self, at: Instant) {
        self.timers.arm_repair(Repair::Reordering, at);
    }

    /// How long the tail loss probe waits; `None` when there is to be none. RFC 8985 §7.2.
    fn probe_timeout(&self) -> Option<Span> {
        let applicable = self.options.sack == SackPermitted::Yes
            && !self.recovery.is_active()
            && self.recovery.may_probe()
            && self.outbound.scoreboard.sacked_bytes() == 0;
        let srtt = self.rtt.srtt().filter(|_| applicable)?;
        let single = self.outbound.scoreboard.in_flight_bytes() <= u32::from(self.mss);
        Some(srtt * 2 + if single { ACK_DELAY_MAX } else { PROBE_SLACK })
    }
}

/// How long a peer may delay its ACK. RFC 8985 §7.2: TLP.max_ack_delay.
const ACK_DELAY_MAX: Span = Span::from_millis(200);
/// What a probe adds to two round trips: the peer's and the link's scheduling.
const PROBE_SLACK: Span = Span::from_millis(2);
/// Timers taken in one call.
const ROUNDS_MAX: usize = 8;
