//! What is sent again, and why. RFC 6298 §5, RFC 5681 §3.2, RFC 6582, RFC 8985.

use crate::connection::{Connection, Sent};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Segment, Time};
use crate::seq::Place;

impl Connection {
    /// `start..end`, which was sent before, goes out again.
    pub(crate) fn sent_again(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        start: Place,
        end: Place,
    ) -> Judged {
        let una = self.send.una.min;
        court.require(Rule::OnlyTheUnacknowledgedIsRepeated, start >= una, || {
            format!("{una} is acknowledged: {}", segment.line())
        })?;
        let pieces: Vec<Sent> = self
            .send
            .sent
            .iter()
            .copied()
            .filter(|sent| sent.start < end && start < sent.end)
            .collect();
        for piece in pieces {
            let reason = self.reason_for(court, piece, start);
            court.require(Rule::RepeatsNeedReason, reason.is_some(), || {
                format!("sent at {:?}, {} times: {}", piece.last, piece.times, segment.line())
            })?;
            if let Some(rule) = reason {
                court.allow(rule);
                self.note_reason(court, segment, rule, piece);
            }
        }
        self.book_again(court.at, start, end);
        Ok(())
    }

    /// Why `piece` may be sent again.
    fn reason_for(&self, court: &Court<'_>, piece: Sent, start: Place) -> Option<Rule> {
        let send = &self.send;
        if piece.refused || send.given_up_until.is_some_and(|until| piece.last < until) {
            return Some(Rule::AllIsRepeatedAfterTimeout);
        }
        // RFC 8899 §4.3: a probe of a larger size that got lost says nothing about congestion.
        if self.view.is_some_and(|view| piece.end - piece.start > view.mss) {
            return Some(Rule::SmallerPathRepeats);
        }
        if send.cut.is_some_and(|(left, right)| left <= piece.start && piece.end <= right) {
            return Some(Rule::SmallerPathRepeats);
        }
        let later = send.delivered_at.is_some_and(|at| at >= piece.last);
        let reported = send.sacked.iter().any(|(_, right)| right > piece.start);
        if reported && later {
            return Some(Rule::SackRepairs);
        }
        let repeats = send.duplicates >= 3;
        if !self.selective() && repeats && (piece.times == 1 || send.moved_at >= piece.last) {
            return Some(Rule::ThreeDuplicatesRepair);
        }
        if send.recover.is_some_and(|recover| send.una.max < recover)
            && (send.moved_at >= piece.last || later)
        {
            return Some(Rule::PartialAckRepairs);
        }
        // RFC 8985 §6.2: what was sent later has arrived, and the reordering window is over.
        if later && self.selective() && send.una.max > 1 {
            return Some(Rule::RackRepairs);
        }
        let idle = court.at.saturating_sub(send.last_at.max(send.moved_at)) + court.profile.slack;
        let srtt = self.view.and_then(|view| view.srtt).unwrap_or(Time::ZERO);
        let tail = send.max - start <= 1 + self.view.map_or(LONGEST, |view| view.mss);
        let begun = send.probed_at == Some(court.at);
        let waited = court.at.saturating_sub(send.moved_at) + court.profile.slack;
        let due = waited >= self.least_timeout(court);
        let probe = tail && self.selective() && (idle >= srtt || begun || due);
        // RFC 8985 §7.2: where the timeout would come first, a probe takes its place.
        let first = send.probed_at.is_none_or(|at| at < send.moved_at || begun);
        if probe && first && !reported {
            return Some(Rule::TailIsProbed);
        }
        if due {
            return Some(Rule::TimeoutRepeats);
        }
        probe.then_some(Rule::TailIsProbed)
    }

    /// The least retransmission timeout since the timer started.
    fn least_timeout(&self, court: &Court<'_>) -> Time {
        let profile = court.profile;
        // One that was let go shows nothing.
        let shown = self.send.rto_least.filter(|_| self.user.let_go_at.is_none());
        let shown = shown.unwrap_or(profile.rto_min);
        shown.max(profile.rto_min)
    }

    fn note_reason(&mut self, court: &Court<'_>, segment: &Segment, rule: Rule, piece: Sent) {
        match rule {
            Rule::TimeoutRepeats => {
                self.episode(segment, Some(court.at));
                self.send.given_up_until = Some(court.at);
                self.send.timeout_at = Some(court.at);
                self.send.moved_at = court.at;
                self.send.rto_least = None;
                self.send.recover = Some(self.send.max);
            }
            Rule::SackRepairs | Rule::ThreeDuplicatesRepair | Rule::RackRepairs => {
                self.episode(segment, None);
                self.send.recover = Some(self.send.max);
            }
            // The rest of it follows in another segment.
            Rule::SmallerPathRepeats => self.send.cut = Some((piece.start, piece.end)),
            Rule::TailIsProbed => self.send.probed_at = Some(court.at),
            _ => {}
        }
    }

    /// Books that `start..end` went out again: pieces are split at its ends.
    fn book_again(&mut self, at: Time, start: Place, end: Place) {
        let mut booked = Vec::with_capacity(self.send.sent.len() + 2);
        for sent in std::mem::take(&mut self.send.sent) {
            let (left, right) = (sent.start.max(start), sent.end.min(end));
            if left >= right {
                booked.push(sent);
                continue;
            }
            if sent.start < left {
                booked.push(Sent { end: left, ..sent });
            }
            let times = sent.times + 1;
            booked.push(Sent { start: left, end: right, last: at, times, refused: false, ..sent });
            if right < sent.end {
                booked.push(Sent { start: right, ..sent });
            }
        }
        self.send.sent = booked;
    }
}

/// No segment has more text.
const LONGEST: i64 = 65_535;
