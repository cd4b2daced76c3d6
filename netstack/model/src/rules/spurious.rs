//! Repair that was for nothing: how that may show, and what may follow. RFC 3522, RFC 4015, RFC 5682,
//! RFC 3708.

use super::sequence::older;
use crate::connection::{Connection, Sent};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Segment, Time};
use crate::seq::Place;
use crate::step::View;

/// One episode of repair.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Episode {
    /// When a timeout began it; `None` where a report of loss did.
    timeout_at: Option<Time>,
    /// SND.UNA when it began.
    una: Place,
    /// SND.NXT when it began.
    recover: Place,
    /// TSval of the first segment that it sent again.
    stamp: Option<u32>,
    /// Whether something has come that may show that it was for nothing.
    doubt: bool,
    /// Octets of new text ahead of what a timeout gave up.
    fresh: i64,
}

impl Connection {
    /// An episode begins with the repetition of a segment, or goes on with it.
    pub(crate) fn episode(&mut self, segment: &Segment, timeout_at: Option<Time>) {
        let (una, recover) = (self.send.una.min, self.send.max);
        let going_on = self.send.episode.is_some_and(|episode| una < episode.recover);
        if going_on && timeout_at.is_none() {
            return;
        }
        let stamp = segment.options.stamps.map(|stamps| stamps.value);
        self.send.episode =
            Some(Episode { timeout_at, una, recover, stamp, doubt: false, fresh: 0 });
    }

    /// What an acknowledgment says about the episode: an echo from before it, something sent again
    /// that came twice, something that was sent once and has arrived.
    pub(crate) fn doubt(&mut self, segment: &Segment, ack: Place) {
        let line = self.send.line;
        let (max, una) = (self.send.max, self.send.una.min);
        let twice = segment.options.sack.first().is_some_and(|&(left, right)| {
            line.is_some_and(|line| {
                let (left, right) = (line.place(left, max), line.place(right, max));
                let next = segment.options.sack.get(1);
                let within = next.is_some_and(|&(outer, end)| {
                    line.place(outer, max) <= left && right <= line.place(end, max)
                });
                left < ack || within
            })
        });
        let Some(mut episode) = self.send.episode else { return };
        let echo = segment.options.stamps.map(|stamps| stamps.echo);
        let early = match (echo, episode.stamp) {
            (Some(echo), Some(stamp)) => older(echo, stamp),
            _ => false,
        };
        let reported = |sent: &Sent| {
            let sacks = segment.options.sack.iter();
            sent.start < ack
                || sacks.into_iter().any(|&(left, right)| {
                    line.is_some_and(|line| {
                        line.place(left, max) < sent.end && sent.start < line.place(right, max)
                    })
                })
        };
        let once = una > episode.una
            && self
                .send
                .sent
                .iter()
                .any(|sent| sent.times == 1 && sent.start < episode.recover && reported(sent));
        episode.doubt |= twice || (early && ack > una) || (once && episode.timeout_at.is_some());
        self.send.episode = Some(episode);
    }

    /// Text goes out for the first time while something that a timeout gave up was not sent again:
    /// two segments at most, when the first answer has come; they tell whether the rest was lost.
    /// RFC 5682 §2.1, §3.1, step 2b.
    pub(crate) fn new_text_after_timeout(&mut self, court: &mut Court<'_>, octets: i64) -> Judged {
        let Some(view) = self.view else { return Ok(()) };
        let Some(mut episode) = self.send.episode.filter(|episode| !episode.doubt) else {
            return Ok(());
        };
        let Some(at) = episode.timeout_at else { return Ok(()) };
        let given_up = self.send.sent.iter().any(|sent| {
            sent.last < at
                && sent.start < episode.recover
                && !self.send.sacked.covers(sent.start, sent.end)
        });
        if !given_up {
            return Ok(());
        }
        episode.fresh += octets;
        self.send.episode = Some(episode);
        let answered = self.send.una.max > episode.una;
        // A FIN is one more.
        let few = episode.fresh <= 2 * view.mss + 1;
        court.require(Rule::NewTextTestsATimeout, answered && few, || {
            format!("{} octets after the timeout at {at:?}, una {:?}", episode.fresh, self.send.una)
        })
    }

    /// The congestion window has grown by more than what has arrived: what was taken back is what an
    /// episode of repair had cost for nothing. RFC 4015 §3, RFC 5682 §4, RFC 3708 §3.
    pub(crate) fn window_came_back(
        &self,
        court: &mut Court<'_>,
        before: &View,
        view: &View,
    ) -> Judged {
        let episode = self.send.episode;
        // The end of fast recovery sets the window to the threshold, which may be more.
        let fast = episode.is_some_and(|episode| episode.timeout_at.is_none());
        let doubt = episode.is_none_or(|episode| episode.doubt);
        if fast && !doubt {
            return Ok(());
        }
        court.require(Rule::NeedlessRepairIsTakenBack, doubt, || {
            format!("the window went from {} to {}: {episode:?}", before.cwnd, view.cwnd)
        })
    }
}
