//! The timers of one connection: a handful of deadlines, of which the wheel knows the nearest.

use crate::time::Instant;

/// What the one repair timer is armed for. They exclude each other, so there is one slot: at
/// most one of {SYN, retransmission, probe, persist} runs by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// The SYN or SYN-ACK was not answered.
    Syn,
    /// The retransmission timeout. RFC 6298.
    Rto,
    /// The tail loss probe. RFC 8985 §7.
    LossProbe,
    /// The end of the reordering window. RFC 8985 §6.3.
    Reordering,
    /// The window is closed. RFC 9293 §3.8.6.1.
    Persist,
}

/// A timer that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The repair timer.
    Repair(Repair),
    /// An acknowledgment has waited long enough.
    DelayedAck,
    /// The peer was silent for too long.
    Keepalive,
    /// The state, or the time without an owner, lasts too long.
    Deadline,
    /// Something to send has waited for its release time.
    Pacing,
}

/// Every deadline of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerTable {
    repair: Option<(Repair, Instant)>,
    delayed_ack: Option<Instant>,
    keepalive: Option<Instant>,
    deadline: Option<Instant>,
    pacing: Option<Instant>,
}

impl TimerTable {
    /// No timer.
    pub(crate) const NONE: Self =
        Self { repair: None, delayed_ack: None, keepalive: None, deadline: None, pacing: None };

    /// Arms the repair timer, for whatever it was armed before.
    pub(crate) const fn arm_repair(&mut self, repair: Repair, at: Instant) {
        self.repair = Some((repair, at));
    }

    /// Stops the repair timer.
    pub(crate) const fn stop_repair(&mut self) {
        self.repair = None;
    }

    /// What the repair timer is armed for.
    pub(crate) fn repair(&self) -> Option<Repair> {
        self.repair.map(|(repair, _)| repair)
    }

    /// Arms the delayed-ACK timer unless it runs already.
    pub(crate) fn arm_delayed_ack(&mut self, at: Instant) {
        self.delayed_ack.get_or_insert(at);
    }

    /// When the delayed-ACK timer fires.
    pub(crate) const fn delayed_ack(&self) -> Option<Instant> {
        self.delayed_ack
    }

    /// Stops the delayed-ACK timer.
    pub(crate) const fn stop_delayed_ack(&mut self) {
        self.delayed_ack = None;
    }

    /// Arms the keepalive timer, or stops it.
    pub(crate) const fn set_keepalive(&mut self, at: Option<Instant>) {
        self.keepalive = at;
    }

    /// Arms the deadline, or stops it.
    pub(crate) const fn set_deadline(&mut self, at: Option<Instant>) {
        self.deadline = at;
    }

    /// Arms the timer for a release time, or stops it.
    pub(crate) const fn set_pacing(&mut self, at: Option<Instant>) {
        self.pacing = at;
    }

    /// Whether something to send waits for its release time.
    pub(crate) const fn is_pacing(&self) -> bool {
        self.pacing.is_some()
    }

    /// When the deadline is.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// When the next timer fires.
    #[inline]
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let Self { repair, delayed_ack, keepalive, deadline, pacing } = *self;
        let or_never = |at: Option<Instant>| at.unwrap_or(Instant::FAR_FUTURE);
        let at = or_never(repair.map(|(_, at)| at))
            .min(or_never(delayed_ack))
            .min(or_never(keepalive))
            .min(or_never(deadline))
            .min(or_never(pacing));
        (at != Instant::FAR_FUTURE).then_some(at)
    }

    /// The next timer to fire, and when.
    pub(crate) fn next(&self) -> Option<(Timer, Instant)> {
        let Self { repair, delayed_ack, keepalive, deadline, pacing } = *self;
        [
            repair.map(|(repair, at)| (Timer::Repair(repair), at)),
            delayed_ack.map(|at| (Timer::DelayedAck, at)),
            keepalive.map(|at| (Timer::Keepalive, at)),
            deadline.map(|at| (Timer::Deadline, at)),
            pacing.map(|at| (Timer::Pacing, at)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|&(_, at)| at)
    }

    /// Takes a timer that is due by `now`, and stops it.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (timer, at) = self.next()?;
        if at > now {
            return None;
        }
        match timer {
            Timer::Repair(_) => self.repair = None,
            Timer::DelayedAck => self.delayed_ack = None,
            Timer::Keepalive => self.keepalive = None,
            Timer::Deadline => self.deadline = None,
            Timer::Pacing => self.pacing = None,
        }
        Some(timer)
    }
}

impl Timer {
    /// A name for `info`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Repair(Repair::Syn) => "syn",
            Self::Repair(Repair::Rto) => "rto",
            Self::Repair(Repair::LossProbe) => "loss_probe",
            Self::Repair(Repair::Reordering) => "reordering",
            Self::Repair(Repair::Persist) => "persist",
            Self::DelayedAck => "delayed_ack",
            Self::Keepalive => "keepalive",
            Self::Deadline => "deadline",
            Self::Pacing => "pacing",
        }
    }
}
