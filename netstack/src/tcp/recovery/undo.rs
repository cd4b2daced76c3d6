//! Whether a recovery was for nothing, by what the peer echoes (RFC 3522), by what it says to have
//! arrived twice (RFC 3708), by what arrives after a timeout (RFC 5682); and what is taken back then.

use super::forward::Forward;
use super::{AckFacts, Phase, Probe, Recovery, Spurious};
use crate::tcp::congestion::Congestion;
use crate::tcp::input::sequence::is_before;
use crate::tcp::sack::{Learned, Reordered, Scoreboard, Sent};
use crate::tcp::send_buffer::SeqRange;
use crate::tcp::seq::SeqNum;

/// What an episode of repair sent again, until it is known whether any of it was needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeats {
    /// What was unacknowledged when the episode began.
    range: SeqRange,
    /// Bytes sent again that nobody has said to have arrived twice.
    unreported: u32,
    /// Where SND.NXT was when the episode ended: what was sent again has been answered when
    /// something behind it is acknowledged. `None` while the episode lasts.
    answered_at: Option<SeqNum>,
}

/// What the echo of a timestamp can tell of an episode of repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// Nothing was sent again yet.
    Unsent,
    /// One from before this TSval, that of the first segment that was sent again, says that it was
    /// for nothing.
    Awaited(u32),
    /// Nothing any more.
    Over,
}

impl Recovery {
    /// `bytes` were sent again, with this TSval if its echo can tell whether they were needed.
    pub(crate) fn on_sent_again(&mut self, bytes: u32, ts_value: Option<u32>) {
        if !self.is_active() {
            return;
        }
        if self.echo == Echo::Unsent {
            self.echo = ts_value.map_or(Echo::Over, Echo::Awaited);
        }
        if let Some(repeats) = &mut self.repeats {
            repeats.unreported = repeats.unreported.saturating_add(bytes);
        }
    }

    /// A router has marked something since: what was reduced stays so, whatever is found out of the
    /// reason. RFC 4015 §3.4.
    pub(crate) fn keep_reduction(&mut self, congestion: &mut Congestion) {
        self.echo = Echo::Over;
        if let Phase::Timeout { forward, .. } = &mut self.phase {
            *forward = Forward::Off;
        }
        self.forget_repeats(congestion);
    }

    /// Takes back what an acknowledgment shows to have been for nothing: the window, and what was
    /// given up. RFC 4015 §3. `ts_echo`: what it echoes, if it is of new data.
    pub(crate) fn undo_if_spurious(
        &mut self,
        facts: &AckFacts,
        learned: &Learned,
        ts_echo: Option<u32>,
        scoreboard: &mut Scoreboard,
        congestion: &mut Congestion,
    ) -> Spurious {
        let told = [
            self.echo_tells(facts, ts_echo),
            self.duplicates_tell(facts),
            self.order_tells(facts, learned, scoreboard, congestion),
        ];
        if !told.contains(&Spurious::Yes) {
            return Spurious::No;
        }
        congestion.on_undo();
        if self.is_active() {
            scoreboard.find_again();
        }
        if matches!(self.phase, Phase::Fast { .. }) {
            // What was taken for lost had only been overtaken.
            self.reordered = Reordered::Yes;
        }
        self.phase = Phase::Open;
        self.repeats = None;
        Spurious::Yes
    }

    /// The first ACK of new data in a recovery echoes a timestamp from before the first
    /// retransmission: the original had arrived. Later ones tell of what else was sent again, and not
    /// whether the recovery was needed. One of all that was sent comes late, too, when the ACKs of a
    /// whole window were lost: the D-SACK that follows tells then. RFC 3522 §3.2, step 5.
    fn echo_tells(&mut self, facts: &AckFacts, ts_echo: Option<u32>) -> Spurious {
        let Some(echo) = ts_echo.filter(|_| self.is_active()) else { return Spurious::No };
        let of_all = facts.snd_una.after_or_eq(facts.snd_nxt);
        match core::mem::replace(&mut self.echo, Echo::Over) {
            Echo::Awaited(again)
                if is_before(echo, again) && !of_all && facts.duplicate.is_none() =>
            {
                Spurious::Yes
            }
            Echo::Unsent | Echo::Awaited(_) | Echo::Over => Spurious::No,
        }
    }

    /// All that an episode sent again has arrived twice. RFC 3708 §2.
    fn duplicates_tell(&mut self, facts: &AckFacts) -> Spurious {
        let (Some(repeats), Some(block)) = (&mut self.repeats, facts.duplicate) else {
            return Spurious::No;
        };
        let SeqRange { start, end } = repeats.range;
        let twice = block.left.latest(start).distance_to(block.right.earliest(end));
        if twice == 0 || repeats.unreported == 0 {
            return Spurious::No;
        }
        repeats.unreported = repeats.unreported.saturating_sub(twice);
        if repeats.unreported == 0 { Spurious::Yes } else { Spurious::No }
    }

    /// An episode begins with `range` unacknowledged. A probe that repeated some of it counts as
    /// part of it.
    pub(super) fn begin_repeats(&mut self, range: SeqRange, congestion: &mut Congestion) {
        if self.repeats.is_some_and(|repeats| repeats.answered_at.is_some()) {
            congestion.forget_prior();
            self.repeats = None;
        }
        let again = |probe: Probe| if probe.sent == Sent::Again { probe.range.len() } else { 0 };
        let unreported = self.probe.map_or(0, again);
        self.repeats.get_or_insert(Repeats { range, unreported, answered_at: None });
    }

    /// The episode is over: what it sent again may still be reported for a round trip.
    pub(super) const fn end_repeats(&mut self, facts: &AckFacts) {
        if let Some(repeats) = &mut self.repeats {
            repeats.answered_at = Some(facts.snd_nxt);
        }
    }

    /// What an episode sent again was needed, or something else was the matter since.
    pub(crate) fn forget_repeats(&mut self, congestion: &mut Congestion) {
        if self.repeats.take().is_some() {
            congestion.forget_prior();
        }
    }

    /// Forgets an episode that is over and answered.
    pub(super) fn settle_repeats(&mut self, facts: &AckFacts, congestion: &mut Congestion) {
        let answered = |end: SeqNum| facts.snd_una.after(end);
        if self.repeats.and_then(|repeats| repeats.answered_at).is_some_and(answered) {
            self.forget_repeats(congestion);
        }
    }
}
