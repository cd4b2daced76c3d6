//! Time: what must have happened by now, and what may end. RFC 6298, RFC 9293 §3.8.3 and §3.8.6.1.

use crate::connection::{Connection, Origin};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::Time;
use crate::state::{State, States};
use crate::step::View;

impl Connection {
    /// Time passed.
    pub(crate) fn time_passed(&mut self, court: &mut Court<'_>) -> Judged {
        let profile = court.profile;
        let inside = court.at.saturating_sub(self.entered_at);
        if self.is(State::TimeWait) || self.states.has(State::TimeWait) {
            if inside > profile.time_wait + profile.slack {
                court.allow(Rule::TimeWaitEnds);
                self.enter(States::only(State::Closed), court.at);
            } else if inside >= profile.time_wait || profile.crowded {
                self.may_also_be(State::Closed);
            }
            return Ok(());
        }
        if self.view.is_none() && self.may_be_given_up(court) {
            self.may_also_be(State::Closed);
        }
        Ok(())
    }

    /// Whether the host may have lost its patience.
    pub(crate) fn may_be_given_up(&self, court: &Court<'_>) -> bool {
        let profile = court.profile;
        let since = |at: Time| court.at.saturating_sub(at) + profile.slack;
        let silent = since(self.heard_surely_at);
        let stuck = since(self.send.first_unacked_at().unwrap_or(self.heard_surely_at));
        let opening = self.states.has(State::SynSent) || self.states.has(State::SynReceived);
        let handshake = match self.origin {
            Origin::Active => opening,
            // A half-open connection shows nothing; a cookie keeps nothing.
            Origin::Passive => opening && since(self.entered_at) >= profile.syn_ack_life(),
        };
        let keepalive = profile
            .keepalive
            .is_some_and(|(idle, interval, most)| silent >= idle + interval.min(idle) * most);
        let closing = self.user.closed_at.is_some_and(|at| since(at) >= profile.close_timeout);
        handshake
            || keepalive
            || closing
            || stuck >= profile.user_timeout
            || silent >= profile.user_timeout
    }

    /// All that was due is out: nothing may be missing.
    pub(crate) fn drained(&mut self, court: &mut Court<'_>) -> Judged {
        self.turn.clear();
        self.owed.bad_ack = None;
        let fresh = std::mem::take(&mut self.send.fresh);
        if self.owed.ack.is_none() && std::mem::take(&mut self.owed.said) {
            self.owed.reasons = 0;
            self.owed.only_challenges = false;
            self.recv.twice.forget_before(crate::Place::MAX);
        }
        if self.origin == Origin::Passive && self.send.syns == 0 {
            // Its SYN was dropped.
            self.enter(States::only(State::Closed), court.at);
        }
        if self.states.has(State::Closed) {
            self.owed.ack = None;
            self.owed.reset = None;
            return Ok(());
        }
        if let Some((due, rule)) = self.owed.ack {
            court.require(rule, court.at < due, || {
                format!("an acknowledgment was due at {due:?}, in {}", self.states)
            })?;
        }
        if let Some(rule) = self.owed.reset {
            return court.require(rule, false, || "a RST was due".to_owned());
        }
        let cwnd = std::mem::take(&mut self.send.cwnd_fresh);
        if fresh > 0 {
            self.flight_fits(court, fresh, cwnd)?;
        }
        self.repair_runs(court)?;
        self.persist_runs(court)
    }

    /// What is unacknowledged is sent again in time. RFC 6298 §5.
    fn repair_runs(&self, court: &mut Court<'_>) -> Judged {
        let send = &self.send;
        if send.una.max >= send.max || self.view.is_none() {
            return Ok(());
        }
        let moved_at = send.moved_at.max(send.may_have_moved_at);
        let since = court.at.saturating_sub(moved_at.max(send.last_at).max(send.syn_at));
        let most = court.profile.rto_max + court.profile.slack;
        court.require(Rule::TheUnacknowledgedIsRepeatedInTime, since <= most, || {
            format!("nothing was sent for {since:?}, {} is unacknowledged", send.una.max)
        })
    }

    /// A closed window is probed for ever. RFC 9293 §3.8.6.1.
    fn persist_runs(&mut self, court: &mut Court<'_>) -> Judged {
        if !self.waits_for_window() || self.view.is_none() {
            self.send.waits_since = None;
            return Ok(());
        }
        let waits_since = *self.send.waits_since.get_or_insert(court.at);
        let send = &self.send;
        let heard = self.heard_at.max(send.moved_at).max(send.last_at).max(waits_since);
        let since = court.at.saturating_sub(heard);
        let most = court.profile.rto_max + court.profile.slack;
        court.require(Rule::ClosedWindowIsProbedInTime, since <= most, || {
            format!("nothing was sent for {since:?}, text waits for the window")
        })
    }

    /// SRTT, RTTVAR and RTO. RFC 6298 §2.
    pub(crate) fn shown_timeout(
        &mut self,
        court: &mut Court<'_>,
        before: Option<&View>,
        view: &View,
    ) -> Judged {
        let profile = court.profile;
        let inside = profile.rto_min <= view.rto && view.rto <= profile.rto_max;
        court.require(Rule::RtoIsWithinItsBounds, inside, || format!("{:?}", view.rto))?;
        if let (Some(srtt), Some(rttvar)) = (view.srtt, view.rttvar) {
            let base = srtt + (rttvar * 4).max(GRANULARITY);
            let base = base.clamp(profile.rto_min, profile.rto_max);
            let doubled = base.saturating_mul(1 << view.backoff.min(16)).min(profile.rto_max);
            court.require(Rule::RtoFollowsFromTheRoundTrips, close(view.rto, doubled), || {
                format!("{:?} of {srtt:?} and {rttvar:?}, not {doubled:?}", view.rto)
            })?;
            let seen = self.send.rtt;
            let first = before.is_none_or(|before| before.srtt.is_none());
            let within = seen.is_some_and(|(least, most)| {
                least.saturating_sub(STAMP_TICK) <= srtt && srtt <= most + STAMP_TICK
            });
            court.require(Rule::SrttIsARoundTripThatWasSeen, within, || {
                format!("{srtt:?} of {seen:?}, the first: {first}")
            })?;
        }
        let least = self.send.rto_least.map_or(view.rto, |least| least.min(view.rto));
        self.send.rto_least = Some(least);
        Ok(())
    }
}

impl crate::connection::SendSide {
    /// When the oldest of what is unacknowledged was sent first.
    pub(crate) fn first_unacked_at(&self) -> Option<Time> {
        self.sent.iter().map(|sent| sent.first).min()
    }
}

/// Whether two times are the same but for rounding.
fn close(one: Time, other: Time) -> bool {
    one.abs_diff(other) <= Time::from_micros(10)
}

/// G of RFC 6298 §2: at most a millisecond.
const GRANULARITY: Time = Time::from_millis(1);
/// A timestamp's unit: a round trip by timestamps is as coarse. RFC 7323 §5.4.
const STAMP_TICK: Time = Time::from_millis(2);
