//! A segment arrives: the steps of RFC 9293 §3.10.7, in their order.

use super::Effect;
use crate::connection::{Connection, Origin};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Flags, Form, Segment};
use crate::seq::Place;
use crate::state::{State, States};

/// What there is to know of a segment before its effects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Where it starts.
    pub(crate) seq: Place,
    /// Where its text starts: behind a SYN.
    pub(crate) text: Place,
    /// Behind its text and FIN.
    pub(crate) end: Place,
    /// What it acknowledges.
    pub(crate) ack: Option<Place>,
    /// Whether all that decides is certain, and the segment is as it should be.
    pub(crate) sure: bool,
}

impl Connection {
    /// A segment for this connection arrived.
    pub(crate) fn arrived(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        if self.is(State::Closed) {
            return Ok(());
        }
        if self.is(State::SynSent) {
            self.arrived_in_syn_sent(court, segment);
            return Ok(());
        }
        if self.is(State::TimeWait) {
            self.arrived_in_time_wait(court, segment);
            return Ok(());
        }
        let Some(seq) = self.place_of(segment) else { return Ok(()) };
        let stamps_missing = self.stamped() && segment.options.stamps.is_none();
        let facts = Facts {
            seq,
            text: seq + i64::from(segment.has(Flags::SYN)),
            end: seq + segment.len(),
            ack: self.ack_of(segment),
            sure: self.is_sure()
                && segment.form == Form::Right
                && (!stamps_missing || segment.has(Flags::RST)),
        };
        self.in_order_of_steps(court, segment, facts);
        Ok(())
    }

    /// First the sequence number, then RST, SYN, ACK, text and FIN.
    fn in_order_of_steps(&mut self, court: &mut Court<'_>, segment: &Segment, facts: Facts) {
        let acceptable = self.acceptable(court, segment, facts);
        if acceptable == Effect::No {
            self.answer_unacceptable(court, segment, facts);
            return;
        }
        let facts = Facts { sure: facts.sure && acceptable == Effect::Must, ..facts };
        if !facts.sure {
            // An answer as to an unacceptable one is right too.
            self.owed.may_ack();
            self.owed.challenges.push_back(court.at);
            self.note_twice(facts);
        }
        self.take_stamps(court, segment, facts);
        if segment.has(Flags::RST) {
            self.arrived_reset(court, facts);
            return;
        }
        if segment.has(Flags::SYN) && !self.is_crossing_syn_ack(segment, facts) {
            self.arrived_syn(court, segment, facts);
            return;
        }
        self.keepalives = 0;
        let taken = self.arrived_ack(court, segment, facts);
        if taken == Effect::No {
            return;
        }
        self.heard_at = court.at;
        if taken == Effect::Must {
            self.heard_surely_at = court.at;
        }
        let facts = Facts { sure: facts.sure && taken == Effect::Must, ..facts };
        self.arrived_text(court, segment, facts);
        self.arrived_fin(court, segment, facts);
    }

    /// SYN-SENT. RFC 9293 §3.10.7.3.
    fn arrived_in_syn_sent(&mut self, court: &mut Court<'_>, segment: &Segment) {
        let sure = segment.form == Form::Right && self.send.line.is_some();
        let ack = self.ack_of(segment);
        let acceptable = ack.is_none_or(|ack| 0 < ack && ack <= self.send.max);
        if !acceptable {
            self.owed.bad_ack = Some(Rule::SynSentBadAckReset);
            if sure && !segment.has(Flags::RST) {
                self.owed.reset = self.owed.bad_ack;
            }
            return;
        }
        if segment.has(Flags::RST) {
            if ack.is_some() {
                court.allow(Rule::SynSentResetRefuses);
                self.states.add(State::Closed);
                if sure {
                    self.enter(States::only(State::Closed), court.at);
                }
            }
            return;
        }
        if !segment.has(Flags::SYN) {
            return;
        }
        self.begin_receiving(segment);
        let closed = self.user.closed_at.is_some();
        let next = if let Some(ack) = ack {
            self.send.una.may_become(ack);
            if sure {
                self.send.una.becomes(ack);
                self.owed.ack_by(court.at, Rule::SynSentSynAckIsAcked);
            }
            self.note_round_trip_of_syn(court);
            State::SynSent.on_ack_of_syn(closed)
        } else {
            State::SynReceived
        };
        self.owed.may_ack();
        let mut states = States::only(next);
        if !sure {
            states = states.or(self.states);
        }
        self.heard_at = court.at;
        self.heard_surely_at = court.at;
        self.take_window(segment, 0, ack.unwrap_or(0), true);
        self.enter(states, court.at);
    }

    /// Simultaneous open: the peer's SYN again, now with the ACK of ours. RFC 9293 §3.5, figure 8.
    fn is_crossing_syn_ack(&self, segment: &Segment, facts: Facts) -> bool {
        self.is(State::SynReceived)
            && self.origin == Origin::Active
            && segment.has(Flags::SYN)
            && facts.seq == 0
            && facts.ack == Some(self.send.max)
    }
}
