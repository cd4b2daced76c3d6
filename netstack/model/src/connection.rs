//! What is known of one connection of the judged host.

use std::collections::{BTreeSet, VecDeque};

use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::rules::Episode;
use crate::segment::{Flags, Segment, Stamps, Time};
use crate::seq::{Bounds, Line, Place, Ranges};
use crate::state::{State, States};
use crate::step::{Call, View};

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The judged host.
    Active,
    /// Its peer.
    Passive,
}

/// What is known of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) origin: Origin,
    /// The states it may be in.
    pub(crate) states: States,
    pub(crate) send: SendSide,
    pub(crate) recv: RecvSide,
    pub(crate) agreed: Agreed,
    pub(crate) user: User,
    pub(crate) owed: Owed,
    /// What the host showed last.
    pub(crate) view: Option<View>,
    /// When the last segment came that may have been used.
    pub(crate) heard_at: Time,
    /// When the last one came that was used for certain.
    pub(crate) heard_surely_at: Time,
    /// When the current set of states was entered.
    pub(crate) entered_at: Time,
    /// What has arrived since the link was last drained.
    pub(crate) turn: Vec<Segment>,
    /// Keepalive probes since something was heard.
    pub(crate) keepalives: u32,
    /// When the last one went out.
    pub(crate) keepalive_at: Option<Time>,
    /// SND.NXT of a connection of the same ends that was in TIME-WAIT.
    pub(crate) former_max: Option<u32>,
}

/// Our direction.
#[derive(Clone, Debug)]
pub(crate) struct SendSide {
    /// Our ISS, once a SYN of ours went out.
    pub(crate) line: Option<Line>,
    /// SND.UNA.
    pub(crate) una: Bounds,
    /// Behind the last that was ever sent: SND.NXT.
    pub(crate) max: Place,
    /// The rightmost edge that the peer ever gave.
    pub(crate) edge: Place,
    /// MAX.SND.WND.
    pub(crate) max_wnd: Bounds,
    /// SND.WND, where it is certain.
    pub(crate) wnd: Option<i64>,
    /// SND.WL1 and SND.WL2, or what may have become of them.
    pub(crate) wl: (Place, Place),
    /// Where our FIN lies.
    pub(crate) fin_at: Option<Place>,
    /// What is unacknowledged, in order: each range with its history.
    pub(crate) sent: Vec<Sent>,
    /// The text from `text_from` on.
    pub(crate) text: VecDeque<u8>,
    /// The place of the first octet of `text`.
    pub(crate) text_from: Place,
    /// What the peer has reported by SACK.
    pub(crate) sacked: Ranges,
    /// When SND.UNA moved last, or something was sent while nothing was in flight.
    pub(crate) moved_at: Time,
    /// When it may have moved last.
    pub(crate) may_have_moved_at: Time,
    /// When something was last sent again for a timeout, with the RTO before it.
    pub(crate) timeout_at: Option<Time>,
    /// Everything sent before it may be sent again: a timeout fired.
    pub(crate) given_up_until: Option<Time>,
    /// The end of what was out when a loss was repaired: until SND.UNA is there, holes are filled.
    pub(crate) recover: Option<Place>,
    /// The latest episode of repair.
    pub(crate) episode: Option<Episode>,
    /// The latest sending of anything that is known to have arrived.
    pub(crate) delivered_at: Option<Time>,
    /// The least timeout that the host showed since SND.UNA moved.
    pub(crate) rto_least: Option<Time>,
    /// Octets that went out for the first time in this turn.
    pub(crate) fresh: i64,
    /// Whether they may be a loss probe.
    pub(crate) fresh_as_probe: bool,
    /// The largest congestion window that these went out with.
    pub(crate) cwnd_fresh: i64,
    /// The congestion window that was shown before the last.
    pub(crate) cwnd_before: i64,
    /// The largest congestion window that was shown.
    pub(crate) cwnd_most: i64,
    /// Acknowledgments without progress since SND.UNA moved.
    pub(crate) duplicates: u32,
    /// What it was before it moved.
    pub(crate) duplicates_before: u32,
    /// SYNs or SYN-ACKs sent.
    pub(crate) syns: u32,
    /// When the last SYN went out.
    pub(crate) syn_at: Time,
    /// When the last SYN that nobody had asked for went out.
    pub(crate) syn_timer_at: Time,
    /// SYNs that went out because none was answered.
    pub(crate) syn_timeouts: u32,
    /// The least and the greatest round trip that was seen.
    pub(crate) rtt: Option<(Time, Time)>,
    /// What was sent too long for the path, and is sent again in pieces.
    pub(crate) cut: Option<(Place, Place)>,
    /// When the tail was probed last.
    pub(crate) probed_at: Option<Time>,
    /// When a closed window was probed last.
    pub(crate) probe_at: Option<Time>,
    /// When something was last sent.
    pub(crate) last_at: Time,
    /// Since when text waits for the peer's window, and for nothing else.
    pub(crate) waits_since: Option<Time>,
}

/// A range that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) start: Place,
    pub(crate) end: Place,
    /// When for the first time.
    pub(crate) first: Time,
    /// When for the last time.
    pub(crate) last: Time,
    /// How often.
    pub(crate) times: u32,
    /// Whether the path has become smaller since the last time.
    pub(crate) refused: bool,
}

/// The peer's direction.
#[derive(Clone, Debug)]
pub(crate) struct RecvSide {
    /// The peer's ISS, once its SYN came.
    pub(crate) line: Option<Line>,
    /// RCV.NXT.
    pub(crate) nxt: Bounds,
    /// What has arrived in a window.
    pub(crate) arrived: Ranges,
    /// Where its FIN may lie.
    pub(crate) fins: BTreeSet<Place>,
    /// Whether that is certain.
    pub(crate) fin_is_sure: bool,
    /// Whether what arrived ahead of a gap was kept for certain.
    pub(crate) ahead_is_sure: bool,
    /// The right edge as our segments have it.
    pub(crate) edge: Place,
    /// The right edge that the host showed: it may not have said so yet.
    pub(crate) edge_shown: Place,
    /// The window that our SYN offered.
    pub(crate) offered: i64,
    /// Whether a segment with another edge may wait for the link.
    pub(crate) unsaid: bool,
    /// When that began.
    pub(crate) unsaid_since: Time,
    /// The greatest acknowledgment that we sent.
    pub(crate) acked: Place,
    /// The longest text of a segment so far.
    pub(crate) largest: i64,
    /// The smallest path MTU that was shown.
    pub(crate) path_least: usize,
    /// The longest that was taken for certain.
    pub(crate) largest_sure: i64,
    /// Where the segment lay that came last ahead of a gap.
    pub(crate) newest: Option<(Place, Place)>,
    /// Whether it is certain that it was kept.
    pub(crate) newest_is_kept: bool,
    /// What arrived a second time since the last acknowledgment.
    pub(crate) twice: Ranges,
    /// Octets that the user has freed.
    pub(crate) consumed: i64,
}

/// What the handshake agreed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreed {
    /// The options of our SYN.
    pub(crate) ours: Option<crate::segment::Options>,
    /// The options of the peer's SYN.
    pub(crate) theirs: Option<crate::segment::Options>,
    /// TS.Recent, where it is certain.
    pub(crate) recent: Option<(u32, Time)>,
    /// Whether it is certain.
    pub(crate) recent_is_sure: bool,
    /// Every TSval that came and may have become TS.Recent.
    pub(crate) stamps: BTreeSet<u32>,
    /// Our latest TSval.
    pub(crate) latest: Option<u32>,
}

/// What the user has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    /// Octets queued, ever.
    pub(crate) queued: i64,
    /// Where each buffer of what is unacknowledged ends.
    pub(crate) ends: VecDeque<Place>,
    /// CLOSE, and when.
    pub(crate) closed_at: Option<Time>,
    /// CLOSE by a user that does not read any more.
    pub(crate) let_go_at: Option<Time>,
    /// ABORT.
    pub(crate) aborted: bool,
}

/// What we owe the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owed {
    /// An acknowledgment by that time, and why.
    pub(crate) ack: Option<(Time, Rule)>,
    /// A RST in this turn, and why.
    pub(crate) reset: Option<Rule>,
    /// Wrong ACKs of our SYN came in this turn: the rule that answers them.
    pub(crate) bad_ack: Option<Rule>,
    /// Segments since the last acknowledgment that each may be answered by one.
    pub(crate) reasons: u32,
    /// Octets in order since then.
    pub(crate) octets: i64,
    /// When challenges were due lately.
    pub(crate) challenges: VecDeque<Time>,
    /// When challenge ACKs went out lately.
    pub(crate) challenged: VecDeque<Time>,
    /// Whether what goes out may have waited for the link.
    pub(crate) late: bool,
    /// Whether something that acknowledges went out in this turn.
    pub(crate) said: bool,
    /// Whether the reasons are challenges, all of them.
    pub(crate) only_challenges: bool,
}

impl Owed {
    /// An acknowledgment is due at `at` at the latest.
    pub(crate) fn ack_by(&mut self, at: Time, rule: Rule) {
        self.reasons += 1;
        self.only_challenges = false;
        if self.ack.is_none_or(|(due, _)| at < due) {
            self.ack = Some((at, rule));
        }
    }

    /// An acknowledgment may go out.
    pub(crate) fn may_ack(&mut self) {
        self.reasons += 1;
        self.only_challenges = false;
    }
}

impl Connection {
    /// A connection of which nothing is known but that it begins.
    pub(crate) fn new(origin: Origin, state: State, at: Time) -> Self {
        Self {
            origin,
            states: States::only(state),
            send: SendSide::new(at),
            recv: RecvSide::new(),
            agreed: Agreed::default(),
            user: User::default(),
            owed: Owed::default(),
            view: None,
            heard_at: at,
            heard_surely_at: at,
            entered_at: at,
            turn: Vec::new(),
            keepalives: 0,
            keepalive_at: None,
            former_max: None,
        }
    }

    /// Whether the state is `state` for certain.
    pub(crate) fn is(&self, state: State) -> bool {
        self.states.known() == Some(state)
    }

    /// It may be in `state` as well.
    pub(crate) fn may_also_be(&mut self, state: State) {
        self.states.add(state);
    }

    /// It is in one of `states` now.
    pub(crate) fn enter(&mut self, states: States, at: Time) {
        // What only may have moved on may still be where it was, since then.
        let waits = states.has(State::TimeWait) && !self.states.has(State::TimeWait);
        if states != self.states && (waits || states.or(self.states) != states) {
            self.entered_at = at;
        }
        self.states = states;
    }

    /// Whether timestamps are used.
    pub(crate) fn stamped(&self) -> bool {
        let has = |options: &Option<crate::segment::Options>| {
            options.as_ref().is_some_and(|options| options.stamps.is_some())
        };
        has(&self.agreed.ours) && has(&self.agreed.theirs)
    }

    /// Whether SACK is used.
    pub(crate) fn selective(&self) -> bool {
        let has = |options: &Option<crate::segment::Options>| {
            options.as_ref().is_some_and(|options| options.sack_permitted)
        };
        has(&self.agreed.ours) && has(&self.agreed.theirs)
    }

    /// The shifts of our windows and of the peer's: both or none. RFC 7323 §2.2.
    pub(crate) fn shifts(&self) -> (u8, u8) {
        let of = |options: &Option<crate::segment::Options>| options.as_ref()?.scale;
        match (of(&self.agreed.ours), of(&self.agreed.theirs)) {
            // RFC 7323 §2.3: more than 14 counts as 14.
            (Some(ours), Some(theirs)) => (ours.min(14), theirs.min(14)),
            _ => (0, 0),
        }
    }

    /// A segment's place in the peer's direction.
    pub(crate) fn place_of(&self, segment: &Segment) -> Option<Place> {
        Some(self.recv.line?.place(segment.seq, self.recv.nxt.max))
    }

    /// The place that a segment acknowledges in our direction.
    pub(crate) fn ack_of(&self, segment: &Segment) -> Option<Place> {
        let line = self.send.line.filter(|_| segment.has(Flags::ACK))?;
        Some(line.place(segment.ack, self.send.max))
    }

    /// The timestamps of a segment, if they are used.
    pub(crate) fn stamps_of(&self, segment: &Segment) -> Option<Stamps> {
        segment.options.stamps.filter(|_| self.stamped())
    }

    /// A user call, and what it makes of the state. RFC 9293 §3.10.2 to 3.10.5.
    pub(crate) fn call(&mut self, court: &mut Court<'_>, call: Call) -> Judged {
        match call {
            Call::Open => {}
            Call::Send(octets) => {
                self.user.queued += octets;
                self.user.ends.push_back(1 + self.user.queued);
                let una = self.send.una.min;
                while self.user.ends.front().is_some_and(|end| *end <= una) {
                    self.user.ends.pop_front();
                }
            }
            Call::Consumed(octets) => {
                self.recv.consumed += octets;
                // A window update may follow.
                self.owed.may_ack();
            }
            Call::Shutdown => self.close(court),
            Call::LetGo => {
                self.close(court);
                self.user.let_go_at.get_or_insert(court.at);
                self.view = None;
                if self.states.has(State::SynSent) {
                    self.enter(States::only(State::Closed), court.at);
                }
            }
            Call::Abort => {
                self.user.aborted = true;
                let reset = self.states.known().is_some_and(|state| {
                    state.is_synchronized() && state != State::TimeWait
                        || state == State::SynReceived
                });
                if reset && self.view.is_some() {
                    self.owed.reset = Some(Rule::AbortSendsReset);
                }
                self.enter(States::only(State::Closed), court.at);
            }
        }
        Ok(())
    }

    fn close(&mut self, court: &mut Court<'_>) {
        if self.user.closed_at.is_none() {
            self.user.closed_at = Some(court.at);
            let after = self.states.map(State::on_close);
            if after != self.states {
                court.allow(Rule::CloseCallMoves);
            }
            self.enter(after, court.at);
        }
    }

    /// Whether everything that decides about a segment is certain.
    pub(crate) fn is_sure(&self) -> bool {
        self.states.known().is_some() && self.recv.nxt.is_exact() && self.send.una.is_exact()
    }
}

impl SendSide {
    fn new(at: Time) -> Self {
        Self {
            line: None,
            una: Bounds::exactly(0),
            max: 0,
            edge: 1,
            max_wnd: Bounds::exactly(0),
            wnd: None,
            wl: (-1, 0),
            fin_at: None,
            sent: Vec::new(),
            text: VecDeque::new(),
            text_from: 1,
            sacked: Ranges::default(),
            moved_at: at,
            may_have_moved_at: at,
            timeout_at: None,
            given_up_until: None,
            recover: None,
            episode: None,
            delivered_at: None,
            rto_least: None,
            fresh: 0,
            fresh_as_probe: false,
            cwnd_fresh: 0,
            cwnd_before: 0,
            cwnd_most: 0,
            duplicates: 0,
            duplicates_before: 0,
            syns: 0,
            syn_at: at,
            syn_timer_at: at,
            syn_timeouts: 0,
            rtt: None,
            cut: None,
            probed_at: None,
            probe_at: None,
            last_at: at,
            waits_since: None,
        }
    }
}

impl RecvSide {
    fn new() -> Self {
        Self {
            line: None,
            nxt: Bounds::exactly(0),
            arrived: Ranges::default(),
            fins: BTreeSet::new(),
            fin_is_sure: false,
            ahead_is_sure: true,
            edge: 0,
            edge_shown: 0,
            offered: 0,
            unsaid: false,
            unsaid_since: Time::ZERO,
            acked: 0,
            largest: 536,
            path_least: usize::MAX,
            largest_sure: 536,
            newest: None,
            newest_is_kept: false,
            twice: Ranges::default(),
            consumed: 0,
        }
    }

    /// RCV.WND as the peer knows it, for RCV.NXT at `nxt`.
    pub(crate) fn window(&self, nxt: Place) -> i64 {
        (self.edge - nxt).max(0)
    }
}
