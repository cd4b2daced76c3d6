//! RST and challenge ACKs. RFC 9293 §3.5.3 and §3.10.7; RFC 5961 §3, §4 and §7.

use super::Effect;
use super::arrival::Facts;
use crate::connection::{Connection, Origin};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Flags, Flow, Segment, Time};
use crate::state::{State, States};

impl Connection {
    /// A RST in the window. RFC 5961 §3.2.
    pub(crate) fn arrived_reset(&mut self, court: &mut Court<'_>, facts: Facts) {
        let (low, high) = (self.recv.nxt.min, self.recv.nxt.max);
        if facts.seq < low || facts.seq > high {
            self.challenge(court, facts, Rule::ResetInWindowIsChallenged);
            return;
        }
        court.allow(Rule::ExactResetEnds);
        if self.origin == Origin::Active && self.is(State::SynReceived) {
            court.allow(Rule::SynReceivedResetRefuses);
        }
        let mut states = States::only(State::Closed);
        let keeps_nothing = court.profile.crowded && self.states.has(State::SynReceived);
        if keeps_nothing || !(facts.sure && low == high) {
            self.challenge(court, facts, Rule::ResetInWindowIsChallenged);
            states = states.or(self.states);
        }
        self.enter(states, court.at);
    }

    /// A SYN on a connection. RFC 5961 §4.2; in SYN-RECEIVED the SYN-ACK again is right too.
    pub(crate) fn arrived_syn(&mut self, court: &mut Court<'_>, _segment: &Segment, facts: Facts) {
        if self.states.has(State::SynReceived) {
            // RFC 9293 §3.10.7.4, fourth: a passive open may return to LISTEN.
            self.owed.may_ack();
        }
        self.challenge(court, facts, Rule::SynIsChallenged);
    }

    /// A challenge ACK is due, within the limit of RFC 5961 §7.
    pub(crate) fn challenge(&mut self, court: &mut Court<'_>, facts: Facts, rule: Rule) {
        // The span is the host's choice, RFC 5961 §7: that of a half-open connection may last as long
        // as its timeout.
        let half_open = self.origin == Origin::Passive && self.states.has(State::SynReceived);
        let since = if half_open { self.send.syn_timer_at } else { court.at };
        let since = since.min(court.at.saturating_sub(CHALLENGE_SPAN));
        let owed = &mut self.owed;
        while owed.challenges.front().is_some_and(|at| *at < since) {
            owed.challenges.pop_front();
        }
        let before = owed.challenges.len();
        owed.challenges.push_back(court.at);
        let limit = usize::try_from(court.profile.challenges).unwrap_or(usize::MAX);
        let sure = facts.sure && before < limit && self.states.known().is_some();
        if owed.reasons == 0 {
            owed.only_challenges = true;
        }
        owed.reasons += 1;
        match Effect::Must.if_sure(sure) {
            Effect::Must => {
                court.allow(rule);
                if owed.ack.is_none_or(|(due, _)| court.at < due) {
                    owed.ack = Some((court.at, rule));
                }
            }
            Effect::May | Effect::No => {}
        }
    }

    /// A pure ACK for which a challenge was the only reason went out. RFC 5961 §7.
    pub(crate) fn challenged(&mut self, court: &mut Court<'_>) -> Judged {
        let times = &mut self.owed.challenged;
        while times.front().is_some_and(|at| court.at.saturating_sub(*at) >= CHALLENGE_SPAN) {
            times.pop_front();
        }
        times.push_back(court.at);
        // Two spans of a second may lie in any second.
        let limit = 2 * usize::try_from(court.profile.challenges).unwrap_or(usize::MAX / 2);
        let count = times.len();
        court.require(Rule::ChallengesAreLimited, count <= limit, || {
            format!("{count} challenge ACKs within a second")
        })
    }
}

/// A RST goes out: something must have asked for it. RFC 9293 §3.5.3 and §3.10.
pub(crate) fn sent_reset(
    court: &mut Court<'_>,
    mut connection: Option<&mut Connection>,
    strays: &[(Flow, Segment)],
    flow: Flow,
    reset: &Segment,
) -> Judged {
    let answers = |segment: &Segment| {
        let expected = if segment.has(Flags::ACK) {
            (segment.ack, None)
        } else {
            let len = u32::try_from(segment.len()).unwrap_or(0);
            (0, Some(segment.seq.wrapping_add(len)))
        };
        let ack = reset.has(Flags::ACK).then_some(reset.ack);
        !segment.has(Flags::RST) && expected == (reset.seq, ack)
    };
    let no_text = reset.text.is_empty() && !reset.has(Flags::SYN) && !reset.has(Flags::FIN);
    court.require(Rule::ResetCarriesNothing, no_text, || reset.line())?;
    let reason = connection.is_some() || strays.iter().any(|stray| stray.0 == flow);
    court.require(Rule::ResetNeedsReason, reason, || {
        format!("no connection, nothing that asked for it: {}", reset.line())
    })?;
    if let Some(connection) = connection.as_deref_mut()
        && connection.user.let_go_at.is_some()
        && connection.owed.bad_ack.is_none()
        && !connection.is(State::Closed)
        && connection.turn.iter().any(|segment| !segment.text.is_empty() && answers(segment))
    {
        court.allow(Rule::TextAfterCloseIsReset);
        connection.owed.reset = None;
        connection.enter(States::only(State::Closed), court.at);
        return Ok(());
    }
    let of_flow = |stray: &&(Flow, Segment)| stray.0 == flow;
    if strays.iter().filter(of_flow).any(|(_, segment)| answers(segment)) {
        court.allow(Rule::ClosedAnswersWithReset);
        return Ok(());
    }
    let Some(connection) = connection else {
        return court.require(Rule::ClosedAnswersWithReset, false, || {
            format!("it answers nothing that came: {}", reset.line())
        });
    };
    let answered = connection.turn.iter().any(answers);
    connection.owed.reset = None;
    if answered && let Some(rule) = connection.owed.bad_ack {
        court.allow(rule);
        return Ok(());
    }
    if answered && connection.states.has(State::SynReceived) {
        court.allow(Rule::SynReceivedBadAckReset);
        return Ok(());
    }
    let place = connection.send.line.map(|line| line.place(reset.seq, connection.send.max));
    let of_ours = place == Some(connection.send.max);
    let gives_up = connection.states.has(State::Closed);
    court.require(Rule::AbortSendsReset, of_ours && gives_up, || {
        format!("nothing asked for {}, in {}", reset.line(), connection.states)
    })
}

/// The span over which RFC 5961 §7 counts.
const CHALLENGE_SPAN: Time = Time::from_secs(1);
