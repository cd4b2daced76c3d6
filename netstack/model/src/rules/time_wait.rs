//! TIME-WAIT. RFC 9293 §3.6.1 and §3.10.7.4, RFC 6191, RFC 1337.

use super::sequence::older;
use crate::connection::Connection;
use crate::court::Court;
use crate::rule::Rule;
use crate::segment::{Flags, Form, Segment};

impl Connection {
    /// A segment for a connection in TIME-WAIT.
    pub(crate) fn arrived_in_time_wait(&mut self, court: &mut Court<'_>, segment: &Segment) {
        let Some(seq) = self.place_of(segment) else { return };
        if segment.has(Flags::RST) {
            // RFC 1337 §3: it must not end the wait.
            court.allow(Rule::TimeWaitIgnoresReset);
            return;
        }
        let nxt = self.recv.nxt;
        let fin_again = segment.has(Flags::FIN) && seq + segment.len() == nxt.max;
        let certain = nxt.is_exact() && segment.form == Form::Right && !segment.has(Flags::SYN);
        if fin_again && certain {
            court.allow(Rule::TimeWaitRestarts);
            self.entered_at = court.at;
            self.owed.ack_by(court.at, Rule::TimeWaitRestarts);
        } else {
            court.allow(Rule::TimeWaitAcknowledges);
            self.owed.may_ack();
        }
    }

    /// Whether a SYN begins a new connection where this one was: in TIME-WAIT, by a newer
    /// timestamp or a higher number. RFC 6191 §2, RFC 9293 §3.10.7.4.
    pub(crate) fn is_reused_by(&self, segment: &Segment) -> bool {
        let is_syn = segment.has(Flags::SYN) && !segment.has(Flags::ACK);
        if !self.states.has(crate::State::TimeWait) || !is_syn || segment.has(Flags::RST) {
            return false;
        }
        let higher = self.place_of(segment).is_some_and(|seq| seq > self.recv.nxt.min);
        match (self.agreed.recent, self.stamps_of(segment)) {
            (Some((recent, _)), Some(stamps)) if recent != stamps.value => {
                older(recent, stamps.value)
            }
            _ => higher,
        }
    }
}
