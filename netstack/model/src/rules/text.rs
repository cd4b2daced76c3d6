//! Seventh and eighth: text and FIN. RFC 9293 §3.10.7.4; RFC 5681 §4.2.

use super::arrival::Facts;
use crate::connection::Connection;
use crate::court::Court;
use crate::rule::Rule;
use crate::segment::{Flags, Segment};
use crate::seq::Place;
use crate::state::{State, States};

impl Connection {
    /// The text of a segment.
    pub(crate) fn arrived_text(&mut self, court: &mut Court<'_>, segment: &Segment, facts: Facts) {
        if segment.text.is_empty() {
            return;
        }
        let text_end = facts.text + segment.text_len();
        if self.states.iter().all(|state| !state.may_receive()) {
            // What follows the peer's FIN, or came before: it is acknowledged, not used.
            court.allow(Rule::TextAfterFinIsNotUsed);
            self.owed.may_ack();
            self.note_twice(facts);
            return;
        }
        if self.user.let_go_at.is_some() && text_end > self.recv.nxt.min {
            // Nobody will read it. RFC 9293 §3.10.7.4: RST; RFC 1122 §4.2.2.13.
            self.may_also_be(State::Closed);
            self.owed.may_ack();
            return;
        }
        self.note_largest(court, segment, facts);
        self.note_twice(facts);
        let nxt = self.recv.nxt;
        let told = self.recv.edge.max(nxt.max);
        let edge = told.max(self.recv.edge_shown);
        let fin = self.recv.fins.first().copied();
        let limit = fin.filter(|_| self.recv.fin_is_sure).unwrap_or(Place::MAX);
        let beyond_fin = fin.is_some_and(|fin| fin < text_end) && !self.recv.fin_is_sure;
        let facts =
            Facts { sure: facts.sure && !beyond_fin && text_end.min(edge) <= told, ..facts };
        let (start, end) = (facts.text.max(nxt.min), text_end.min(edge).min(limit.max(nxt.min)));
        if start >= end {
            court.allow(Rule::OldTextIsAckedAtOnce);
            self.due_now(court, facts, Rule::OldTextIsAckedAtOnce);
            return;
        }
        let had_gap = self.recv.arrived.iter().any(|(left, _)| left > nxt.min);
        if !had_gap {
            self.recv.ahead_is_sure = true;
        }
        self.recv.ahead_is_sure &= facts.sure;
        self.recv.arrived.add(start, end);
        self.recv.nxt.may_become(self.recv.arrived.reach(nxt.max));
        self.may_take_fin();
        if start > nxt.max {
            self.recv.newest = Some((start, end));
            self.recv.newest_is_kept = facts.sure && !court.profile.crowded;
            court.allow(Rule::TextAheadIsAckedAtOnce);
            self.due_now(court, facts, Rule::TextAheadIsAckedAtOnce);
            return;
        }
        court.allow(Rule::TextInOrderIsTaken);
        if facts.sure && start == nxt.min && self.user.let_go_at.is_none() {
            self.recv.nxt.becomes(end);
        }
        if had_gap {
            court.allow(Rule::FilledGapIsAckedAtOnce);
            let kept = self.recv.ahead_is_sure && !court.profile.crowded;
            let facts = Facts { sure: facts.sure && kept, ..facts };
            self.due_now(court, facts, Rule::FilledGapIsAckedAtOnce);
        } else {
            self.delay_ack(court, facts, end - start);
        }
    }

    /// An acknowledgment is due in this turn.
    fn due_now(&mut self, court: &Court<'_>, facts: Facts, rule: Rule) {
        if facts.sure {
            self.owed.ack_by(court.at, rule);
        } else {
            self.owed.may_ack();
        }
    }

    /// Notes what has come a second time, for D-SACK. RFC 2883.
    pub(crate) fn note_twice(&mut self, facts: Facts) {
        let known: Vec<_> = self.recv.arrived.iter().collect();
        for (left, right) in known {
            self.recv.twice.add(facts.text.max(left), facts.end.min(right));
        }
        self.recv.twice.add(facts.text, facts.end.min(self.recv.nxt.max));
    }

    /// The FIN of a segment. RFC 9293 §3.10.7.4, eighth.
    pub(crate) fn arrived_fin(&mut self, court: &mut Court<'_>, segment: &Segment, facts: Facts) {
        if !segment.has(Flags::FIN) {
            return;
        }
        let fin = facts.end - 1;
        let nxt = self.recv.nxt;
        if self.states.iter().all(|state| !state.may_receive()) {
            self.owed.may_ack();
            return;
        }
        if fin < nxt.min || fin > self.recv.edge.max(self.recv.edge_shown).max(nxt.max) {
            self.owed.may_ack();
            return;
        }
        // The first FIN is believed; another one can't be right as well.
        let first = self.recv.fins.is_empty();
        self.recv.fins.insert(fin);
        let inside = fin < self.recv.edge;
        self.recv.fin_is_sure = facts.sure && first && inside;
        self.may_take_fin();
        if facts.sure && first && inside && nxt.is_exact() && self.recv.nxt.min == fin {
            self.recv.nxt.becomes(fin + 1);
        }
        self.due_now(court, Facts { sure: facts.sure && inside, ..facts }, Rule::FinIsAckedAtOnce);
        court.allow(Rule::FinIsAckedAtOnce);
    }

    /// A FIN to which everything leads may have been taken; the states that follow.
    fn may_take_fin(&mut self) {
        let fins: Vec<Place> = self.recv.fins.iter().copied().collect();
        for fin in fins {
            if self.recv.nxt.min <= fin && fin <= self.recv.nxt.max {
                self.recv.nxt.may_become(fin + 1);
            }
        }
    }

    /// The peer's FIN was taken, or not: what follows for the state once RCV.NXT is known.
    pub(crate) fn settle_fin(&mut self, court: &mut Court<'_>) {
        let nxt = self.recv.nxt;
        // Text in its place, or another one, and nobody knows which one counts.
        let arrived = &self.recv.arrived;
        let only = |fin: Place| self.recv.fins.len() == 1 && !arrived.touches(fin, fin + 1);
        let surely = self.recv.fins.iter().any(|fin| nxt.min == fin + 1 && only(*fin));
        let maybe = self.recv.fins.iter().any(|fin| nxt.min <= fin + 1 && *fin < nxt.max);
        if !surely && !maybe {
            return;
        }
        let moves = |state: State| state.may_receive();
        if !self.states.iter().any(moves) {
            return;
        }
        court.allow(Rule::FinMoves);
        let after = self.states.map(State::on_fin);
        let before = self.states;
        self.enter(if surely { after } else { before.or(after) }, court.at);
    }

    /// Whether the peer's FIN was taken for certain.
    pub(crate) fn fin_taken(&self) -> bool {
        let after = [State::CloseWait, State::Closing, State::LastAck, State::TimeWait];
        self.states.iter().all(|state| after.contains(&state)) && self.states != States::default()
    }
}
