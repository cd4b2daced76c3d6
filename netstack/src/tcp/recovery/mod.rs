//! Loss detection and repair: RACK-TLP (RFC 8985), duplicate ACKs, PRR (RFC 6937).

mod detection;
mod facts;
mod forward;
mod prr;
mod tail_probe;
mod undo;

pub(crate) use facts::{AckFacts, Decision, Entered, Path, Progress, Reports, Spurious};
pub(crate) use forward::Test;

use self::detection::Patience;
use self::forward::Forward;
use self::prr::Prr;
use self::tail_probe::{Measured, Probe};
use self::undo::{Echo, Repeats};
use super::cold::Rest;
use super::congestion::Congestion;
use super::sack::{Delivery, Detected, Learned, Reordered, Scoreboard};
use super::send_buffer::SeqRange;
use super::seq::SeqNum;
use crate::time::Span;

/// What the repair of one connection knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    phase: Phase,
    /// RACK.segment: the delivered segment that was sent last.
    delivery: Option<Delivery>,
    /// RACK.rtt: the round trip of that segment.
    rtt: Span,
    /// Whether the network was ever seen to reorder.
    reordered: Reordered,
    /// Duplicate ACKs since SND.UNA moved.
    dup_acks: u8,
    /// How much patience reordering is worth.
    patience: Patience,
    /// The tail loss probe, until it is known what became of it.
    probe: Option<Probe>,
    /// Whether a round trip was measured since the last one.
    measured: Measured,
    /// What an echo can tell of this episode.
    echo: Echo,
    /// What this episode sent again, or the one that is just over.
    repeats: Option<Repeats>,
}

/// Whether losses are being repaired.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// No loss is known.
    Open,
    /// Fast recovery up to `end`.
    Fast { end: SeqNum, prr: Prr },
    /// After a timeout with SND.UNA at `start`, up to `end`.
    Timeout { start: SeqNum, end: SeqNum, forward: Forward, repeat: Repeat },
}

/// Whether the segment whose timer expired has gone out again: it does whatever else is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Not yet.
    Due,
    /// Yes.
    Sent,
}

impl Rest for Recovery {
    /// Nothing was lost yet.
    const REST: Self = Self {
        phase: Phase::Open,
        delivery: None,
        rtt: Span::ZERO,
        reordered: Reordered::No,
        dup_acks: 0,
        patience: Patience { quarters: 1, recoveries: 0, round_end: None },
        probe: None,
        measured: Measured::Yes,
        echo: Echo::Unsent,
        repeats: None,
    };
    const AT_REST: &'static Self = &Self::REST;

    /// What was delivered last counts beside what is in flight, so it may go when nothing is; that the
    /// path reorders may not.
    fn is_at_rest(&self) -> bool {
        self.is_quiet()
            && self.reordered == Reordered::No
            && self.measured == Measured::Yes
            && self.patience.quarters == 1
            && self.patience.recoveries == 0
    }
}

impl Recovery {
    /// Whether losses are being repaired.
    pub(crate) const fn is_active(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Fast { .. } | Phase::Timeout { .. } => true,
        }
    }

    /// Whether what was in flight at a timeout is still being repaired.
    pub(crate) const fn is_after_timeout(&self) -> bool {
        matches!(self.phase, Phase::Timeout { .. })
    }

    /// Whether an acknowledgment that brings no news means nothing here.
    #[inline]
    pub(crate) const fn is_quiet(&self) -> bool {
        let Self { phase, probe, repeats, patience, .. } = self;
        matches!(phase, Phase::Open)
            && probe.is_none()
            && repeats.is_none()
            && patience.round_end.is_none()
    }

    /// Whether the window grows with ACKs now: outside of recovery, and in slow start after a
    /// timeout.
    pub(crate) const fn window_may_grow(&self) -> bool {
        match self.phase {
            Phase::Open | Phase::Timeout { .. } => true,
            Phase::Fast { .. } => false,
        }
    }

    /// Duplicate ACKs since SND.UNA moved.
    pub(crate) const fn dup_acks(&self) -> u8 {
        self.dup_acks
    }

    /// Segments that have left the network, as far as duplicate ACKs tell without SACK: each in fast
    /// recovery (RFC 5681 §3.2, step 4), otherwise two (RFC 3042 §2). After a timeout most of them are
    /// for what counts as lost already, and what each of them released would bring the next.
    pub(crate) fn left_the_network(&self) -> u8 {
        match self.phase {
            Phase::Fast { .. } => self.dup_acks,
            Phase::Open | Phase::Timeout { .. } => self.dup_acks.min(LIMITED_TRANSMIT_SEGMENTS),
        }
    }

    /// Takes what an acknowledgment told: finds losses, enters and leaves recovery.
    pub(crate) fn on_ack(
        &mut self,
        facts: &AckFacts,
        learned: &Learned,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) -> Decision {
        let before_loss = scoreboard.in_flight_bytes();
        self.note_delivery(facts, learned);
        match facts.progress {
            Progress::Advanced => self.dup_acks = 0,
            Progress::Duplicate => self.dup_acks = self.dup_acks.saturating_add(1),
            Progress::Repeated | Progress::Neither => {}
        }
        self.note_duplicate(facts);
        self.settle_repeats(facts, congestion);
        self.leave_if_done(facts, congestion);
        let detected = match facts.spurious {
            Spurious::No => self.detect(facts, scoreboard),
            // It would give up again what has just been taken back.
            Spurious::Yes => Detected::default(),
        };
        let mut decision = Decision { entered: Entered::No, look_again: detected.next };
        if detected.lost_bytes > 0 && matches!(self.phase, Phase::Open) {
            let flight = before_loss + learned.delivered_bytes;
            self.enter(facts, flight, congestion);
            decision.entered = Entered::Yes;
        }
        if self.probe_repaired(facts, scoreboard) {
            self.forget_repeats(congestion);
            congestion.on_loss(before_loss + learned.delivered_bytes);
            congestion.on_recovered();
            congestion.forget_prior();
            decision.entered = Entered::Repaired;
        }
        if let Some(lost) = detected.lost_ranges() {
            congestion.on_lost(&lost);
        }
        self.reduce(facts, learned, detected, scoreboard, congestion);
        decision
    }

    /// The end of the reordering window: looks for losses again.
    pub(crate) fn on_reordering_timeout(
        &mut self,
        facts: &AckFacts,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) -> Decision {
        let flight = scoreboard.in_flight_bytes();
        let detected = self.detect(facts, scoreboard);
        let mut decision = Decision { entered: Entered::No, look_again: detected.next };
        if detected.lost_bytes > 0 && matches!(self.phase, Phase::Open) {
            self.enter(facts, flight, congestion);
            decision.entered = Entered::Yes;
        }
        if let Some(lost) = detected.lost_ranges() {
            congestion.on_lost(&lost);
        }
        self.reduce(facts, &Learned::default(), detected, scoreboard, congestion);
        decision
    }

    /// The retransmission timeout: the first segment is given up and all that is as old, slow start
    /// begins. The same data again is no new loss: RFC 5681 §3.1.
    pub(crate) fn on_rto(
        &mut self,
        facts: &AckFacts,
        test: Test,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) {
        let AckFacts { snd_una: start, snd_nxt: end, .. } = *facts;
        let forward = match (self.phase, test) {
            (Phase::Open, Test::Try) => Forward::Repeated,
            // Again, and nothing was heard since: the test begins anew. RFC 5682 §2.1.
            (Phase::Timeout { start: before, forward: Forward::Repeated, .. }, Test::Try)
                if before == start =>
            {
                Forward::Repeated
            }
            // Not within the repair of something else: §2.1, step 1, §3.1.
            (Phase::Fast { .. } | Phase::Timeout { .. }, Test::Try) | (_, Test::Leave) => {
                Forward::Off
            }
        };
        let first = match self.phase {
            Phase::Timeout { start: before, .. } if before == start => {
                congestion.set_cwnd(0);
                false
            }
            Phase::Timeout { .. } => {
                // What the timeout before reduced was needed.
                self.forget_repeats(congestion);
                true
            }
            Phase::Open | Phase::Fast { .. } => true,
        };
        if first {
            self.begin_repeats(SeqRange { start, end }, congestion);
            let flight = scoreboard.in_flight_bytes() + scoreboard.lost_bytes();
            congestion.on_rto(flight);
        }
        self.phase = Phase::Timeout { start, end, forward, repeat: Repeat::Due };
        self.give_up_at_timeout(facts, scoreboard);
        if first {
            self.echo = Echo::Unsent;
        }
        self.dup_acks = 0;
        self.probe = None;
    }

    /// `bytes` went out, first or again.
    pub(crate) const fn on_sent(&mut self, bytes: u32) {
        match &mut self.phase {
            Phase::Open => {}
            Phase::Fast { prr, .. } => prr.out = prr.out.saturating_add(bytes),
            Phase::Timeout { repeat, .. } => *repeat = Repeat::Sent,
        }
    }

    /// Whether the segment whose timer expired is still to go out again. RFC 6298 §5 (5.4).
    pub(crate) const fn owes_repeat(&self) -> bool {
        matches!(self.phase, Phase::Timeout { repeat: Repeat::Due, .. })
    }

    fn enter(&mut self, facts: &AckFacts, flight: u32, congestion: &mut Congestion) {
        let AckFacts { snd_una: start, snd_nxt: end, .. } = *facts;
        self.begin_repeats(SeqRange { start, end }, congestion);
        congestion.on_loss(flight);
        let prr = Prr { delivered: 0, out: 0, flight: flight.max(1) };
        self.phase = Phase::Fast { end, prr };
        self.echo = Echo::Unsent;
        // Its loss is repaired and answered for now.
        self.probe = None;
    }

    fn leave_if_done(&mut self, facts: &AckFacts, congestion: &mut Congestion) {
        match self.phase {
            Phase::Fast { end, .. } if facts.snd_una.after_or_eq(end) => congestion.on_recovered(),
            Phase::Timeout { end, .. } if facts.snd_una.after_or_eq(end) => {
                congestion.on_timeout_recovered();
            }
            Phase::Open | Phase::Fast { .. } | Phase::Timeout { .. } => return,
        }
        self.phase = Phase::Open;
        self.patience.recovered();
        match facts.reports {
            Reports::Sack => self.end_repeats(facts),
            Reports::DuplicateAcks => self.forget_repeats(congestion),
        }
    }
}

/// What goes out beyond the window for the first duplicate ACKs. RFC 3042 §2.
const LIMITED_TRANSMIT_SEGMENTS: u8 = 2;
