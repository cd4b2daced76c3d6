//! Fifth: ACK. RFC 9293 §3.10.7.4, fifth; RFC 5961 §5.2.

use super::Effect;
use super::arrival::Facts;
use crate::connection::Connection;
use crate::court::Court;
use crate::rule::Rule;
use crate::segment::{Flags, Segment, Time};
use crate::seq::Place;
use crate::state::State;

impl Connection {
    /// The acknowledgment of an acceptable segment: whether the rest of it counts.
    pub(crate) fn arrived_ack(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        facts: Facts,
    ) -> Effect {
        let Some(ack) = facts.ack else {
            court.allow(Rule::NoAckIsDropped);
            return Effect::No;
        };
        let mut facts = facts;
        if self.states.has(State::SynReceived) {
            match self.ack_of_our_syn(court, facts, ack) {
                Effect::No => return Effect::No,
                Effect::May => facts.sure = false,
                Effect::Must => {}
            }
        }
        // RFC 5961 §5.2: not for what was never sent, and not from long ago.
        let una = self.send.una;
        if ack > self.send.max {
            self.challenge(court, facts, Rule::AckOfUnsentIsChallenged);
            return Effect::No;
        }
        if ack < una.min - self.send.max_wnd.max {
            self.challenge(court, facts, Rule::AckFromLongAgoIsChallenged);
            return Effect::No;
        }
        if ack < una.max - self.send.max_wnd.min {
            facts.sure = false;
            self.owed.may_ack();
        }
        if self.states.has(State::Closed) {
            facts.sure = false;
        }
        self.take_ack(court, segment, facts, ack);
        self.take_window(segment, facts.seq, ack, facts.sure);
        Effect::Must.if_sure(facts.sure)
    }

    /// SYN-RECEIVED: the handshake is done, or the ACK is of something else.
    fn ack_of_our_syn(&mut self, court: &mut Court<'_>, facts: Facts, ack: Place) -> Effect {
        if ack < 1 || ack > self.send.max {
            self.owed.bad_ack = Some(Rule::SynReceivedBadAckReset);
            if facts.sure {
                self.owed.reset = self.owed.bad_ack;
            }
            return Effect::No;
        }
        court.allow(Rule::SynReceivedAckOpens);
        let closed = self.user.closed_at.is_some();
        let mut states = self.states.map(|state| state.on_ack_of_syn(closed));
        // A table may be full, and a cookie is no record: the peer asks again.
        let sure = facts.sure && !court.profile.crowded;
        if !sure {
            states = states.or(self.states);
        }
        self.note_round_trip_of_syn(court);
        self.enter(states, court.at);
        Effect::Must.if_sure(sure)
    }

    /// What an acknowledgment within the range does.
    fn take_ack(&mut self, court: &mut Court<'_>, segment: &Segment, facts: Facts, ack: Place) {
        self.doubt(segment, ack);
        let una = self.send.una;
        let news = ack > una.min;
        if news {
            court.allow(Rule::AckAdvances);
            self.sample(court, ack);
            self.sample_stamp(court, segment, ack);
            self.send.una.may_become(ack);
            self.send.may_have_moved_at = court.at;
            if facts.sure {
                self.send.una.becomes(ack);
                self.send.moved_at = court.at;
            }
            if self.send.duplicates >= 3
                && self.send.recover.is_none_or(|recover| recover < una.max)
            {
                // Three of them in this turn began a repair. RFC 6582 §3.2, step 2.
                self.send.recover = Some(self.send.max);
            }
            self.send.duplicates_before = std::mem::take(&mut self.send.duplicates);
        } else {
            court.allow(Rule::OldAckChangesNothing);
            if segment.text.is_empty() && !segment.has(Flags::FIN) {
                self.send.duplicates += 1;
            }
        }
        self.take_sack(court, segment, ack);
        self.forget_acked();
        if let Some(fin) = self.send.fin_at
            && ack > fin
        {
            court.allow(Rule::AckOfFinMoves);
            let mut states = self.states.map(State::on_ack_of_fin);
            if !facts.sure {
                states = states.or(self.states);
            }
            self.enter(states, court.at);
        }
    }

    /// What the peer reports to hold. RFC 2018 §3, RFC 2883.
    fn take_sack(&mut self, court: &mut Court<'_>, segment: &Segment, ack: Place) {
        let Some(line) = self.send.line.filter(|_| self.selective()) else { return };
        for &(left, right) in &segment.options.sack {
            let left = line.place(left, self.send.max);
            let right = line.place(right, self.send.max);
            if left >= right || right > self.send.max {
                continue;
            }
            if left >= ack {
                court.allow(Rule::SackReports);
                self.sample_sacked(court, left, right);
                self.send.sacked.add(left, right);
            } else {
                // RFC 2883: it came twice, or it is old.
                self.send.duplicates += 1;
            }
        }
    }

    /// Forgets what is acknowledged for certain.
    pub(crate) fn forget_acked(&mut self) {
        let una = self.send.una.min;
        let send = &mut self.send;
        send.sacked.forget_before(una);
        send.sent.retain_mut(|sent| {
            sent.start = sent.start.max(una);
            sent.start < sent.end
        });
        let gone = usize::try_from(una - send.text_from).unwrap_or(0).min(send.text.len());
        send.text.drain(..gone);
        send.text_from += i64::try_from(gone).unwrap_or(0);
    }

    /// A round trip, by the history of what an acknowledgment covers: from its first sending at
    /// most, from its last at least.
    fn sample(&mut self, court: &Court<'_>, ack: Place) {
        let una = self.send.una.min;
        self.note_round_trips(court, una, ack);
    }

    /// A round trip by the timestamp that comes back. RFC 7323 §4.1 trusts it to be that of the
    /// oldest segment that is acknowledged; it may be that of a later one without text. Where an ACK
    /// ends within a segment, no receiver is known to send such, and nobody knows whose it is.
    fn sample_stamp(&mut self, court: &Court<'_>, segment: &Segment, ack: Place) {
        let Some(stamps) = self.stamps_of(segment) else { return };
        let Some(latest) = self.agreed.latest else { return };
        let ago = Time::from_millis(latest.wrapping_sub(stamps.echo).into());
        let since = court.at.saturating_sub(self.send.last_at);
        if !self.send.sent.iter().any(|sent| sent.end == ack) {
            widen(&mut self.send.rtt, Time::ZERO, ago + since);
        } else if let Some((least, _)) = &mut self.send.rtt {
            *least = ago.min(*least);
        }
    }

    fn sample_sacked(&mut self, court: &Court<'_>, left: Place, right: Place) {
        self.note_round_trips(court, left, right);
    }

    fn note_round_trips(&mut self, court: &Court<'_>, left: Place, right: Place) {
        for sent in &self.send.sent {
            if sent.start < right && left < sent.end {
                let (least, most) = (court.at - sent.last, court.at - sent.first);
                widen(&mut self.send.rtt, least, most);
                self.send.delivered_at = self.send.delivered_at.max(Some(sent.last));
            }
        }
    }

    /// The SYN's round trip.
    pub(crate) fn note_round_trip_of_syn(&mut self, court: &Court<'_>) {
        let least = court.at.saturating_sub(self.send.syn_at);
        let most = court.at.saturating_sub(self.entered_at).max(least);
        widen(&mut self.send.rtt, least, most);
        self.send.moved_at = court.at;
    }

    /// SND.WND: of the newest segment only. RFC 9293 §3.10.7.4, fifth.
    pub(crate) fn take_window(&mut self, segment: &Segment, seq: Place, ack: Place, sure: bool) {
        let shift = if segment.has(Flags::SYN) { 0 } else { self.shifts().1 };
        let window = i64::from(segment.window) << shift;
        let send = &mut self.send;
        send.edge = send.edge.max(ack + window);
        send.max_wnd.may_become(window);
        if ack < send.una.min {
            return;
        }
        let newer = send.wl.0 < seq || (send.wl.0 == seq && send.wl.1 <= ack);
        if !newer {
            if send.wl.1 < ack {
                // By the letter of the RFC it is an old segment, and yet it brings news.
                send.wnd = None;
            }
            return;
        }
        if ack < send.una.max {
            send.wnd = None;
            return;
        }
        send.wl = (seq, ack);
        if sure {
            send.max_wnd.becomes(window);
        }
        send.wnd = sure.then_some(window);
    }
}

/// Widens the span of round trips.
fn widen(rtt: &mut Option<(Time, Time)>, least: Time, most: Time) {
    *rtt = Some(match *rtt {
        None => (least, most),
        Some((low, high)) => (low.min(least), high.max(most)),
    });
}
