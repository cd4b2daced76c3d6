//! When acknowledgments are due. RFC 9293 §3.8.6.3, RFC 1122 §4.2.3.2, RFC 5681 §4.2.

use super::arrival::Facts;
use crate::connection::Connection;
use crate::court::Court;
use crate::rule::Rule;
use crate::segment::{Segment, Time};

impl Connection {
    /// Text in order: every second full segment is acknowledged at once, all else within half a
    /// second.
    pub(crate) fn delay_ack(&mut self, court: &mut Court<'_>, facts: Facts, octets: i64) {
        if !facts.sure {
            self.owed.may_ack();
            return;
        }
        self.owed.octets += octets;
        if self.owed.octets >= 2 * self.recv.largest {
            self.owed.ack_by(court.at, Rule::SecondSegmentIsAcked);
        } else {
            let wait = court.profile.delayed_ack.min(DELAY_MAX) + court.profile.slack;
            self.owed.ack_by(court.at + wait, Rule::AckIsDelayedLittle);
        }
    }

    /// What a full segment of the peer is.
    pub(crate) fn note_largest(&mut self, court: &Court<'_>, segment: &Segment, facts: Facts) {
        let headers = if segment.packet_octets > segment.text.len() + 40 { 40 } else { 20 };
        let fits = |mtu: usize| i64::try_from(mtu.saturating_sub(headers)).unwrap_or(0);
        // Beyond what our own path takes it may not count.
        let path = self.recv.path_least.min(court.profile.mtu);
        let (fits, certain) = (fits(court.profile.mtu), fits(path));
        let octets = segment.text_len().min(fits);
        self.recv.largest = self.recv.largest.max(octets);
        if facts.sure {
            self.recv.largest_sure = self.recv.largest_sure.max(octets.min(certain));
        }
    }
}

/// The longest delay that RFC 9293 §3.8.6.3 allows.
const DELAY_MAX: Time = Time::from_millis(500);
