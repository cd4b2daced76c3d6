//! The congestion window. RFC 5681, RFC 6928, RFC 3465.

use crate::connection::Connection;
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::step::{Label, View};

impl Connection {
    /// New text went out in this turn: what is in flight fits the congestion window. `cwnd`: the largest
    /// that any of it went out with, for an acknowledgment may have come before the link took the last.
    pub(crate) fn flight_fits(&mut self, court: &mut Court<'_>, fresh: i64, cwnd: i64) -> Judged {
        let Some(view) = self.view else { return Ok(()) };
        let send = &self.send;
        let out = send.max - send.una.min;
        let unheard = send.duplicates == 0 && send.sacked.iter().next().is_none();
        let whole_path = self.recv.path_least >= court.profile.mtu;
        if send.una.max <= 1 && unheard && whole_path && send.timeout_at.is_none() {
            // RFC 6928 §2, and one more as a probe.
            let most = (10 * view.mss).min((2 * view.mss).max(14_600)) + view.mss;
            court.require(Rule::InitialWindowIsSmall, out <= most + 1, || {
                format!("{out} octets before the first ACK, the MSS is {}", view.mss)
            })?;
        }
        let whole = send.sacked.iter().next().is_none()
            && send.duplicates == 0
            && send.recover.is_none_or(|recover| send.una.min >= recover)
            && send.timeout_at.is_none();
        let extra = if whole { view.mss } else { 3 * view.mss };
        let flight = if whole { out } else { view.flight };
        let most = view.cwnd.max(send.cwnd_before).max(cwnd) + extra + 1;
        // A loss probe goes out whatever the window is. RFC 8985 §7.3.
        let probe = send.fresh_as_probe && fresh <= view.mss;
        if probe || (!whole && !self.selective()) {
            return Ok(());
        }
        court.require(Rule::FlightFitsTheCongestionWindow, flight <= most, || {
            format!("{flight} octets in flight, the window is {}", view.cwnd)
        })
    }

    /// How the congestion window moved.
    pub(crate) fn shown_congestion(
        &mut self,
        court: &mut Court<'_>,
        before: &View,
        view: &View,
        label: &Label,
    ) -> Judged {
        self.send.cwnd_before = before.cwnd;
        self.send.cwnd_most = self.send.cwnd_most.max(before.cwnd);
        // With the handshake the MSS becomes known, and with it the initial window.
        let open = before.state.is_synchronized();
        let same = before.mss == view.mss;
        if court.profile.paced || !open || !same || !matches!(label, Label::Segment(..)) {
            return Ok(());
        }
        // ABC with L = 2, and repair, let it grow by what an ACK says to have arrived at most;
        // an undo brings back what was.
        let arrived = i64::from(view.snd_una.wrapping_sub(before.snd_una));
        let reported: i64 = self.send.sacked.iter().map(|(left, right)| right - left).sum();
        // RFC 5681 §3.2, step 4: without SACK the window holds a segment for each duplicate, or what
        // is in flight is less by it. With what is new, the one becomes the other.
        let inflated = if self.selective() { 0 } else { self.send.duplicates_before };
        let by = arrived.max(view.mss) + reported + view.mss + i64::from(inflated) * view.mss;
        if view.cwnd > before.cwnd + by {
            self.window_came_back(court, before, view)?;
        }
        let most = before.cwnd.max(self.send.cwnd_most) + by;
        court.require(Rule::WindowGrowsByWhatArrived, view.cwnd <= most, || {
            format!("from {} to {} by an ACK of {arrived} octets", before.cwnd, view.cwnd)
        })
    }
}
