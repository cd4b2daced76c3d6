//! Loss detection and repair: RACK-TLP (RFC 8985), duplicate ACKs, PRR (RFC 6937).

use super::congestion::Congestion;
use super::input::sequence::is_before;
use super::sack::{Delivery, Detected, Learned, LossDeadline, Reordered, Scoreboard, Sent};
use super::send_buffer::SeqRange;
use super::seq::SeqNum;
use crate::time::{Instant, Span};
use crate::wire::tcp_options::SackBlock;

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
    /// TSval of the first segment that this recovery sent again, until an ACK tells whether it
    /// was needed.
    first_again: Option<u32>,
}

/// Whether losses are being repaired.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// No loss is known.
    Open,
    /// Fast recovery up to `end`.
    Fast { end: SeqNum, prr: Prr },
    /// After a timeout with SND.UNA at `start`, up to `end`.
    Timeout { start: SeqNum, end: SeqNum },
}

/// A tail loss probe. RFC 8985 §7.3.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// What it sent: its end is SND.NXT of that time.
    range: SeqRange,
    /// Whether that was sent before: then the probe may have repaired a loss.
    sent: Sent,
}

/// How much longer than usual reordering is waited for. RFC 8985 §6.2, step 4.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// RACK.reo_wnd_mult: quarters of the smallest round trip, at least 1.
    quarters: u8,
    /// RACK.reo_wnd_persist: recoveries until it is 1 again.
    recoveries: u8,
    /// RACK.dsack_round: until SND.UNA is here, further D-SACKs say nothing new.
    round_end: Option<SeqNum>,
}

/// Proportional rate reduction. RFC 6937 §3.
#[derive(Clone, Copy, Debug)]
struct Prr {
    /// Bytes delivered since recovery began.
    delivered: u32,
    /// Bytes sent since recovery began.
    out: u32,
    /// Bytes in flight when recovery began: RecoverFS.
    flight: u32,
}

/// Round-trip facts that loss detection needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// The smoothed round-trip time.
    pub(crate) srtt: Option<Span>,
    /// The smallest round-trip time.
    pub(crate) min_rtt: Option<Span>,
    /// The sender's MSS in bytes.
    pub(crate) mss: u32,
}

/// One acknowledgment, as repair sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckFacts {
    /// When it arrived.
    pub(crate) now: Instant,
    /// SND.UNA after it.
    pub(crate) snd_una: SeqNum,
    /// SND.NXT.
    pub(crate) snd_nxt: SeqNum,
    /// Whether SND.UNA moved.
    pub(crate) progress: Progress,
    /// Round-trip facts.
    pub(crate) path: Path,
    /// How losses are reported.
    pub(crate) reports: Reports,
    /// Whether it showed that a recovery was for nothing.
    pub(crate) spurious: Spurious,
    /// What it reports to have arrived twice. RFC 2883.
    pub(crate) duplicate: Option<SackBlock>,
}

/// What an acknowledgment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It acknowledges new bytes.
    Advanced,
    /// A duplicate ACK in the sense of RFC 5681 §2.
    Duplicate,
    /// It repeats the last one, and nothing is in flight.
    Repeated,
    /// None of these.
    Neither,
}

/// How the peer reports what arrived out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reports {
    /// By SACK.
    Sack,
    /// Only by duplicate ACKs.
    DuplicateAcks,
}

/// What repair decided on an acknowledgment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// A recovery began.
    pub(crate) entered: Entered,
    /// When the reordering window of a range ends.
    pub(crate) look_again: Option<Instant>,
}

/// Whether a recovery began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Entered {
    /// No.
    #[default]
    No,
    /// Yes.
    Yes,
    /// It began and ended at once: a tail loss probe had repaired the loss.
    Repaired,
}

/// Whether a recovery was for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spurious {
    /// It can't be told, or it was needed.
    No,
    /// It was.
    Yes,
}

impl Recovery {
    /// Nothing was lost yet.
    pub(crate) const fn new() -> Self {
        Self {
            phase: Phase::Open,
            delivery: None,
            rtt: Span::ZERO,
            reordered: Reordered::No,
            dup_acks: 0,
            patience: Patience { quarters: 1, recoveries: 0, round_end: None },
            probe: None,
            first_again: None,
        }
    }

    /// Whether losses are being repaired.
    pub(crate) const fn is_active(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Fast { .. } | Phase::Timeout { .. } => true,
        }
    }

    /// Whether the window grows with ACKs now: outside of recovery, and in slow start after a
    /// timeout.
    pub(crate) const fn window_may_grow(&self) -> bool {
        match self.phase {
            Phase::Open | Phase::Timeout { .. } => true,
            Phase::Fast { .. } => false,
        }
    }

    /// Duplicate ACKs since SND.UNA moved: each is a segment that left the network.
    pub(crate) const fn dup_acks(&self) -> u8 {
        self.dup_acks
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
        self.leave_if_done(facts, congestion);
        let detected = match facts.spurious {
            Spurious::No => self.detect(facts, scoreboard),
            // It would give up again what has just been taken back.
            Spurious::Yes => Detected::default(),
        };
        let mut decision = Decision { entered: Entered::No, look_again: detected.next };
        if detected.lost_bytes > 0 && matches!(self.phase, Phase::Open) {
            let flight = before_loss + learned.delivered_bytes;
            self.enter(facts.snd_nxt, flight, congestion);
            decision.entered = Entered::Yes;
        }
        if self.probe_repaired(facts) {
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
            self.enter(facts.snd_nxt, flight, congestion);
            decision.entered = Entered::Yes;
        }
        if let Some(lost) = detected.lost_ranges() {
            congestion.on_lost(&lost);
        }
        self.reduce(facts, &Learned::default(), detected, scoreboard, congestion);
        decision
    }

    /// The retransmission timeout with `unacked` between SND.UNA and SND.NXT: everything in flight
    /// is given up, slow start begins. The same data again is no new loss: RFC 5681 §3.1.
    pub(crate) fn on_rto(
        &mut self,
        unacked: SeqRange,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) {
        let SeqRange { start, end } = unacked;
        let first = match self.phase {
            Phase::Timeout { start: before, .. } if before == start => {
                congestion.set_cwnd(0);
                false
            }
            Phase::Timeout { .. } => {
                // What the timeout before reduced was needed.
                congestion.forget_prior();
                true
            }
            Phase::Open | Phase::Fast { .. } => true,
        };
        if first {
            let flight = scoreboard.in_flight_bytes() + scoreboard.lost_bytes();
            congestion.on_rto(flight);
        }
        scoreboard.lose_all();
        self.phase = Phase::Timeout { start, end };
        if first {
            self.first_again = None;
        }
        self.dup_acks = 0;
        self.probe = None;
    }

    /// A tail loss probe of `range` went out, for the first time or again.
    pub(crate) const fn on_probe(&mut self, range: SeqRange, sent: Sent) {
        self.probe = Some(Probe { range, sent });
    }

    /// Whether a probe is unanswered.
    pub(crate) const fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// `bytes` went out, first or again.
    pub(crate) const fn on_sent(&mut self, bytes: u32) {
        if let Phase::Fast { prr, .. } = &mut self.phase {
            prr.out = prr.out.saturating_add(bytes);
        }
    }

    /// A lost range was sent again, with this TSval.
    pub(crate) fn on_sent_again(&mut self, ts_value: Option<u32>) {
        if self.is_active() && self.first_again.is_none() {
            self.first_again = ts_value;
        }
    }

    /// The first ACK of new data in a recovery echoes `ts_echo`: from before the first
    /// retransmission, and so the original had arrived. Nothing was lost, and the window and what
    /// was given up come back. RFC 3522 §3.2, RFC 4015 §3.
    pub(crate) fn undo_if_spurious(
        &mut self,
        ts_echo: Option<u32>,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) -> Spurious {
        let (Some(again), Some(echo)) = (self.first_again.take(), ts_echo) else {
            return Spurious::No;
        };
        if !self.is_active() || !is_before(echo, again) {
            return Spurious::No;
        }
        congestion.on_undo();
        scoreboard.find_again();
        if matches!(self.phase, Phase::Fast { .. }) {
            // What was taken for lost had only been overtaken.
            self.reordered = Reordered::Yes;
        }
        self.phase = Phase::Open;
        Spurious::Yes
    }

    /// RFC 8985 §6.2, steps 1 to 3.
    fn note_delivery(&mut self, facts: &AckFacts, learned: &Learned) {
        if learned.reordered == Reordered::Yes {
            self.reordered = Reordered::Yes;
        }
        let Some(delivery) = learned.delivery else { return };
        let rtt = facts.now - delivery.sent_at;
        // An answer to a retransmission that comes too soon answers the original.
        if delivery.sent == Sent::Again && facts.path.min_rtt.is_some_and(|min| rtt < min) {
            return;
        }
        self.rtt = rtt;
        self.delivery = Some(delivery.latest(self.delivery));
    }

    /// Something arrived twice: more patience would have spared the retransmission. Once a round
    /// trip, and not for a probe, which no patience spares. RFC 8985 §6.2, step 4.
    fn note_duplicate(&mut self, facts: &AckFacts) {
        let patience = &mut self.patience;
        if patience.round_end.is_some_and(|end| facts.snd_una.after_or_eq(end)) {
            patience.round_end = None;
        }
        let of_probe = self.probe.is_some_and(|probe| probe.is_reported_by(facts));
        if facts.duplicate.is_some() && !of_probe && patience.round_end.is_none() {
            patience.round_end = Some(facts.snd_nxt);
            patience.quarters = patience.quarters.saturating_add(1);
            patience.recoveries = PATIENT_RECOVERIES;
        }
    }

    /// Whether this ACK shows that a tail loss probe repaired a loss of which nothing else was
    /// heard: it acknowledges more than the probe, and nobody said that the probe arrived twice.
    /// RFC 8985 §7.4.2.
    fn probe_repaired(&mut self, facts: &AckFacts) -> bool {
        let Some(probe) = self.probe else { return false };
        let end = probe.range.end;
        if facts.snd_una.before(end) {
            return false;
        }
        let repeated = facts.progress == Progress::Repeated && facts.snd_una == end;
        let needless = probe.sent == Sent::Once || repeated || probe.is_reported_by(facts);
        let repaired = !needless && facts.snd_una.after(end);
        if needless || repaired {
            self.probe = None;
        }
        repaired && !self.is_active()
    }

    /// Finds losses by time, or by three duplicate ACKs. RFC 8985 §6.2; RFC 5681 §3.2.
    fn detect(&self, facts: &AckFacts, scoreboard: &mut Scoreboard) -> Detected {
        let mut detected = Detected::default();
        match facts.reports {
            Reports::Sack => {
                if let Some(delivery) = self.delivery {
                    let patience = self.rtt + self.reordering_window(facts, scoreboard);
                    let deadline = LossDeadline { now: facts.now, patience };
                    detected = scoreboard.detect_loss(delivery, deadline);
                }
            }
            Reports::DuplicateAcks => {
                // A partial ACK in fast recovery means that the next segment is lost too: RFC 6582
                // §3.2. After a timeout everything is given up already, and duplicate ACKs answer
                // what was sent again for nothing: RFC 6582 §4.
                let lost = match self.phase {
                    Phase::Open => self.dup_acks == DUP_THRESH,
                    Phase::Fast { .. } => {
                        self.dup_acks == DUP_THRESH || facts.progress == Progress::Advanced
                    }
                    Phase::Timeout { .. } => false,
                };
                if lost {
                    detected.lost_bytes = scoreboard.lose_first(facts.path.mss);
                }
            }
        }
        detected
    }

    /// How long a segment may be late. RFC 8985 §6.2, step 4.
    fn reordering_window(&self, facts: &AckFacts, scoreboard: &Scoreboard) -> Span {
        let many = scoreboard.sacked_bytes() > facts.path.mss * (u32::from(DUP_THRESH) - 1)
            || self.dup_acks >= DUP_THRESH;
        if self.reordered == Reordered::No && (self.is_active() || many) {
            return Span::ZERO;
        }
        let quarters = u32::from(self.patience.quarters);
        let window = facts.path.min_rtt.map_or(Span::ZERO, |min| min / 4 * quarters);
        facts.path.srtt.map_or(window, |srtt| window.min(srtt))
    }

    fn enter(&mut self, end: SeqNum, flight: u32, congestion: &mut Congestion) {
        congestion.on_loss(flight);
        let prr = Prr { delivered: 0, out: 0, flight: flight.max(1) };
        self.phase = Phase::Fast { end, prr };
        self.first_again = None;
        // Its loss is repaired and answered for now.
        self.probe = None;
    }

    fn leave_if_done(&mut self, facts: &AckFacts, congestion: &mut Congestion) {
        match self.phase {
            Phase::Fast { end, .. } if facts.snd_una.after_or_eq(end) => {
                congestion.on_recovered();
                congestion.forget_prior();
                self.phase = Phase::Open;
                self.patience.recovered();
            }
            Phase::Timeout { end, .. } if facts.snd_una.after_or_eq(end) => {
                congestion.forget_prior();
                self.phase = Phase::Open;
                self.patience.recovered();
            }
            Phase::Open | Phase::Fast { .. } | Phase::Timeout { .. } => {}
        }
    }

    /// The window during fast recovery. RFC 6937 §3.
    fn reduce(
        &mut self,
        facts: &AckFacts,
        learned: &Learned,
        detected: Detected,
        scoreboard: &Scoreboard,
        congestion: &mut Congestion,
    ) {
        let Phase::Fast { prr, .. } = &mut self.phase else { return };
        let mss = facts.path.mss;
        let delivered = match (facts.reports, facts.progress) {
            // Without SACK each duplicate ACK says that a segment arrived. RFC 6937 §3.
            (Reports::DuplicateAcks, Progress::Duplicate) => mss,
            _ => learned.delivered_bytes,
        };
        prr.delivered = prr.delivered.saturating_add(delivered);
        let pipe = match facts.reports {
            Reports::Sack => scoreboard.in_flight_bytes(),
            Reports::DuplicateAcks => {
                let left = u32::from(self.dup_acks).saturating_mul(mss);
                scoreboard.in_flight_bytes().saturating_sub(left)
            }
        };
        let ssthresh = congestion.ssthresh_bytes();
        let allowance = if pipe > ssthresh {
            let share = u64::from(prr.delivered) * u64::from(ssthresh);
            let share = share.div_ceil(u64::from(prr.flight));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(prr.out)
        } else {
            let mut limit = prr.delivered.saturating_sub(prr.out).max(delivered);
            // Slow-start reduction bound only while the repair makes progress without new loss.
            if facts.progress == Progress::Advanced && detected.lost_bytes == 0 {
                limit = limit.saturating_add(mss);
            }
            limit.min(ssthresh.saturating_sub(pipe))
        };
        // The first retransmission goes out whatever the arithmetic says, and without SACK so
        // does the one that a partial ACK asks for. RFC 6582 §3.2.
        let partial = facts.reports == Reports::DuplicateAcks && detected.lost_bytes > 0;
        let forced = if prr.out == 0 || partial { mss } else { 0 };
        congestion.set_cwnd(pipe.saturating_add(allowance.max(forced)));
    }
}

impl Probe {
    /// Whether an ACK says that some of the probe arrived twice.
    fn is_reported_by(self, facts: &AckFacts) -> bool {
        facts.duplicate.is_some_and(|block| {
            block.left.before(self.range.end) && block.right.after(self.range.start)
        })
    }
}

impl Patience {
    /// A recovery is over.
    const fn recovered(&mut self) {
        self.recoveries = self.recoveries.saturating_sub(1);
        if self.recoveries == 0 {
            self.quarters = 1;
        }
    }
}

/// Recoveries for which D-SACKs make patient. RFC 8985 §6.2, step 4.
const PATIENT_RECOVERIES: u8 = 16;
/// Duplicate ACKs that mean a loss. RFC 5681 §3.2.
const DUP_THRESH: u8 = 3;
