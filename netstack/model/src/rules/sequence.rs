//! First: is the segment acceptable? RFC 9293 §3.10.7.4, first; RFC 7323 §5.3.

use super::Effect;
use super::arrival::Facts;
use crate::connection::{Connection, Origin};
use crate::court::Court;
use crate::rule::Rule;
use crate::segment::{Flags, Segment, Time};
use crate::seq::Place;
use crate::state::State;

impl Connection {
    /// Whether a segment is acceptable.
    pub(crate) fn acceptable(
        &self,
        court: &mut Court<'_>,
        segment: &Segment,
        facts: Facts,
    ) -> Effect {
        match self.is_past(court, segment) {
            Effect::Must => {
                court.allow(Rule::PawsRejects);
                return Effect::No;
            }
            Effect::May => return Effect::May,
            Effect::No => {}
        }
        let (low, high) = (self.recv.nxt.min, self.recv.nxt.max);
        let (first, last) = (self.in_window(facts, low), self.in_window(facts, high));
        // A half-open connection is no record of a window: what begins before it may be refused.
        let half_open = self.states.has(State::SynReceived) && self.origin == Origin::Passive;
        if half_open && facts.seq < low {
            return Effect::May;
        }
        if first || last {
            court.allow(match (segment.is_empty(), self.recv.window(high) == 0) {
                (true, true) => Rule::AcceptableEmptyAtZeroWindow,
                (true, false) => Rule::AcceptableEmptyInWindow,
                (false, _) => Rule::AcceptableText,
            });
            return if first && last { Effect::Must } else { Effect::May };
        }
        if self.may_be_looked_at(court, segment, facts) {
            return Effect::May;
        }
        court.allow(Rule::UnacceptableIsNotUsed);
        Effect::No
    }

    /// The table of RFC 9293 §3.10.7.4 for RCV.NXT at `nxt`.
    fn in_window(&self, facts: Facts, nxt: Place) -> bool {
        let window = self.recv.window(nxt);
        let inside = |place: Place| nxt <= place && place < nxt + window;
        match (facts.end - facts.seq, window) {
            (0, 0) => facts.seq == nxt,
            (0, _) => inside(facts.seq),
            (_, 0) => false,
            (_, _) => {
                inside(facts.seq) || inside(facts.end - 1) || {
                    // Longer than the window on both sides: some of it lies inside all the same.
                    facts.seq < nxt && nxt < facts.end
                }
            }
        }
    }

    /// What is unacceptable by the table and yet may be used in part: the acknowledgment of a
    /// segment at the edge of the window (RFC 9293 §3.10.7.4: a zero window still takes valid
    /// ACKs, URGs and RSTs), and the SYN-ACK of SYNs that crossed.
    fn may_be_looked_at(&self, court: &Court<'_>, segment: &Segment, facts: Facts) -> bool {
        let (low, high) = (self.recv.nxt.min, self.recv.nxt.max);
        let at_nxt = low <= facts.seq && facts.seq <= high;
        let closed = self.recv.window(high) == 0;
        let at_edge = segment.is_empty() && facts.seq == self.recv.edge.max(high);
        let crossing = self.states.has(State::SynReceived)
            && self.origin == Origin::Active
            && segment.has(Flags::SYN)
            && segment.has(Flags::ACK);
        let control = segment.has(Flags::SYN) || segment.has(Flags::RST);
        // The window may be open before a segment says so: RFC 9293 §3.8.6 asks nothing of those
        // that come before.
        let shows = self.send.syns > 0 && self.user.let_go_at.is_none();
        let edge = if shows { self.recv.edge_shown } else { low + court.profile.window };
        let untold = facts.seq < edge && low < facts.end.max(facts.seq + 1);
        (closed && at_nxt && !control) || (at_edge && !control) || crossing || untold
    }

    /// PAWS. RFC 7323 §5.3: a RST is exempt, and so may be what follows 24 days of silence.
    fn is_past(&self, court: &Court<'_>, segment: &Segment) -> Effect {
        let Some(stamps) = self.stamps_of(segment).filter(|_| !segment.has(Flags::RST)) else {
            return Effect::No;
        };
        let Some((recent, at)) = self.agreed.recent else { return Effect::No };
        let old = older(stamps.value, recent);
        if !self.agreed.recent_is_sure {
            return if self.agreed.stamps.iter().any(|other| older(stamps.value, *other)) {
                Effect::May
            } else {
                Effect::No
            };
        }
        match (old, court.at - at >= OUTDATED) {
            (false, _) => Effect::No,
            (true, true) => Effect::May,
            (true, false) if stamps.value.wrapping_sub(recent) == 1 << 31 => Effect::May,
            (true, false) => Effect::Must,
        }
    }

    /// An unacceptable segment is answered with an ACK unless it is a RST.
    pub(crate) fn answer_unacceptable(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        facts: Facts,
    ) {
        let half_open = self.states.has(State::SynReceived);
        if segment.has(Flags::RST) {
            court.allow(Rule::ResetOutsideWindowIsDropped);
        } else if segment.text.is_empty() || !facts.sure || half_open {
            self.challenge(court, facts, Rule::UnacceptableIsAcked);
        } else {
            self.owed.ack_by(court.at, Rule::UnacceptableIsAcked);
        }
        self.note_twice(facts);
    }

    /// Whether a segment does not acknowledge our SYN.
    fn ack_of_no_use(&self, facts: Facts) -> bool {
        facts.ack.is_none_or(|ack| ack < 1 || ack > self.send.max)
    }

    /// The timestamp to echo comes from the segment at the left edge of what the last ACK left
    /// open. RFC 7323 §4.3.
    pub(crate) fn take_stamps(&mut self, court: &Court<'_>, segment: &Segment, facts: Facts) {
        let Some(stamps) = self.stamps_of(segment) else { return };
        let newer = self.agreed.recent.is_none_or(|(recent, _)| !older(stamps.value, recent));
        if facts.seq > self.recv.acked {
            return;
        }
        if newer || !self.agreed.recent_is_sure {
            self.agreed.stamps.insert(stamps.value);
        }
        // What is newer than all that may have become it is it.
        let newest = self.agreed.stamps.iter().all(|other| !older(stamps.value, *other));
        // A half-open connection may keep the stamp of its SYN only.
        let of_no_use = self.ack_of_no_use(facts) || segment.has(Flags::SYN);
        let half_open = self.states.has(State::SynReceived) && of_no_use;
        if facts.sure && !half_open && (newer && self.agreed.recent_is_sure || newest) {
            self.agreed.recent = Some((stamps.value, court.at));
            self.agreed.recent_is_sure = true;
        } else if newer {
            self.agreed.recent_is_sure = false;
        }
    }
}

/// Whether one timestamp is older than another. RFC 7323 §5.2.
pub(crate) fn older(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) <= 1 << 31
}

/// After so long a silence TS.Recent may be invalid. RFC 7323 §5.5.
const OUTDATED: Time = Time::from_secs(24 * 24 * 3600);
