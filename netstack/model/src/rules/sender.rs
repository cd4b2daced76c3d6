//! What goes out that is no SYN and no RST. RFC 9293 §3.7, §3.8 and §3.10.2.

use crate::connection::{Connection, Sent};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Flags, Segment};
use crate::seq::Place;
use crate::state::State;

impl Connection {
    /// A segment goes out, no RST.
    pub(crate) fn sent(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        if segment.has(Flags::SYN) {
            return self.sent_syn(court, segment);
        }
        let may = |state: State| !matches!(state, State::Listen | State::SynSent);
        let (Some(line), Some(peers)) = (self.send.line, self.recv.line) else {
            return court.require(Rule::OnlyConnectionsSend, false, || {
                format!("in {}, before the handshake: {}", self.states, segment.line())
            });
        };
        court.require(Rule::OnlyConnectionsSend, self.states.iter().any(may), || {
            format!("in {}: {}", self.states, segment.line())
        })?;
        court.require(Rule::AckIsAlwaysSet, segment.has(Flags::ACK), || segment.line())?;
        let seq = line.place(segment.seq, self.send.max);
        let ack = peers.place(segment.ack, self.recv.acked);
        court.require(Rule::AckOnlyWhatArrived, ack <= self.recv.nxt.max, || {
            format!("{ack} of {:?}: {}", self.recv.nxt, segment.line())
        })?;
        court.require(Rule::AckNeverGoesBack, ack >= self.recv.acked, || {
            format!("{ack} after {}: {}", self.recv.acked, segment.line())
        })?;
        self.segment_options(court, segment, ack)?;
        let before = self.recv.edge;
        self.owed.late = self.recv.unsaid;
        self.advertise(court, i64::from(segment.window) << self.shifts().0, segment)?;
        let opens = self.recv.edge > before;
        if segment.is_empty() {
            self.sent_ack(court, segment, seq, opens)?;
        } else {
            self.sent_text(court, segment, seq)?;
        }
        self.acknowledged(court, ack);
        if self.turn.len() <= 1 && !self.owed.late {
            // Nothing but what it answers may have ended it, and this is no RST.
            self.states.rule_out(State::Closed);
        }
        Ok(())
    }

    /// The peer has been told `ack`.
    fn acknowledged(&mut self, court: &mut Court<'_>, ack: Place) {
        if ack > self.recv.acked {
            self.recv.nxt.becomes(ack);
            self.settle_fin(court);
        }
        self.recv.acked = ack;
        self.owed.said = true;
        if ack >= self.recv.nxt.min {
            if let Some((_, rule)) = self.owed.ack.take() {
                court.allow(rule);
            }
            self.owed.octets = 0;
        }
    }

    /// Text or FIN goes out.
    fn sent_text(&mut self, court: &mut Court<'_>, segment: &Segment, seq: Place) -> Judged {
        let text_end = seq + segment.text_len();
        let end = seq + segment.len();
        let queued = 1 + self.user.queued;
        court.require(Rule::SendsOnlyWhatWasQueued, 1 <= seq && text_end <= queued, || {
            format!("{seq}..{text_end} of {queued}: {}", segment.line())
        })?;
        if segment.has(Flags::FIN) {
            let closed = self.user.closed_at.is_some() && text_end == queued;
            court.require(Rule::FinFollowsAllText, closed, || {
                format!("at {text_end}, text ends at {queued}: {}", segment.line())
            })?;
            self.send.fin_at = Some(text_end);
        }
        court.require(Rule::NothingIsLeftOut, seq <= self.send.max, || {
            format!("{seq} after {}: {}", self.send.max, segment.line())
        })?;
        self.same_text(court, segment, seq)?;
        let old = end.min(self.send.max);
        if seq < old {
            self.sent_again(court, segment, seq, old)?;
        }
        if end > self.send.max {
            self.sent_first(court, segment, self.send.max.max(seq), end)?;
        }
        self.send.last_at = court.at;
        Ok(())
    }

    /// An octet once sent never changes. RFC 9293 §3.4, §3.8.1.
    fn same_text(&mut self, court: &mut Court<'_>, segment: &Segment, seq: Place) -> Judged {
        let known = self.send.text_from + i64::try_from(self.send.text.len()).unwrap_or(i64::MAX);
        let old = usize::try_from(known - seq).unwrap_or(0).min(segment.text.len());
        let (before, new) = segment.text.split_at(old);
        let at = usize::try_from(seq - self.send.text_from).unwrap_or(usize::MAX);
        let same = before.iter().eq(self.send.text.iter().skip(at).take(old));
        let contiguous = seq <= known;
        if contiguous {
            self.send.text.extend(new);
        }
        court.require(Rule::OctetsNeverChange, same || at == usize::MAX, || segment.line())
    }

    /// Text or FIN goes out for the first time.
    fn sent_first(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        start: Place,
        end: Place,
    ) -> Judged {
        let may_send = [State::Established, State::CloseWait, State::FinWait1, State::Closing];
        let able = self.states.iter().any(|state| may_send.contains(&state))
            || self.states.has(State::LastAck);
        court.require(Rule::TextOnlyWhereItMayBeSent, able, || {
            format!("in {}: {}", self.states, segment.line())
        })?;
        let text_end = end - i64::from(segment.has(Flags::FIN));
        let inside = text_end <= self.send.edge;
        if inside {
            court.allow(Rule::NothingBeyondTheWindow);
        } else {
            self.probed_with_text(court, segment, text_end)?;
        }
        self.is_not_silly(court, segment, text_end)?;
        if self.send.fresh == 0 {
            self.send.fresh_as_probe = self.timer_is_due(court);
        }
        if self.send.una.max == self.send.max {
            // Nothing was in flight: the timer starts now. RFC 6298 §5 (5.1).
            self.send.moved_at = court.at;
            self.send.rto_least = self.view.map(|view| view.rto);
        }
        self.new_text_after_timeout(court, end - start)?;
        let at = court.at;
        self.send.sent.push(Sent { start, end, first: at, last: at, times: 1, refused: false });
        self.send.max = end;
        self.send.fresh += end - start;
        let cwnd = self.view.map_or(0, |view| view.cwnd);
        self.send.cwnd_fresh = self.send.cwnd_fresh.max(cwnd);
        Ok(())
    }

    /// The sender's side of silly windows, and Nagle. RFC 9293 §3.8.6.2.1, §3.7.4.
    fn is_not_silly(&self, court: &mut Court<'_>, segment: &Segment, end: Place) -> Judged {
        let Some(view) = self.view else { return Ok(()) };
        if segment.text.is_empty() {
            return Ok(());
        }
        let octets = segment.text_len();
        // Options beyond the usual take their place from the text.
        let usual = if self.stamped() { 12 } else { 0 };
        let extra = i64::try_from(segment.options.octets).unwrap_or(0) - usual;
        let full = octets + extra.max(0) >= view.mss;
        let last = end == 1 + self.user.queued;
        let idle = self.send.una.max >= self.send.max;
        let half = octets >= self.send.max_wnd.min / 2;
        // A split train ends in what is left over.
        let of_train = self.send.fresh > 0;
        let probe = self.timer_is_due(court);
        // A segment is gathered from so many buffers at most.
        let ends = self.user.ends.iter();
        let buffers = ends.filter(|place| end - octets < **place && **place <= end).count();
        let gathered = buffers + 1 >= court.profile.gather;
        let wise = full || last || (idle && half) || of_train || probe || gathered;
        court.require(Rule::SenderAvoidsSillyWindows, wise, || {
            format!("{octets} octets, the MSS is {}: {}", view.mss, segment.line())
        })?;
        if court.profile.nagle && !full {
            let closed = self.user.closed_at.is_some();
            return court.require(Rule::NagleWaits, idle || of_train || closed || probe, || {
                format!("{octets} octets while data is in flight: {}", segment.line())
            });
        }
        Ok(())
    }

    /// Whether a timeout, a loss probe or a window probe may be due.
    fn timer_is_due(&self, court: &Court<'_>) -> bool {
        let waited = court.at.saturating_sub(self.send.last_at.max(self.send.moved_at));
        let least = self.view.and_then(|view| view.srtt).unwrap_or(court.profile.rto_min);
        waited >= least.min(court.profile.rto_min)
    }
}
