//! Fifth: ACK. RFC 9293 §3.10.7.4, fifth; RFC 5961 §5; RFC 5681; RFC 6675.

use super::closed::reset_for;
use crate::engine::drops::DropReason;
use crate::engine::event::CloseReason;
use crate::engine::payload::{Buffer, Frame};
use crate::engine::reply::Reply;
use crate::tcp::accecn::{AckNews, Carries};
use crate::tcp::congestion::{AckEvent, CwndLimited, Delivered, Repair};
use crate::tcp::connection::{Env, Step, Tcb};
use crate::tcp::ecn::Mark;
use crate::tcp::recovery::{AckFacts, Decision, Entered, Progress, Reports, Spurious};
use crate::tcp::rtt::RttSample;
use crate::tcp::sack::Learned;
use crate::tcp::segment::{Control, Options, Segment};
use crate::tcp::send::{OurFin, WindowUpdate};
use crate::tcp::seq::{SeqNum, WindowScale, WindowSize};
use crate::tcp::state::{Signal, State};
use crate::time::Span;
use crate::wire::tcp_options::{SackBlock, SackPermitted, SegmentOptions, Timestamps};

/// What an acknowledgment brings, as far as marks are concerned.
struct News {
    /// SEG.ACK.
    ack: SeqNum,
    /// Bytes of which it is news that they arrived.
    delivered_bytes: u32,
    /// Bytes in flight before it.
    flight: u32,
}

/// By how much SND.UNA has moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    pub(super) bytes: u32,
    /// Bytes in flight before.
    pub(super) flight: u32,
    /// Whether it is of the repair after a timeout.
    pub(super) repair: Repair,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    pub(super) fn check_ack(&mut self, env: &mut Env<'_, F>, segment: &Segment) -> Step {
        let Some(ack) = segment.ack else { return Err(DropReason::NoAck) };
        if matches!(self.state, State::SynReceived(_)) {
            self.ack_of_syn(env, segment, ack)?;
        }
        // RFC 5961 §5.2: far too old, or for what was never sent.
        let oldest = self.send.snd_una - self.send.max_wnd.octets();
        // What lies half of the circle away is neither before nor after anything.
        if !ack.after_or_eq(oldest) || !ack.before_or_eq(self.send.snd_nxt) {
            self.challenge(env);
            return Err(DropReason::AckOutsideRange);
        }
        let has_sack = match &segment.options {
            Options::Syn(_) => false,
            Options::Other(options) => options.sack.len() > 0,
        };
        let empty = segment.payload_len() == 0 && !has_sack;
        let carries = if empty { Carries::Nothing } else { Carries::Something };
        let acked =
            if ack.after(self.send.snd_una) { self.send.snd_una.distance_to(ack) } else { 0 };
        let packets = acked.div_ceil(u32::from(self.mss));
        // The flags of a SYN mean something else. RFC 9768 §3.2.2.
        if segment.control != Control::Syn
            && self.ecn.on_first(segment.flags, carries, packets) == Mark::Congestion
        {
            self.congestion.after_syn_loss();
        }
        self.take_ack(env, segment, ack);
        Ok(())
    }

    /// SYN-RECEIVED: the handshake's last ACK, or a RST for a wrong one.
    fn ack_of_syn(&mut self, env: &mut Env<'_, F>, segment: &Segment, ack: SeqNum) -> Step {
        if !ack.after(self.send.snd_una) || ack.after(self.send.snd_nxt) {
            if let Some(reset) = self.route.and_then(|route| reset_for(segment, route, self.ip)) {
                env.counters.resets_sent += 1;
                env.replies.push(Reply::Segment(reset), env.counters);
            }
            return Err(DropReason::AckOutsideRange);
        }
        self.send.snd_una = self.send.iss + 1;
        self.ecn.crossing_done();
        self.send.set_window(self.window_of(segment, ack));
        self.handshake_done(env);
        Ok(())
    }

    /// The window that a segment gives us.
    fn window_of(&self, segment: &Segment, ack: SeqNum) -> WindowUpdate {
        // RFC 7323 §2.2: that of a SYN is never scaled; one with an ACK comes when SYNs cross.
        let is_syn = segment.control == Control::Syn;
        let scale = if is_syn { WindowScale::ZERO } else { self.send.scale };
        let window = WindowSize::from_wire(segment.window, scale);
        WindowUpdate { seq: segment.seq, ack, window }
    }

    /// Takes an acceptable ACK: releases what it acknowledges, learns what got lost.
    fn take_ack(&mut self, env: &mut Env<'_, F>, segment: &Segment, ack: SeqNum) {
        let progress = self.progress_of(segment, ack);
        let flight_before = self.outbound.scoreboard.in_flight_bytes();
        // An answer to a retransmission that comes too soon answers the original.
        let doubtful_after = self.rtt.min_rtt().map(|min| env.now - min);
        let mut learned = Learned { doubtful_after, ..Learned::default() };
        let acked_bytes = self.send.snd_una.distance_to(ack);
        let in_fast_recovery = !self.recovery.window_may_grow();
        if progress == Progress::Advanced {
            self.advance(env, ack, &mut learned);
        }
        let duplicate = self.duplicate_reported(env, segment, ack);
        self.take_sack(env, segment, &mut learned);
        if let Some(outbound) = self.outbound.get_mut() {
            outbound.scoreboard.end_of_ack();
        }
        self.take_window(self.window_of(segment, ack));
        self.take_rtt(env, segment.timestamps(), &learned, progress);
        let mut facts = self.ack_facts(env, progress);
        let (mut repair, mut decision) = (Repair::No, Decision::default());
        // Where nothing was under way lately nothing can be lost, or come back.
        if !self.outbound.is_resting() || !self.recovery.is_resting() {
            facts.duplicate = duplicate;
            facts.spurious = self.undo_if_spurious(env, segment, &facts, &learned);
            // The ACK that ends the repair is of it.
            if self.recovery.is_after_timeout() {
                repair = Repair::AfterTimeout;
            }
            let scoreboard = &mut self.outbound.scoreboard;
            decision = self.recovery.on_ack(&facts, &learned, scoreboard, &mut self.congestion);
            if progress == Progress::Advanced && self.recovery.may_test() {
                let fresh = self.fresh_for_test(env);
                self.recovery.begin_test(fresh);
            }
        }
        self.judge_path_probe(env);
        if progress == Progress::Duplicate {
            env.counters.duplicate_acks_received += 1;
        }
        let flight = flight_before.max(self.outbound.flight_sent);
        self.tell_delivered(env, &learned, flight);
        let news = News { ack, delivered_bytes: learned.delivered_bytes, flight };
        let echo = self.take_echo(env, segment, &news);
        // One that takes a recovery back has set the window already, RFC 4015 §3.4; so has one that ends
        // fast recovery without SACK, RFC 6582 §6.
        let is_set = facts.spurious == Spurious::Yes
            || (in_fast_recovery && facts.reports == Reports::DuplicateAcks);
        let may_grow = self.recovery.window_may_grow() && !is_set && echo == Mark::None;
        if progress == Progress::Advanced && may_grow {
            self.tell_acked(env, &learned, Acked { bytes: acked_bytes, flight, repair });
        }
        self.after_ack(env, progress, decision);
    }

    /// Tells congestion control what has arrived. `flight`: bytes in flight before that.
    pub(super) fn tell_delivered(&mut self, env: &Env<'_, F>, learned: &Learned, flight: u32) {
        self.congestion.on_delivered(&Delivered {
            now: env.now,
            bytes: learned.delivered_bytes,
            delivery: learned.delivery,
            rtt: learned.sample.map(|sent_at| env.now - sent_at),
            srtt: self.rtt.srtt(),
            min_rtt: self.rtt.min_rtt(),
            flight_before: flight,
            in_flight: self.outbound.scoreboard.in_flight_bytes(),
        });
    }

    /// Tells congestion control of an acknowledgment by which the window may grow.
    pub(super) fn tell_acked(&mut self, env: &Env<'_, F>, learned: &Learned, acked: Acked) {
        let Acked { bytes: acked_bytes, flight, repair } = acked;
        let event = AckEvent {
            now: env.now,
            acked_bytes,
            rtt: learned.sample.map(|sent_at| env.now - sent_at),
            srtt: self.rtt.srtt(),
            snd_una: self.send.snd_una,
            snd_nxt: self.send.snd_nxt,
            limited: self.was_limited(flight),
            repair,
        };
        self.congestion.on_ack(&event);
    }

    /// Takes the window of a segment. One that opens ends the patience with a closed one: what goes
    /// out now has its own.
    #[inline]
    pub(super) fn take_window(&mut self, update: WindowUpdate) {
        let was_closed = self.outbound.scoreboard.is_empty() && self.send.usable_window() == 0;
        self.send.update_window(update);
        if was_closed && self.send.usable_window() > 0 {
            self.rtt.reset_backoff();
            self.not_stuck();
        }
    }

    /// The peer owes nothing.
    pub(super) fn not_stuck(&mut self) {
        if let Some(outbound) = self.outbound.get_mut() {
            outbound.stuck_since = None;
        }
    }

    /// Takes back a recovery that this ACK shows to have been for nothing.
    fn undo_if_spurious(
        &mut self,
        env: &mut Env<'_, F>,
        segment: &Segment,
        facts: &AckFacts,
        learned: &Learned,
    ) -> Spurious {
        if !self.recovery.is_quiet() && self.ecn.is_echo(segment.flags) {
            self.recovery.keep_reduction(&mut self.congestion);
        }
        let of_new_data = facts.progress == Progress::Advanced;
        let timestamps = segment.timestamps().filter(|_| of_new_data);
        let undone = self.recovery.undo_if_spurious(
            facts,
            learned,
            timestamps.map(|timestamps| timestamps.echo),
            &mut self.outbound.scoreboard,
            &mut self.congestion,
        );
        if undone == Spurious::Yes {
            env.counters.recoveries_undone += 1;
            self.ecn.on_undo();
        }
        undone
    }

    /// SND.UNA moves to `ack`.
    pub(super) fn advance(&mut self, env: &mut Env<'_, F>, ack: SeqNum, learned: &mut Learned) {
        self.send.snd_una = ack;
        self.outbound.scoreboard.acknowledge(ack, learned);
        let released = self.queue.acknowledge(ack);
        let pool = &mut env.held.send_buffers;
        pool.count = pool.count.saturating_sub(released.buffers);
        pool.bytes = pool.bytes.saturating_sub(released.bytes);
        self.stats.unanswered = 0;
        self.rtt.reset_backoff();
        self.ecn.on_advance(ack);
        if self.ecn.may_reduce(ack) {
            self.congestion.end_of_mark();
        }
        if self.outbound.scoreboard.is_empty() {
            self.not_stuck();
        } else {
            self.outbound.stuck_since = Some(env.now);
        }
        if let OurFin::Sent(fin) = self.send.fin
            && ack.after(fin)
        {
            self.send.fin = OurFin::Acked;
            self.signal(env, Signal::AckOfFin);
            if matches!(self.state, State::Closed(_) | State::TimeWait(_)) {
                self.end.get_or_insert(CloseReason::Finished);
            }
        } else if self.timers.deadline().is_some() {
            self.renew_deadline(env);
        }
    }

    /// Heeds marks that the peer tells of as a loss without anything to repair, once in a window.
    /// `flight`: bytes in flight before this acknowledgment. RFC 3168 §6.1.2.
    fn take_echo(&mut self, env: &mut Env<'_, F>, segment: &Segment, news: &News) -> Mark {
        if news.ack.before(self.send.snd_una) {
            return Mark::None;
        }
        if segment.control == Control::Syn {
            return Mark::None;
        }
        let accurate = AckNews {
            ack: news.ack,
            snd_nxt: self.send.snd_nxt,
            bytes: news.delivered_bytes,
            mss: u32::from(self.mss),
            option: segment.options.accecn(),
        };
        let marks = self.ecn.on_feedback(segment.flags, &accurate);
        if marks == 0 {
            return Mark::None;
        }
        env.counters.ecn_echoes_received += u64::from(marks);
        if !self.recovery.is_active() && self.ecn.may_reduce(self.send.snd_una) {
            env.counters.ecn_reductions += 1;
            // An undo would take this back as well.
            self.recovery.forget_repeats(&mut self.congestion);
            self.congestion.on_mark(news.flight, env.config.ecn_backoff);
            self.ecn.on_reduced(self.send.snd_nxt);
        }
        Mark::Congestion
    }

    /// RFC 5681 §2: what a duplicate ACK is.
    fn progress_of(&self, segment: &Segment, ack: SeqNum) -> Progress {
        if ack.after(self.send.snd_una) {
            return Progress::Advanced;
        }
        let window = WindowSize::from_wire(segment.window, self.send.scale);
        let repeated = ack == self.send.snd_una
            && segment.payload_len() == 0
            && segment.control == Control::None
            && window == self.send.snd_wnd;
        match (repeated, self.outbound.scoreboard.is_empty()) {
            (true, false) => Progress::Duplicate,
            (true, true) => Progress::Repeated,
            (false, _) => Progress::Neither,
        }
    }

    /// The D-SACK of an ACK: its first block, if it lies below the ACK or within the second one, and
    /// not so far back that it can't be an answer. RFC 2883 §4, RFC 5961 §5.2.
    fn duplicate_reported(
        &self,
        env: &mut Env<'_, F>,
        segment: &Segment,
        ack: SeqNum,
    ) -> Option<SackBlock> {
        let options = self.reports_of(segment)?;
        let oldest = self.send.snd_una - self.send.max_wnd.octets();
        let block = options.sack.as_slice().first().copied().filter(|block| {
            block.left.before(block.right)
                && block.left.after_or_eq(oldest)
                && block.right.before_or_eq(self.send.snd_nxt)
        })?;
        let within = |outer: &SackBlock| {
            outer.left.before_or_eq(block.left) && block.right.before_or_eq(outer.right)
        };
        let duplicate =
            block.right.before_or_eq(ack) || options.sack.as_slice().get(1).is_some_and(within);
        env.counters.duplicates_sent += u64::from(duplicate);
        duplicate.then_some(block)
    }

    /// The options of a segment whose SACK blocks count: that they would come was agreed. RFC 2018 §2.
    fn reports_of<'a>(&self, segment: &'a Segment) -> Option<&'a SegmentOptions> {
        match &segment.options {
            Options::Other(options) if self.options.sack == SackPermitted::Yes => Some(options),
            Options::Other(_) | Options::Syn(_) => None,
        }
    }

    /// Notes what the peer's SACK blocks report. A block that isn't above SND.UNA is a D-SACK or
    /// old; one past SND.NXT is a lie.
    fn take_sack(&mut self, env: &Env<'_, F>, segment: &Segment, learned: &mut Learned) {
        let Some(options) = self.reports_of(segment) else { return };
        for &block in options.sack.as_slice() {
            let sane = block.left.after(self.send.snd_una)
                && block.left.before(block.right)
                && block.right.before_or_eq(self.send.snd_nxt);
            if sane {
                self.outbound.scoreboard.sack(block, env.limits.scoreboard_ranges_max, learned);
            }
        }
    }

    /// Takes a round-trip sample: of a segment sent once, or by the timestamp that it echoes.
    /// RFC 6298 §3. An ACK that doesn't move SND.UNA echoes what arrived in order long ago: RFC 7323
    /// §4.1.
    pub(super) fn take_rtt(
        &mut self,
        env: &Env<'_, F>,
        timestamps: Option<Timestamps>,
        learned: &Learned,
        progress: Progress,
    ) {
        if learned.delivered_bytes == 0 {
            return;
        }
        if let Some(sent_at) = learned.sample {
            self.sample_rtt(env, env.now - sent_at);
            return;
        }
        if progress != Progress::Advanced {
            return;
        }
        if let (Some(state), Some(timestamps)) = (self.options.timestamps, timestamps)
            && let Some(elapsed) = state.clock.elapsed_ms(env.now, timestamps.echo)
        {
            self.sample_rtt(env, Span::from_millis(u64::from(elapsed.max(1))));
        }
    }

    /// Takes one measured round trip.
    pub(super) fn sample_rtt(&mut self, env: &Env<'_, F>, rtt: Span) {
        let flight = self.outbound.scoreboard.in_flight_bytes();
        let expected_per_round = (flight / (2 * u32::from(self.mss))).max(1);
        self.rtt.on_sample(env.now, RttSample { rtt, expected_per_round });
        if self.recovery.awaits_sample() {
            self.recovery.on_sample();
        }
    }

    /// What repair wants to know of an acknowledgment.
    pub(crate) fn ack_facts(&self, env: &Env<'_, F>, progress: Progress) -> AckFacts {
        AckFacts {
            now: env.now,
            snd_una: self.send.snd_una,
            snd_nxt: self.send.snd_nxt,
            progress,
            path: self.path(),
            reports: self.reports(),
            spurious: Spurious::No,
            duplicate: None,
        }
    }

    /// Whether the congestion window was what held us back. In slow start half of it is enough,
    /// because it doubles: but not of one that is not validated. RFC 7661 §4.4, §4.5.3.
    fn was_limited(&self, flight: u32) -> CwndLimited {
        let cwnd = self.congestion.cwnd_bytes();
        let used = if self.congestion.in_slow_start() && !self.congestion.is_non_validated() {
            flight.saturating_mul(2)
        } else {
            flight.saturating_add(u32::from(self.mss))
        };
        if used >= cwnd { CwndLimited::Yes } else { CwndLimited::No }
    }

    /// Sets the timers that follow from an acknowledgment.
    pub(super) fn after_ack(
        &mut self,
        env: &mut Env<'_, F>,
        progress: Progress,
        decision: Decision,
    ) {
        match decision.entered {
            Entered::No => {}
            Entered::Yes => env.counters.recoveries += 1,
            Entered::Repaired => env.counters.loss_probes_repaired += 1,
        }
        if decision.entered != Entered::No {
            self.ecn.on_reduced(self.send.snd_nxt);
        }
        if let Some(at) = decision.look_again {
            self.arm_reordering(at);
        } else if progress == Progress::Advanced || self.outbound.scoreboard.is_empty() {
            self.arm_repair(env);
        }
    }
}
