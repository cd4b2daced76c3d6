//! What holds of a connection after every step.
//!
//! The facts have numbers. Those with a place here are checked by [`Tcb::check_invariants`] after each
//! step, and, in builds with debug assertions, by [`Tcb::check_step`] and [`Tcb::check_sent`] against
//! what was before it. `tests/invariants.rs` breaks each of them.
//!
//! | number | fact | place |
//! | --- | --- | --- |
//! | 1 | SND.UNA <= SND.NXT, which is the highest number sent | `check_invariants` |
//! | 2 | what is sent is what was queued, the SYN and the FIN | `check_invariants`: the scoreboard's sums, and SND.NXT |
//! | 3 | the advertised edge never moves left; no ACK of what did not arrive | `check_step`, `check_invariants` |
//! | 4 | nothing is received behind the peer's FIN, or for an owner that let go | `check_step`, `check_invariants` |
//! | 5 | one repair timer, for what there is to repair; a deadline only in a state that has one | `check_timers`; one slot each in [`TimerTable`](super::timers::TimerTable) |
//! | 6 | something unacknowledged means a timer; what waits for a closed window, persist | `check_invariants`, `check_sent` |
//! | 7 | nothing that was not agreed; segments fit the path and the peer's MSS | `check_sizes`; scales above 14 can't be made: [`WindowScale`](super::seq::WindowScale) |
//! | 8 | one rule for a segment in a state, and no input without one | `match` without `_` over states; `wire/tests/total.rs`, the fuzz targets, the model |
//! | 9 | half-open and accepted connections stay within their limits | `Engine::is_sound` |
//! | 10 | challenge ACKs are limited; RST does not answer RST | `check_limits`; `reset_for` gives none for one |
//! | 11 | only what was sent is acknowledged | `check_step` |
//! | 12 | no new data beyond the windows, but probes and limited transmit | `check_sent` |
//! | 13 | RTO is within its bounds; no sample of what was sent again | `check_limits`; `Learned::note` |
//! | 14 | three duplicate ACKs begin a repair | `check_invariants`; with SACK it is RACK's to say |
//! | 15 | delivered bytes are a prefix of what was sent, and the end comes last and once | `App::take` of `netstack-simulator` |
//! | 16 | counts, flows and timers equal a recount | `Engine::is_sound` |

use super::BrokenInvariant;
use super::ack::Owed;
use super::connection::{Due, Owner, TCP_HEADER_LEN, Tcb, ip_header_len};
use super::recovery::Reports;
use super::send::OurFin;
use super::seq::SeqNum;
use super::state::State;
use super::timers::Repair;
use crate::engine::config::TcpConfig;
use crate::engine::payload::{Buffer, Frame};
use crate::wire::tcp_options::SackPermitted;

/// What a step is held against: the state before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Whether both SYNs had been seen.
    synchronized: bool,
    snd_una: SeqNum,
    snd_nxt: SeqNum,
    rcv_nxt: SeqNum,
    edge: SeqNum,
    finished: bool,
    /// Bytes in flight.
    flight: u32,
    /// What was due besides data.
    due: Due,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// Checks the cheap facts.
    ///
    /// # Errors
    /// One of them does not hold: the connection can't be trusted.
    pub(crate) fn check_invariants(&self, config: &TcpConfig) -> Result<(), BrokenInvariant> {
        let send = &self.send;
        invariant!(send.snd_una.before_or_eq(send.snd_nxt))?;
        let scoreboard = &self.outbound.scoreboard;
        let accounted =
            scoreboard.in_flight_bytes() + scoreboard.sacked_bytes() + scoreboard.lost_bytes();
        let syn = u32::from(send.snd_una == send.iss && send.snd_nxt != send.iss);
        invariant!(send.unacked().len() == accounted + syn)?;
        let fin = u32::from(matches!(send.fin, OurFin::Sent(_) | OurFin::Acked));
        invariant!(send.snd_nxt.before_or_eq(self.queue.end() + fin))?;
        // Something unacknowledged implies an armed timer, or that it is about to be sent.
        let waits = self.end.is_none() && !scoreboard.is_empty();
        let armed = self.timers.repair().is_some() || self.due != Due::Nothing;
        invariant!(!waits || armed)?;
        if cfg!(debug_assertions) {
            self.check_timers()?;
            self.check_sizes()?;
            self.check_limits(config)?;
            invariant!(self.owner == Owner::Attached || self.recv.is_drained())?;
            let third = self.reports() == Reports::DuplicateAcks && self.recovery.dup_acks() >= 3;
            invariant!(!third || scoreboard.is_empty() || self.recovery.is_active())?;
        }
        Ok(())
    }

    /// 5: a timer runs for a reason.
    fn check_timers(&self) -> Result<(), BrokenInvariant> {
        if self.end.is_some() {
            return Ok(());
        }
        let opening = matches!(self.state, State::SynSent(_) | State::SynReceived(_));
        match self.timers.repair() {
            Some(Repair::Syn) => invariant!(opening)?,
            Some(Repair::Persist) => invariant!(!opening && self.outbound.scoreboard.is_empty())?,
            Some(Repair::Rto | Repair::LossProbe | Repair::Reordering) => {
                invariant!(!opening && !self.outbound.scoreboard.is_empty())?;
            }
            None => {}
        }
        let may_end = self.owner == Owner::LetGo
            || matches!(self.state, State::Closing(_) | State::LastAck(_));
        invariant!(self.timers.deadline().is_none() || may_end)
    }

    /// 7: what was not agreed is not used, and a segment fits.
    fn check_sizes(&self) -> Result<(), BrokenInvariant> {
        if self.end.is_some() || matches!(self.state, State::SynSent(_)) {
            return Ok(());
        }
        let options = &self.options;
        let stamped = if options.timestamps.is_some() { TIMESTAMPS_LEN } else { 0 };
        let segment = u32::from(self.mss) + stamped;
        invariant!(segment <= u32::from(self.peer_mss))?;
        let headers = u32::from(ip_header_len(self.ends.ip_version()) + TCP_HEADER_LEN);
        invariant!(segment + headers <= u32::from(self.path_mtu))?;
        let agreed = options.sack == SackPermitted::Yes;
        invariant!(agreed || self.recv.duplicate().is_none())?;
        invariant!(agreed || self.outbound.scoreboard.sacked_bytes() == 0)?;
        let told = options.timestamps.map(|timestamps| timestamps.last_ack_sent);
        invariant!(told.is_none_or(|ack| ack.before_or_eq(self.recv.rcv_nxt())))
    }

    /// 10 and 13: what is limited is within its limits.
    fn check_limits(&self, config: &TcpConfig) -> Result<(), BrokenInvariant> {
        invariant!(self.challenge.sent() <= config.challenge_acks_per_second)?;
        let rto = self.rto(config);
        invariant!(rto >= config.rto_min && rto <= config.rto_max)
    }

    /// The state that a step will be held against.
    pub(crate) fn before(&self) -> Before {
        Before {
            synchronized: !matches!(self.state, State::SynSent(_)),
            snd_una: self.send.snd_una,
            snd_nxt: self.send.snd_nxt,
            rcv_nxt: self.recv.rcv_nxt(),
            edge: self.recv.edge(),
            finished: self.recv.is_finished(),
            flight: self.outbound.scoreboard.in_flight_bytes(),
            due: self.due,
        }
    }

    /// Checks what a step may change.
    ///
    /// # Errors
    /// It changed something else.
    pub(crate) fn check_step(&self, before: &Before) -> Result<(), BrokenInvariant> {
        if !cfg!(debug_assertions) {
            return Ok(());
        }
        // 11: what is acknowledged had been sent, and it stays acknowledged.
        let una = self.send.snd_una;
        invariant!(before.snd_una.before_or_eq(una))?;
        invariant!(una.before_or_eq(before.snd_nxt.latest(self.send.iss + 1)))?;
        if !before.synchronized {
            return Ok(());
        }
        // 3, 4.
        invariant!(before.edge.before_or_eq(self.recv.edge()))?;
        invariant!(before.rcv_nxt.before_or_eq(self.recv.rcv_nxt()))?;
        invariant!(!before.finished || before.rcv_nxt == self.recv.rcv_nxt())?;
        invariant!(!before.finished || !self.recv.has_gap())
    }

    /// Checks what a turn of sending, in which all went out that may, has done.
    ///
    /// # Errors
    /// It sent what it may not, or forgot a timer.
    pub(crate) fn check_sent(&self, before: &Before) -> Result<(), BrokenInvariant> {
        if !cfg!(debug_assertions) || self.end.is_some() || self.route.is_none() {
            return Ok(());
        }
        self.check_step(before)?;
        invariant!(self.recv.ack.owed() != Owed::Now)?;
        if !self.state.may_send() {
            return Ok(());
        }
        // 6: what waits for a window has a timer.
        let waits =
            self.send.snd_nxt.before(self.queue.end()) || self.send.fin_is_due(self.queue.end());
        let idle = self.outbound.scoreboard.is_empty();
        let armed = self.timers.repair() == Some(Repair::Persist) || self.timers.is_pacing();
        invariant!(!idle || !waits || armed)?;
        // 12: what is new fits both windows.
        if self.send.snd_nxt == before.snd_nxt {
            return Ok(());
        }
        invariant!(self.send.snd_nxt.before_or_eq(self.send.snd_una + self.send.snd_wnd))?;
        // The FIN alone waits for no congestion window: it is one number, and an end of this.
        if self.send.fin == OurFin::Sent(before.snd_nxt) {
            return Ok(());
        }
        let mss = u32::from(self.mss);
        let probe = match before.due {
            Due::LossProbe | Due::WindowProbe => mss,
            Due::Nothing | Due::Syn | Due::Keepalive => 0,
        };
        let limited_transmit = match self.reports() {
            Reports::DuplicateAcks => u32::from(self.recovery.dup_acks()) * mss,
            Reports::Sack => 0,
        };
        let test = if self.recovery.fresh_end().is_some() { 2 * mss } else { 0 };
        let probes = probe + limited_transmit + test;
        let cwnd = self.congestion.cwnd_bytes();
        // Probes go out on top of what was in flight, which a window that shrank did not bring back.
        let most = if probes > 0 { cwnd.max(before.flight).saturating_add(probes) } else { cwnd };
        // The FIN is one more.
        invariant!(self.outbound.scoreboard.in_flight_bytes() <= most.saturating_add(1))
    }
}

/// Bytes of the timestamps option with its padding.
const TIMESTAMPS_LEN: u32 = 12;
