//! What the host shows must be one of the things that it can be.

use crate::connection::Connection;
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::seq::{Bounds, Line, Place};
use crate::state::{State, States};
use crate::step::{Label, Link, View};

impl Connection {
    /// The host shows `view` after `label`.
    pub(crate) fn shown(&mut self, court: &mut Court<'_>, view: &View, label: &Label) -> Judged {
        if self.user.let_go_at.is_some() {
            return Ok(());
        }
        let drained = matches!(label, Label::Transmit(Link::Drained));
        self.shown_numbers(court, view, drained)?;
        self.settle_fin(court);
        self.shown_state(court, view, label)?;
        if view.state == State::Closed || view.state == State::TimeWait {
            self.view = None;
            return Ok(());
        }
        self.recv.path_least = self.recv.path_least.min(view.path_mtu);
        let before = self.view.replace(*view);
        if let Some(before) = before {
            self.shown_congestion(court, &before, view, label)?;
        }
        self.shown_timeout(court, before.as_ref(), view)?;
        if before.is_some_and(|before| view.path_mtu < before.path_mtu || view.mss < before.mss) {
            // What did not fit is cut anew and sent again. RFC 1191 §6.4.
            court.allow(Rule::SmallerPathRepeats);
            self.send.sent.iter_mut().for_each(|sent| sent.refused = true);
        }
        Ok(())
    }

    /// SND.UNA, SND.NXT, RCV.NXT and the windows.
    fn shown_numbers(&mut self, court: &mut Court<'_>, view: &View, drained: bool) -> Judged {
        if let Some(line) = self.send.line {
            let una = line.place(view.snd_una, self.send.una.max);
            exact(court, Rule::ShownSndUna, &mut self.send.una, una)?;
            self.forget_acked();
            let nxt = line.place(view.snd_nxt, self.send.max);
            let max = self.send.max;
            court.require(Rule::ShownSndNxt, nxt == max, || {
                format!("SND.NXT is {nxt}, sent was up to {max}")
            })?;
        }
        if let Some(line) = self.recv.line
            && view.state != State::SynSent
        {
            let nxt = line.place(view.rcv_nxt, self.recv.nxt.max);
            self.recv.edge_shown = nxt + view.rcv_wnd;
            exact(court, Rule::ShownRcvNxt, &mut self.recv.nxt, nxt)?;
            let over = self.fin_taken() || self.recv.fins.contains(&(nxt - 1));
            if !over && view.state != State::Closed && self.send.line.is_some() {
                let window = self.recv.window(nxt);
                // What is less than the unit can't be said; what the link did not take is not said
                // yet.
                let unit = 1i64 << self.shifts().0;
                let more = view.rcv_wnd - window;
                let same = 0 <= more && (more < unit || self.recv.unsaid || !drained);
                court.require(Rule::ShownWindowIsTheAdvertised, same, || {
                    format!("RCV.WND is {}, advertised was {window}", view.rcv_wnd)
                })?;
            }
        }
        if let Some(window) = self.send.wnd
            && view.state.is_synchronized()
        {
            court.require(Rule::ShownSndWnd, view.snd_wnd == window, || {
                format!("SND.WND is {}, the newest segment had {window}", view.snd_wnd)
            })?;
        }
        Ok(())
    }

    /// The state. RFC 9293 §3.3.2.
    fn shown_state(&mut self, court: &mut Court<'_>, view: &View, label: &Label) -> Judged {
        let mut possible = self.states;
        if matches!(label, Label::Timers | Label::IcmpError) && self.may_be_given_up(court) {
            possible.add(State::Closed);
        }
        let states = possible;
        court.require(Rule::ShownState, states.has(view.state), || {
            format!("{:?}, possible are {states}", view.state)
        })?;
        self.enter(States::only(view.state), court.at);
        Ok(())
    }
}

/// A number that was within bounds is known now.
fn exact(court: &mut Court<'_>, rule: Rule, bounds: &mut Bounds, place: Place) -> Judged {
    let Bounds { min, max } = *bounds;
    court.require(rule, min <= place && place <= max, || {
        format!("{place}, possible are {min}..={max}")
    })?;
    *bounds = Bounds::exactly(place);
    Ok(())
}

impl View {
    /// One line about it.
    pub(crate) fn line(&self) -> String {
        let Self { state, snd_una, snd_nxt, rcv_nxt, snd_wnd, rcv_wnd, cwnd, flight, .. } = self;
        let Self { mss, srtt, rto, backoff, timer, .. } = self;
        format!(
            "{state:?} una {snd_una} nxt {snd_nxt} wnd {snd_wnd} rcv {rcv_nxt}+{rcv_wnd} \
             cwnd {cwnd} flight {flight} mss {mss} srtt {srtt:?} rto {rto:?}x{backoff} timer {timer:?}"
        )
    }
}

impl Connection {
    /// One line about what is known.
    pub(crate) fn line(&self) -> String {
        let Self { states, send, recv, owed, .. } = self;
        let isn = |line: Option<Line>| line.map(Line::origin);
        let arrived: Vec<_> = recv.arrived.iter().collect();
        format!(
            "{states}; ISS {:?} una {:?} max {} edge {} queued {} fin {:?}; IRS {:?} nxt {:?} \
             edge {} acked {} fins {:?} arrived {arrived:?}; owed {:?} reasons {}",
            isn(send.line),
            send.una,
            send.max,
            send.edge,
            self.user.queued,
            send.fin_at,
            isn(recv.line),
            recv.nxt,
            recv.edge,
            recv.acked,
            recv.fins,
            owed.ack,
            owed.reasons,
        )
    }
}
