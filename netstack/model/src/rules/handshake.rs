//! SYN and SYN-ACK. RFC 9293 §3.5, §3.10.7.2 and §3.10.7.3; RFC 6298 §5 (5.7).

use crate::connection::{Connection, Origin};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Flags, Form, Segment, Time};
use crate::seq::{Bounds, Line};
use crate::state::{State, States};

impl Connection {
    /// LISTEN took a SYN, or dropped it. `former`: what had these two ends before.
    pub(crate) fn from_syn(syn: &Segment, at: Time, former: Option<&Self>) -> Self {
        let mut fresh = Self::new(Origin::Passive, State::SynReceived, at);
        fresh.may_also_be(State::Closed);
        fresh.begin_receiving(syn);
        fresh.former_max = former.and_then(|former| {
            let line = former.send.line?;
            former.is(State::TimeWait).then(|| line.wire(former.send.max))
        });
        // As from a segment with ACK of nothing. What is kept of a SYN need not hold its window.
        // RFC 4987 §3.4, §3.6.
        fresh.take_window(syn, 0, 0, false);
        fresh.turn.push(syn.clone());
        fresh
    }

    /// The peer's SYN: its numbers and options.
    pub(crate) fn begin_receiving(&mut self, syn: &Segment) {
        self.recv.line = Some(Line::new(syn.seq));
        self.recv.nxt = Bounds::exactly(1);
        self.recv.acked = 1;
        // Until we say something, the window that our SYN offered, if it did.
        self.recv.edge = 1 + self.recv.offered;
        self.agreed.theirs = Some(syn.options.clone());
        let stamps = syn.options.stamps;
        self.agreed.recent = stamps.map(|stamps| (stamps.value, Time::ZERO));
        self.agreed.recent_is_sure = syn.form == Form::Right;
        self.agreed.stamps = stamps.into_iter().map(|stamps| stamps.value).collect();
    }

    /// A SYN-ACK goes out: of an odd SYN and others of the same turn it says which one counted.
    fn settle_syn(&mut self, syn_ack: &Segment) {
        if self.send.syns > 0 || self.agreed.recent_is_sure {
            return;
        }
        let answered = |syn: &&Segment| {
            let stamps = syn_ack.options.stamps;
            let echoed = stamps.is_none_or(|ours| {
                syn.options.stamps.is_some_and(|theirs| theirs.value == ours.echo)
            });
            syn.has(Flags::SYN) && syn.seq.wrapping_add(1) == syn_ack.ack && echoed
        };
        if let Some(syn) = self.turn.iter().rev().find(answered).cloned() {
            self.begin_receiving(&syn);
            self.take_window(&syn, 0, 0, false);
        }
    }

    /// A SYN or SYN-ACK goes out.
    pub(crate) fn sent_syn(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        let may = if segment.has(Flags::ACK) { State::SynReceived } else { State::SynSent };
        let rule =
            if segment.has(Flags::ACK) { Rule::SynAckAnswersSyn } else { Rule::OpenSendsSyn };
        // One that waited for the link may come after the ACK that it was to bring about.
        let late = self.origin == Origin::Passive && self.send.max <= 1 && self.recv.acked <= 1;
        court.require(rule, self.states.has(may) || late, || {
            format!("in {}: {}", self.states, segment.line())
        })?;
        if !self.states.has(may) {
            return Ok(());
        }
        let line = *self.send.line.get_or_insert_with(|| Line::new(segment.seq));
        if line.origin() != segment.seq && self.cookie_is_possible(may) {
            self.send.line = Some(Line::new(segment.seq));
        } else {
            court.require(Rule::SynKeepsItsNumber, line.origin() == segment.seq, || {
                format!("ISS was {}, now {}", line.origin(), segment.line())
            })?;
        }
        if let Some(former) = self.former_max {
            let above = segment.seq.wrapping_sub(former).cast_signed() > 0;
            court.require(Rule::ReusedNumbersAreHigher, above, || {
                format!("the old connection ended at {former}: {}", segment.line())
            })?;
        }
        let no_text = segment.text.is_empty() && !segment.has(Flags::FIN);
        court.require(Rule::SynCarriesNoText, no_text, || segment.line())?;
        if segment.has(Flags::ACK) {
            self.settle_syn(segment);
            let irs = self.recv.line.map(|line| line.wire(1));
            court.require(Rule::SynAckAnswersSyn, irs == Some(segment.ack), || {
                format!("expected is {irs:?}: {}", segment.line())
            })?;
        }
        // What waited for the link was due before.
        let due = if self.recv.unsaid { self.recv.unsaid_since } else { court.at };
        self.syn_interval(court, segment, due)?;
        self.syn_options(court, segment)?;
        self.send.max = self.send.max.max(1);
        if self.send.syns == 0 {
            self.send.syn_timer_at = due;
        }
        self.send.syns += 1;
        self.send.syn_at = court.at;
        self.send.last_at = court.at;
        if self.states.has(State::SynReceived) && self.origin == Origin::Passive {
            self.states = States::only(State::SynReceived);
            self.owed.ack = None;
        }
        // A SYN's window is never scaled. RFC 7323 §2.2.
        self.advertise(court, i64::from(segment.window), segment)?;
        self.owed.said = true;
        Ok(())
    }

    /// A cookie follows a clock: a second SYN may be answered with another one.
    fn cookie_is_possible(&self, state: State) -> bool {
        state == State::SynReceived && self.origin == Origin::Passive && self.view.is_none()
    }

    /// A SYN is sent again after its timeout, or because it was asked for again. `due`: when it may
    /// have been ready to go.
    fn syn_interval(&mut self, court: &mut Court<'_>, segment: &Segment, due: Time) -> Judged {
        if self.send.syns == 0 {
            return Ok(());
        }
        let asked = self.turn.iter().any(|segment| segment.has(Flags::SYN));
        if asked {
            court.allow(Rule::RepeatedSynIsAnsweredAgain);
            return Ok(());
        }
        // RFC 6298 §5 (5.5): each timeout is twice as long as the one before.
        let waited = court.at.saturating_sub(self.send.syn_timer_at) + court.profile.slack;
        let doubled = court.profile.rto_initial * (1 << self.send.syn_timeouts.min(16));
        let least = doubled.min(court.profile.rto_max);
        self.send.syn_timer_at = due;
        self.send.syn_timeouts += 1;
        court.require(Rule::SynIsRepeatedAfterTimeout, waited >= least, || {
            format!("{waited:?} after the one before, not {least:?}: {}", segment.line())
        })?;
        let most = match self.origin {
            Origin::Active => court.profile.syn_retries,
            Origin::Passive => court.profile.syn_ack_retries,
        };
        let times = self.send.syn_timeouts;
        court.require(Rule::SynIsGivenUp, times <= most, || {
            format!("repeated {times} times: {}", segment.line())
        })
    }
}
