//! The judge of one host: from steps to its connections.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;

use crate::connection::{Connection, Origin};
use crate::court::{Court, Fired, Judged, Violation};
use crate::profile::Profile;
use crate::rule::Rule;
use crate::rules::reset::sent_reset;
use crate::segment::{Flags, Flow, Form, Segment, Time};
use crate::state::State;
use crate::step::{Call, Label, Link, Step, View};

/// The judge of one host.
#[derive(Clone, Debug)]
pub struct Host {
    profile: Profile,
    /// Ports with a listener.
    listening: BTreeSet<SocketAddr>,
    connections: BTreeMap<Flow, Connection>,
    /// Segments of this turn that belonged to no connection.
    strays: Vec<(Flow, Segment)>,
    /// Connections that made room in this turn: what they had to say may still go out.
    former: BTreeMap<Flow, Connection>,
    /// Connections with something that may be due when the link is drained.
    dirty: BTreeSet<Flow>,
    /// When every connection was last looked at.
    swept_at: Time,
    fired: Fired,
    /// The last steps.
    trace: VecDeque<Step>,
}

/// A violation, with the steps that led to it.
#[derive(Debug)]
pub struct Indictment {
    /// What was broken.
    pub violation: Violation,
    /// What the judge knew of the connection, and the last steps of it.
    pub trace: String,
}

impl fmt::Display for Indictment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.violation, self.trace)
    }
}

impl std::error::Error for Indictment {}

impl Host {
    /// The judge of a host without listeners and connections.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            listening: BTreeSet::new(),
            connections: BTreeMap::new(),
            strays: Vec::new(),
            former: BTreeMap::new(),
            dirty: BTreeSet::new(),
            swept_at: Time::ZERO,
            fired: Fired::default(),
            trace: VecDeque::new(),
        }
    }

    /// The host listens there.
    pub fn listen(&mut self, address: SocketAddr) {
        self.listening.insert(address);
    }

    /// The host does not listen there any more.
    pub fn unlisten(&mut self, address: SocketAddr) {
        self.listening.remove(&address);
    }

    /// Which rules fired so far, and in the last step.
    #[must_use]
    pub const fn fired(&self) -> &Fired {
        &self.fired
    }

    /// Judges a step: the rules that allow it.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn judge(&mut self, step: Step) -> Result<&[Rule], Box<Indictment>> {
        self.fired.start_step();
        let result = self.rule_on(&step);
        if self.trace.len() == TRACE_STEPS {
            self.trace.pop_front();
        }
        self.trace.push_back(step);
        match result {
            Ok(()) => Ok(self.fired.latest()),
            Err((flow, violation)) => {
                let trace = self.describe(flow);
                Err(Box::new(Indictment { violation, trace }))
            }
        }
    }

    fn rule_on(&mut self, step: &Step) -> Result<(), (Option<Flow>, Violation)> {
        let at = step.at;
        match &step.label {
            Label::Segment(flow, segment) => {
                self.dirty.insert(*flow);
                self.arrived(at, *flow, segment).map_err(|broken| (Some(*flow), broken))?;
            }
            Label::Call(flow, call) => {
                self.dirty.insert(*flow);
                self.called(at, *flow, *call).map_err(|broken| (Some(*flow), broken))?;
            }
            Label::Event(flow, event) => {
                self.with(at, *flow, |connection, court| connection.event(court, *event))
                    .map_err(|broken| (Some(*flow), broken))?;
            }
            Label::Timers => self.timers(at)?,
            Label::Noise | Label::IcmpError | Label::Transmit(_) => {}
        }
        for (flow, segment) in &step.out {
            self.dirty.insert(*flow);
            self.sent(at, *flow, segment).map_err(|broken| (Some(*flow), broken))?;
        }
        if matches!(step.label, Label::Transmit(Link::Full)) {
            // Somebody has something to say that the link did not take.
            for connection in self.connections.values_mut() {
                if !std::mem::replace(&mut connection.recv.unsaid, true) {
                    connection.recv.unsaid_since = at;
                }
            }
        }
        for (flow, view) in &step.after {
            self.dirty.insert(*flow);
            self.shown(at, *flow, view, &step.label).map_err(|broken| (Some(*flow), broken))?;
        }
        if matches!(step.label, Label::Transmit(Link::Drained)) {
            self.drained(at)?;
        }
        Ok(())
    }

    /// Asks a connection, if there is one.
    fn with(
        &mut self,
        at: Time,
        flow: Flow,
        ask: impl FnOnce(&mut Connection, &mut Court<'_>) -> Judged,
    ) -> Judged {
        let Self { connections, profile, fired, .. } = self;
        let mut court = Court { at, profile, fired };
        connections.get_mut(&flow).map_or(Ok(()), |connection| ask(connection, &mut court))
    }

    /// A segment arrived.
    fn arrived(&mut self, at: Time, flow: Flow, segment: &Segment) -> Judged {
        let is_syn = segment.has(Flags::SYN) && !segment.has(Flags::ACK);
        let listens = self.listens(flow.local);
        let Self { former, profile, fired, .. } = self;
        if let Some(former) = former.get_mut(&flow) {
            // Whether it made room is known when the new one answers.
            former.arrived(&mut Court { at, profile, fired }, segment)?;
        }
        if let Some(connection) = self.connections.get_mut(&flow) {
            let closed = connection.states.has(State::Closed);
            // Of two SYNs in one turn the first counts.
            let begins = connection.send.syns == 0 && !connection.is(State::Closed);
            let replaced = closed && is_syn && !begins;
            let reused = listens && connection.is_reused_by(segment);
            if !(replaced || reused) {
                connection.turn.push(segment.clone());
                if closed {
                    self.strays.push((flow, segment.clone()));
                }
                return self.with(at, flow, |connection, court| connection.arrived(court, segment));
            }
        }
        self.strays.push((flow, segment.clone()));
        if listens && is_syn && !segment.has(Flags::RST) {
            // LISTEN: a connection may begin. RFC 9293 §3.10.7.2.
            let former = self.connections.remove(&flow);
            let fresh = Connection::from_syn(segment, at, former.as_ref());
            self.connections.insert(flow, fresh);
            self.former.extend(former.map(|former| (flow, former)));
        } else if let Some(mut former) = self.connections.remove(&flow) {
            // Nobody waits there: what was in TIME-WAIT has made room for nothing.
            if segment.form == Form::Odd {
                former.may_also_be(State::Closed);
                self.connections.insert(flow, former);
            } else {
                let Self { profile, fired, .. } = self;
                former.turn.push(segment.clone());
                former.arrived(&mut Court { at, profile, fired }, segment)?;
                self.former.insert(flow, former);
            }
        }
        Ok(())
    }

    /// Whether somebody waits at `address`.
    fn listens(&self, address: SocketAddr) -> bool {
        self.listening.contains(&address)
            || self.listening.iter().any(|listening| {
                listening.ip().is_unspecified() && listening.port() == address.port()
            })
    }

    fn called(&mut self, at: Time, flow: Flow, call: Call) -> Judged {
        if call == Call::Open {
            let fresh = Connection::new(Origin::Active, State::SynSent, at);
            self.connections.insert(flow, fresh);
        }
        self.with(at, flow, |connection, court| connection.call(court, call))
    }

    /// A segment went out.
    fn sent(&mut self, at: Time, flow: Flow, segment: &Segment) -> Judged {
        let Self { connections, profile, fired, strays, former, .. } = self;
        let mut court = Court { at, profile, fired };
        court.require(Rule::SegmentsAreWellFormed, segment.form == Form::Right, || {
            format!("odd segment: {}", segment.line())
        })?;
        let connection = connections.get_mut(&flow);
        if segment.has(Flags::RST) {
            let mut ask = |who| sent_reset(&mut court, who, strays, flow, segment);
            // What made room may have had something to say before.
            if let Some(former) = former.get_mut(&flow)
                && ask(Some(former)).is_ok()
            {
                return Ok(());
            }
            return ask(connection);
        }
        let is_new = |connection: &Connection| connection.send.syns > 0 || segment.has(Flags::SYN);
        let of_former = connection.as_ref().is_none_or(|connection| !is_new(connection));
        let connection = if of_former { former.get_mut(&flow).or(connection) } else { connection };
        match connection {
            Some(connection) => connection.sent(&mut court, segment),
            None => court.require(Rule::OnlyConnectionsSend, false, || {
                format!("no connection, and yet: {}", segment.line())
            }),
        }
    }

    /// What the host shows of a connection.
    fn shown(&mut self, at: Time, flow: Flow, view: &View, label: &Label) -> Judged {
        self.with(at, flow, |connection, court| connection.shown(court, view, label))
    }

    /// Forgets a connection that is over.
    fn bury(&mut self, flow: Flow) {
        let over = self.connections.get(&flow).is_some_and(|connection| {
            connection.is(State::Closed) && connection.owed.reset.is_none()
        });
        if over {
            self.connections.remove(&flow);
        }
    }

    fn timers(&mut self, at: Time) -> Result<(), (Option<Flow>, Violation)> {
        let Self { connections, profile, fired, .. } = self;
        let mut court = Court { at, profile, fired };
        for (flow, connection) in connections.iter_mut() {
            connection.time_passed(&mut court).map_err(|broken| (Some(*flow), broken))?;
        }
        Ok(())
    }

    /// All that was due is out.
    fn drained(&mut self, at: Time) -> Result<(), (Option<Flow>, Violation)> {
        let everything = at.saturating_sub(self.swept_at) >= SWEEP;
        if everything {
            self.swept_at = at;
            self.dirty.extend(self.connections.keys());
        }
        for (flow, former) in std::mem::take(&mut self.former) {
            let unanswered = |new: &Connection| new.send.syns == 0;
            let was_waiting = former.states.has(State::TimeWait);
            // Who said something, and no RST, was there.
            let spoke = former.owed.said && !former.is(State::Closed);
            let lives = match self.connections.get(&flow) {
                Some(new) => unanswered(new) && (was_waiting || spoke),
                None => spoke,
            };
            if lives {
                self.connections.insert(flow, former);
            }
        }
        for flow in std::mem::take(&mut self.dirty) {
            self.with(at, flow, |connection, court| connection.drained(court))
                .map_err(|broken| (Some(flow), broken))?;
            self.bury(flow);
        }
        self.strays.clear();
        Ok(())
    }

    /// What is known of a connection, and its last steps.
    fn describe(&self, flow: Option<Flow>) -> String {
        let mut text = String::new();
        for step in &self.trace {
            let concerns = |about: &Flow| flow.is_none_or(|flow| flow == *about);
            let what = match &step.label {
                Label::Segment(about, segment) if concerns(about) => {
                    format!("<- {}", segment.line())
                }
                Label::Call(about, call) if concerns(about) => format!("call {call:?}"),
                Label::Event(about, event) if concerns(about) => format!("event {event:?}"),
                Label::Segment(..) | Label::Call(..) | Label::Event(..) => continue,
                Label::Transmit(Link::Full) => "(link full)".to_owned(),
                Label::Timers => "(timers)".to_owned(),
                Label::IcmpError => "(ICMP error)".to_owned(),
                Label::Noise => continue,
                Label::Transmit(Link::Drained) => String::new(),
            };
            if !what.is_empty() {
                text += &format!("{:?} {what}\n", step.at);
            }
            for (_, segment) in step.out.iter().filter(|(about, _)| concerns(about)) {
                text += &format!("{:?} -> {}\n", step.at, segment.line());
            }
            for (_, view) in step.after.iter().filter(|(about, _)| concerns(about)) {
                text += &format!("      {}\n", view.line());
            }
        }
        if let Some(connection) = flow.and_then(|flow| self.connections.get(&flow)) {
            text += &format!("{flow:?}\n{}\n", connection.line());
        }
        text
    }
}

/// Steps that an indictment shows.
const TRACE_STEPS: usize = 60;
/// How often connections are looked at to which nothing happens.
const SWEEP: Time = Time::from_millis(100);
