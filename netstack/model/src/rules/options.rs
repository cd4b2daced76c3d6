//! Options: what is negotiated, and how it is used. RFC 9293 §3.7.1, RFC 7323, 2018, 2883, 6691.

use super::sequence::older;
use crate::connection::{Connection, Origin};
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::segment::{Flags, Segment};
use crate::seq::Place;

impl Connection {
    /// The options of a SYN or SYN-ACK of ours.
    pub(crate) fn syn_options(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        let options = &segment.options;
        let is_answer = segment.has(Flags::ACK);
        let headers = segment.packet_octets - options.octets;
        let fits = options.mss.is_some_and(|mss| usize::from(mss) + headers <= court.profile.mtu);
        court.require(Rule::MssOptionFitsTheLink, fits, || segment.line())?;
        let scale = options.scale.unwrap_or(0);
        court.require(Rule::ScaleIsAtMost14, scale <= 14, || segment.line())?;
        if let Some(theirs) = self.agreed.theirs.as_ref().filter(|_| is_answer) {
            let only_asked = (options.scale.is_none() || theirs.scale.is_some())
                && (!options.sack_permitted || theirs.sack_permitted)
                && (options.stamps.is_none() || theirs.stamps.is_some());
            // When SYNs cross, ours has offered what it has.
            let crossed = self.origin == Origin::Active;
            court.require(Rule::SynAckOnlyOffersWhatWasAsked, only_asked || crossed, || {
                format!("to {theirs:?}: {}", segment.line())
            })?;
        }
        if let Some(stamps) = options.stamps {
            let heard = self.agreed.recent.map_or(0, |(recent, _)| recent);
            let of_turn = |syn: &Segment| {
                let theirs = syn.options.stamps.filter(|_| syn.has(Flags::SYN));
                theirs.is_some_and(|theirs| theirs.value == stamps.echo)
            };
            // A cookie answers the SYN that came last, whatever came before.
            let of_turn = self.turn.iter().any(of_turn);
            let of_syn = self.agreed.theirs.as_ref().and_then(|theirs| theirs.stamps);
            let of_syn = of_syn.is_some_and(|theirs| theirs.value == stamps.echo);
            let answers = stamps.echo == heard || of_turn || of_syn;
            let right = if is_answer { answers } else { stamps.echo == 0 };
            court.require(Rule::SynEchoIsRight, right || !self.agreed.recent_is_sure, || {
                format!("heard was {heard}: {}", segment.line())
            })?;
            self.agreed.latest = Some(stamps.value);
        }
        if self.agreed.theirs.is_some() {
            court.allow(Rule::OptionsAreAgreed);
        }
        if self.agreed.ours.is_none() || is_answer {
            self.agreed.ours = Some(options.clone());
        }
        Ok(())
    }

    /// The options of any other segment of ours. `ack`: the place that it acknowledges.
    pub(crate) fn segment_options(
        &mut self,
        court: &mut Court<'_>,
        segment: &Segment,
        ack: Place,
    ) -> Judged {
        let options = &segment.options;
        let stray = options.mss.is_some() || options.scale.is_some() || options.sack_permitted;
        court.require(Rule::SynOptionsOnlyOnSyns, !stray, || segment.line())?;
        self.stamps(court, segment)?;
        if !options.sack.is_empty() {
            court.require(Rule::SackOnlyIfAgreed, self.selective(), || segment.line())?;
            self.blocks(court, segment, ack)?;
        }
        self.sizes(court, segment)
    }

    /// RFC 7323 §3.2: once agreed, every segment has them; TSval never goes back, and TSecr is
    /// TS.Recent.
    fn stamps(&mut self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        let agreed = self.stamped();
        let stamps = segment.options.stamps;
        court.require(Rule::StampsAlwaysIfAgreed, stamps.is_some() == agreed, || {
            format!("agreed: {agreed}: {}", segment.line())
        })?;
        let Some(stamps) = stamps else { return Ok(()) };
        let forward = self.agreed.latest.is_none_or(|latest| !older(stamps.value, latest));
        court.require(Rule::StampsNeverGoBack, forward, || {
            format!("{:?} went out before {}", self.agreed.latest, segment.line())
        })?;
        self.agreed.latest = Some(stamps.value);
        // An ACK that was built in the middle of this turn had its own Last.ACK.sent.
        let here = |segment: &Segment| {
            segment.options.stamps.is_some_and(|theirs| theirs.value == stamps.echo)
        };
        let of_turn = self.turn.iter().any(here);
        let right = match self.agreed.recent {
            Some((recent, _)) if self.agreed.recent_is_sure => {
                let before = self.turn.len() > 1 && self.knows_stamp(stamps.echo);
                stamps.echo == recent || of_turn || before
            }
            _ => self.knows_stamp(stamps.echo) || of_turn,
        };
        if let Some((recent, at)) = &mut self.agreed.recent
            && of_turn
            && older(*recent, stamps.echo)
        {
            (*recent, *at) = (stamps.echo, court.at);
            self.agreed.stamps.insert(stamps.echo);
        }
        court.require(Rule::EchoIsTheRecentStamp, right, || {
            format!("recent is {:?}: {}", self.agreed.recent, segment.line())
        })
    }

    fn knows_stamp(&self, stamp: u32) -> bool {
        self.agreed.stamps.contains(&stamp)
    }

    /// RFC 2018 §4, RFC 2883 §4: what was received, the newest first; a block that reports what
    /// came twice may be before it.
    fn blocks(&mut self, court: &mut Court<'_>, segment: &Segment, ack: Place) -> Judged {
        let Some(line) = self.recv.line else { return Ok(()) };
        let near = self.recv.nxt.max;
        // Half of the circle away both directions are as near: beyond the window nothing arrives.
        let edge = self.recv.edge.max(self.recv.edge_shown).max(near);
        let place = |number| line.place(number, near);
        let before = |left: Place| if left > edge { -(1 << 32) } else { 0 };
        let places = segment.options.sack.iter();
        let blocks: Vec<(Place, Place)> = places
            .map(|&(left, right)| (place(left), place(right)))
            .map(|(left, right)| (left + before(left), right + before(left)))
            .collect();
        let is_twice = |&(left, right): &(Place, Place)| {
            right <= ack || blocks.iter().skip(1).any(|&(l, r)| l <= left && right <= r)
        };
        let twice = blocks.first().copied().filter(is_twice);
        if let Some((left, right)) = twice {
            let known = self.recv.twice.covers(left, right);
            court.require(Rule::DuplicateSackReportsWhatCameTwice, known, || {
                format!("{left}..{right} did not come twice: {}", segment.line())
            })?;
        }
        let reports = blocks.iter().skip(usize::from(twice.is_some()));
        for &(left, right) in reports.clone() {
            let held = ack < left && left < right && self.recv.arrived.covers(left, right);
            court.require(Rule::SackReportsWhatIsHeld, held, || {
                let arrived: Vec<_> = self.recv.arrived.iter().collect();
                format!("{left}..{right} of {arrived:?}, ack {ack}: {}", segment.line())
            })?;
        }
        let newest = self.recv.newest.filter(|&(left, _)| left > ack && self.turn.len() <= 1);
        // RFC 2883 §4, (4): what holds the duplicate stands before it.
        let holds = twice.is_some_and(|(left, _)| left >= ack);
        let mut first = reports.take(1 + usize::from(holds)).peekable();
        if let (Some((left, right)), Some(_)) = (newest, first.peek())
            && self.is_sure()
            && self.recv.newest_is_kept
        {
            let first = first.any(|&(start, end)| start <= left && right <= end);
            court.require(Rule::SackReportsTheNewestFirst, first, || {
                format!("{left}..{right} came last: {}", segment.line())
            })?;
        }
        Ok(())
    }

    /// RFC 9293 §3.7.1, RFC 6691: text and options together are at most the peer's MSS, and the
    /// packet is at most what the link takes.
    fn sizes(&self, court: &mut Court<'_>, segment: &Segment) -> Judged {
        let fits = segment.packet_octets <= court.profile.mtu;
        court.require(Rule::PacketFitsTheLink, fits, || segment.line())?;
        if segment.text.is_empty() {
            return Ok(());
        }
        // Without the option 536 over IPv4 and 1220 over IPv6, whose header is 20 longer. RFC 9293
        // §3.7.1.
        let headers = segment.packet_octets - segment.options.octets - segment.text.len();
        let default = if headers > 40 { 1_220 } else { 536 };
        let theirs = self.agreed.theirs.as_ref().and_then(|theirs| theirs.mss).unwrap_or(default);
        // Less than a header is no size to send text in.
        let theirs = usize::from(theirs).max(LEAST_MSS);
        let octets = segment.text.len() + segment.options.octets;
        court.require(Rule::SegmentFitsTheMss, octets <= theirs, || {
            format!("{octets} octets, the peer takes {theirs}: {}", segment.line())
        })
    }
}

/// An MSS below this is not taken at its word.
const LEAST_MSS: usize = 88;
