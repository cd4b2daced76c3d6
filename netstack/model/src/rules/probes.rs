//! Probes: of a closed window, of a silent peer; and other acknowledgments without text.
//! RFC 9293 §3.8.6.1, §3.8.4; RFC 1122 §4.2.3.6.

use crate::connection::Connection;
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::Segment;
use crate::seq::Place;
use crate::state::State;

impl Connection {
    /// A segment without text and FIN goes out.
    pub(crate) fn sent_ack(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        seq: Place,
        opens: bool,
    ) -> Judged {
        // The handshake's ACK of a half-open connection comes from behind its SYN.
        let nxt = self.send.max.max(1);
        if seq == nxt {
            let reason = self.owed.reasons > 0 || opens;
            court.require(Rule::AckNeedsReason, reason, || {
                format!("nothing asked for {}", segment.line())
            })?;
            self.owed.reasons = self.owed.reasons.saturating_sub(1);
            let only = self.owed.only_challenges;
            return if only && !opens { self.challenged(court) } else { Ok(()) };
        }
        let before = self.send.una.min - 1 <= seq && seq < self.send.una.max;
        court.require(Rule::EmptySegmentsAreAtSndNxt, before, || {
            format!("{seq}, SND.NXT is {nxt}: {}", segment.line())
        })?;
        let waits = 1 + self.user.queued > self.send.max
            || (self.user.closed_at.is_some() && self.send.fin_at.is_none());
        if waits && self.send.una.max >= self.send.max {
            return self.probed_window(court, segment);
        }
        self.probed_peer(court, segment)
    }

    /// An empty probe of a closed window.
    fn probed_window(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        let least = court.profile.rto_min;
        let last = self.send.moved_at.max(self.send.last_at);
        let since = self.send.probe_at.unwrap_or(last);
        let waited = court.at.saturating_sub(since) + court.profile.slack;
        if waited < least && court.profile.keepalive.is_some() {
            // A closed window is no reason not to ask whether the peer lives.
            return self.probed_peer(court, segment);
        }
        court.require(Rule::ClosedWindowIsProbed, waited >= least, || {
            format!("{waited:?} after the last: {}", segment.line())
        })?;
        self.send.probe_at = Some(court.at);
        self.send.last_at = court.at;
        Ok(())
    }

    /// Text beyond the window: one octet is allowed, as a probe.
    pub(crate) fn probed_with_text(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        end: Place,
    ) -> Judged {
        let little = end <= self.send.edge + 1;
        court.require(Rule::NothingBeyondTheWindow, little && segment.text_len() <= 1, || {
            format!("{end}, the window ends at {}: {}", self.send.edge, segment.line())
        })
    }

    /// A keepalive probe.
    fn probed_peer(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        let wanted = court.profile.keepalive;
        court.require(Rule::KeepaliveOnlyIfWanted, wanted.is_some(), || segment.line())?;
        let Some((idle, interval, most)) = wanted else { return Ok(()) };
        let silent = court.at.saturating_sub(self.heard_surely_at) + court.profile.slack;
        // One that waited for the link may go out after what it was to bring about.
        let late = self.owed.late;
        court.require(Rule::SilentPeerIsProbed, silent >= idle || late, || {
            format!("after {silent:?}, not {idle:?}: {}", segment.line())
        })?;
        let since = self.keepalive_at.map(|at| court.at.saturating_sub(at) + court.profile.slack);
        let apart = since.is_none_or(|since| since >= interval.min(idle));
        court.require(Rule::SilentPeerIsProbed, apart, || {
            format!("{since:?} after the one before: {}", segment.line())
        })?;
        self.keepalive_at = Some(court.at);
        self.keepalives += 1;
        let count = self.keepalives;
        court.require(Rule::SilentPeerIsGivenUp, count <= most, || {
            format!("{count} probes without an answer: {}", segment.line())
        })
    }

    /// Whether the connection waits for its peer's window and nothing else.
    pub(crate) fn waits_for_window(&self) -> bool {
        let sends = [State::Established, State::CloseWait, State::FinWait1];
        let able = self.states.known().is_some_and(|state| {
            sends.contains(&state) || state == State::LastAck || state == State::Closing
        });
        let all_acked = self.send.una.is_exact() && self.send.una.max == self.send.max;
        able && all_acked && 1 + self.user.queued > self.send.max
    }
}
