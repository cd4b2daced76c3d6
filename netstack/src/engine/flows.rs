//! The flow table's three kinds of entries: connections, half-open ones, TIME-WAIT records.

use super::Engine;
use super::config::SynCookies;
use super::cookies::Admission;
use super::drops::DropReason;
use super::event::ListenerId;
use super::listener::Listener;
use super::payload::{Buffer, Frame};
use super::reply::Reply;
use super::settle::Entry;
use super::time_wait::{TimeWaitRecord, TimeWaitStep};
use crate::tcp::ecn::{EcnOffer, OfferedAgain};
use crate::tcp::ends::Ends;
use crate::tcp::header::Route;
use crate::tcp::input::Incoming;
use crate::tcp::input::closed::reset_for;
use crate::tcp::input::listen::{Answer, HalfOpen, HalfOpenStep};
use crate::tcp::segment::{FourTuple, Options, Segment};
use crate::tcp::seq::SeqNum;
use crate::tcp::state::TcpState;
use crate::time::Instant;

/// What a 4-tuple belongs to, by its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Connection(u32),
    HalfOpen(u32),
    TimeWait(u32),
}

/// Where a new connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// From this half-open one, whose places it takes.
    Of(u32),
    /// From nothing that was kept.
    New,
}

impl Flow {
    /// Upper bits tell the tables apart: 2^30 slots each.
    const KIND_SHIFT: u32 = 30;

    /// The number that the flow table keeps.
    const fn number(self) -> u32 {
        match self {
            Self::Connection(slot) => slot,
            Self::HalfOpen(slot) => slot | 1 << Self::KIND_SHIFT,
            Self::TimeWait(slot) => slot | 2 << Self::KIND_SHIFT,
        }
    }

    /// What the flow table's number means.
    const fn from_number(number: u32) -> Self {
        let slot = number & ((1 << Self::KIND_SHIFT) - 1);
        match number >> Self::KIND_SHIFT {
            0 => Self::Connection(slot),
            1 => Self::HalfOpen(slot),
            _ => Self::TimeWait(slot),
        }
    }
}

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// What a 4-tuple belongs to.
    pub(super) fn find_flow(&self, tuple: &FourTuple) -> Option<Flow> {
        let ends = Ends::of(tuple);
        let is_it = |number| match Flow::from_number(number) {
            Flow::Connection(slot) => self.is_between(slot, &ends),
            Flow::HalfOpen(number) => self.half_open.tuple(number).as_ref() == Some(tuple),
            Flow::TimeWait(number) => self.record(number).is_some_and(|it| it.tuple == *tuple),
        };
        self.flows.find(self.hasher.hash(&ends), is_it).map(Flow::from_number)
    }

    /// The slot of the connection between these two.
    #[inline]
    pub(super) fn find_connection(&self, ends: &Ends) -> Option<u32> {
        let is_it = |number| match Flow::from_number(number) {
            Flow::Connection(slot) => self.is_between(slot, ends),
            Flow::HalfOpen(_) | Flow::TimeWait(_) => false,
        };
        self.flows.find(self.hasher.hash(ends), is_it)
    }

    /// Whether the connection in a slot is one between these two.
    #[inline]
    fn is_between(&self, slot: u32, ends: &Ends) -> bool {
        self.connections.get_at(slot).is_some_and(|(_, entry)| entry.tcb.ends == *ends)
    }

    /// Enters a flow; `None` when the table is full, which the tables' own limits prevent.
    pub(super) fn add_flow(&mut self, tuple: &FourTuple, flow: Flow) -> Option<()> {
        self.flows.insert(self.hasher.hash(&Ends::of(tuple)), flow.number()).ok()
    }

    /// Takes a flow out.
    pub(super) fn remove_flow(&mut self, tuple: &FourTuple, flow: Flow) {
        let removed = self.flows.remove(self.hasher.hash(&Ends::of(tuple)), flow.number());
        debug_assert!(removed.is_some(), "a flow is in the table until it is taken out");
    }

    /// A SYN for a listener: a half-open connection, a cookie, or a reason why not.
    pub(super) fn on_syn(&mut self, now: Instant, segment: &Segment, route: Route) {
        let iss = self.secrets.isn(now, &segment.tuple);
        let Some(half_open) = self.half_open_of(now, segment, route, iss) else { return };
        let result = match self.admit(half_open.listener) {
            Ok(Admission::HalfOpen) => match self.start_half_open(now, half_open) {
                // Peers have come from too many different link addresses.
                Err(DropReason::HalfOpenFull) if self.config.tcp.syn_cookies != SynCookies::Off => {
                    self.send_cookie(now, half_open);
                    Ok(())
                }
                result => result,
            },
            Ok(Admission::Cookie) => {
                self.send_cookie(now, half_open);
                Ok(())
            }
            Err(reason) => Err(reason),
        };
        if let Err(reason) = result {
            self.counters.count_drop(reason);
        }
    }

    /// A SYN that takes the place of a record in TIME-WAIT. A cookie is no answer: its number can't
    /// be chosen, and here it has to lie above the old ones.
    fn on_syn_again(&mut self, now: Instant, segment: &Segment, route: Route, iss: SeqNum) {
        let Some(half_open) = self.half_open_of(now, segment, route, iss) else { return };
        let admitted = match self.listeners.get(half_open.listener) {
            Some(listener) if listener.is_half_open_full() => Err(DropReason::HalfOpenFull),
            Some(listener) => listener.takes_connection(),
            None => Err(DropReason::NoListener),
        };
        if let Err(reason) = admitted.and_then(|()| self.start_half_open(now, half_open)) {
            self.counters.count_drop(reason);
        }
    }

    /// What a SYN asks for; `None` if nobody waits there, which it has been told then.
    fn half_open_of(
        &mut self,
        now: Instant,
        segment: &Segment,
        route: Route,
        iss: SeqNum,
    ) -> Option<HalfOpen> {
        let tuple = segment.tuple;
        let Some(listener) = self.listeners.find(tuple.local) else {
            self.refuse(segment, route, DropReason::NoListener);
            return None;
        };
        let Options::Syn(options) = segment.options else { return None };
        Some(HalfOpen {
            tuple,
            route,
            listener,
            iss,
            irs: segment.seq,
            options,
            ecn: EcnOffer::of_syn(self.config.tcp.ecn_policy(), segment.flags, segment.ecn),
            clock: self.secrets.timestamp_offset(&tuple),
            opened_at: now,
            retransmits: 0,
            challenges: 0,
            answer: Answer::First,
        })
    }

    /// Enters a half-open connection and answers with the SYN-ACK.
    fn start_half_open(&mut self, now: Instant, half_open: HalfOpen) -> Result<(), DropReason> {
        let HalfOpen { tuple, listener, .. } = half_open;
        let number = self.half_open.insert(now, &half_open).ok_or(DropReason::HalfOpenFull)?;
        if self.add_flow(&tuple, Flow::HalfOpen(number)).is_none() {
            self.half_open.remove(number);
            return Err(DropReason::HalfOpenFull);
        }
        self.counts_of(Some(listener)).enter(TcpState::SynReceived);
        self.counters.opens_passive += 1;
        self.send_syn_ack(now, &half_open);
        Ok(())
    }

    pub(super) fn send_syn_ack(&mut self, now: Instant, half_open: &HalfOpen) {
        let mtu = self.config.interface.mtu_bytes;
        let mut syn_ack = half_open.syn_ack(now, &self.config.tcp, mtu);
        syn_ack.ip = self.ip_fields_of(half_open.listener);
        self.replies.push(Reply::Segment(syn_ack), &mut self.counters);
    }

    /// A segment for a half-open connection.
    pub(super) fn on_half_open(&mut self, now: Instant, number: u32, incoming: Incoming<F>) {
        let Some(mut half_open) = self.half_open(now, number) else { return };
        match half_open.step(&incoming.segment, &self.config.tcp) {
            HalfOpenStep::Repeat => {
                self.counters.handshake_retransmits += 1;
                let again = half_open.ecn.of_syn_again(
                    self.config.tcp.ecn_policy(),
                    incoming.segment.flags,
                    incoming.segment.ecn,
                );
                let OfferedAgain::Still(ecn) = again else {
                    self.forget_half_open(number, half_open.listener);
                    self.refuse(&incoming.segment, half_open.route, DropReason::EcnContradiction);
                    return;
                };
                half_open.ecn = ecn;
                self.half_open.update(number, &half_open);
                self.send_syn_ack(now, &half_open);
            }
            HalfOpenStep::Complete => {
                let accepted = self.accept(now, &half_open, Place::Of(number), incoming);
                if let Err(reason) = accepted {
                    // The peer will ask again, and by then there may be room.
                    self.counters.count_drop(reason);
                }
            }
            HalfOpenStep::Reset => {
                self.counters.half_open_resets += 1;
                self.forget_half_open(number, half_open.listener);
            }
            HalfOpenStep::Refuse => {
                self.refuse(&incoming.segment, half_open.route, DropReason::AckOutsideRange);
            }
            HalfOpenStep::Challenge(reason) => {
                self.counters.count_drop(reason);
                if half_open.challenges >= self.config.tcp.challenge_acks_per_second {
                    self.counters.challenge_acks_limited += 1;
                    return;
                }
                half_open.challenges += 1;
                self.half_open.update(number, &half_open);
                self.counters.challenge_acks_sent += 1;
                let mtu = self.config.interface.mtu_bytes;
                let mut ack = half_open.challenge(now, &self.config.tcp, mtu);
                ack.ip = self.ip_fields_of(half_open.listener);
                self.replies.push(Reply::Segment(ack), &mut self.counters);
            }
            HalfOpenStep::Drop(reason) => self.counters.count_drop(reason),
        }
    }

    /// The handshake is done: a connection begins, and takes the segment that did it.
    ///
    /// # Errors
    /// There is no room for it; nothing has changed.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        half_open: &HalfOpen,
        place: Place,
        incoming: Incoming<F>,
    ) -> Result<(), DropReason> {
        let listener = self.listeners.get(half_open.listener);
        if let Some(listener) = listener {
            listener.takes_connection()?;
        }
        let congestion = listener.and_then(Listener::congestion);
        let user_timeout = listener.and_then(Listener::user_timeout);
        let ip = self.ip_fields_of(half_open.listener);
        let env = env_of!(self, now);
        let mut tcb = half_open.open(&env, self.config.interface.mtu_bytes);
        tcb.ip = ip;
        if let Some(algorithm) = congestion {
            tcb.congestion.set_algorithm(algorithm);
        }
        if let Some(timeout) = user_timeout {
            tcb.set_user_timeout(timeout);
        }
        let id =
            self.connections.insert_with(|_| Entry::new(tcb)).ok_or(DropReason::ConnectionsFull)?;
        let flow = Flow::Connection(id.slot());
        match place {
            Place::Of(number) => {
                // Its place in the table and its count, SYN-RECEIVED, are now the connection's.
                let (old, hash) =
                    (Flow::HalfOpen(number), self.hasher.hash(&Ends::of(&half_open.tuple)));
                let replaced = self.flows.replace(hash, old.number(), flow.number());
                debug_assert!(replaced.is_some(), "a half-open connection is in the flow table");
                self.half_open.remove(number);
            }
            Place::New => {
                if self.add_flow(&half_open.tuple, flow).is_none() {
                    self.connections.remove(id);
                    return Err(DropReason::ConnectionsFull);
                }
                self.counts_of(Some(half_open.listener)).enter(TcpState::SynReceived);
            }
        }
        self.counters.accepts += 1;
        self.with(now, id, |tcb, env| tcb.on_segment(env, incoming));
        Ok(())
    }

    /// A half-open connection.
    fn half_open(&self, now: Instant, number: u32) -> Option<HalfOpen> {
        self.half_open.get(now, number, &self.secrets, &self.config.tcp)
    }

    /// The SYN-ACK was not answered.
    pub(super) fn half_open_timeout(&mut self, now: Instant, number: u32) {
        let again = self.half_open.send_again(now, number);
        let Some(half_open) = self.half_open(now, number) else { return };
        if again.is_none() {
            self.counters.half_open_timeouts += 1;
            self.forget_half_open(number, half_open.listener);
            return;
        }
        self.counters.handshake_retransmits += 1;
        self.send_syn_ack(now, &half_open);
    }

    /// Forgets a half-open connection of that listener.
    pub(super) fn forget_half_open(&mut self, number: u32, listener: ListenerId) {
        let Some(tuple) = self.half_open.tuple(number) else { return };
        self.remove_flow(&tuple, Flow::HalfOpen(number));
        self.half_open.remove(number);
        self.counts_of(Some(listener)).leave(TcpState::SynReceived);
    }

    /// The record of a connection in TIME-WAIT.
    pub(super) fn record(&self, number: u32) -> Option<TimeWaitRecord> {
        self.time_wait.get(number, &self.config.interface.addresses)
    }

    /// Keeps a record of a connection in TIME-WAIT, if there is room.
    pub(super) fn keep_record(&mut self, now: Instant, record: &TimeWaitRecord) {
        let addresses = &self.config.interface.addresses;
        let Some(number) = self.time_wait.insert(now, record, addresses) else {
            self.counters.time_wait_full += 1;
            return;
        };
        if self.add_flow(&record.tuple, Flow::TimeWait(number)).is_none() {
            self.time_wait.remove(number);
            self.counters.time_wait_full += 1;
            return;
        }
        self.counts_of(record.listener).enter(TcpState::TimeWait);
    }

    /// A record's time is over.
    pub(super) fn time_wait_over(&mut self, number: u32) {
        let record = self.record(number);
        self.time_wait.remove(number);
        let Some(TimeWaitRecord { tuple, listener, .. }) = record else { return };
        self.remove_flow(&tuple, Flow::TimeWait(number));
        self.counts_of(listener).leave(TcpState::TimeWait);
    }

    /// A segment for a connection in TIME-WAIT.
    pub(super) fn on_time_wait(
        &mut self,
        now: Instant,
        number: u32,
        segment: &Segment,
        route: Route,
    ) {
        let Some(record) = self.record(number) else { return };
        let clock = self.secrets.timestamp_offset(&record.tuple);
        let ack = record.ack(now, clock, route);
        // Without anybody to open a new connection, the old one's time is not over for its SYN.
        let listens = self.listeners.find(segment.tuple.local).is_some();
        match record.step(segment) {
            TimeWaitStep::Ignore => self.counters.count_drop(DropReason::TimeWait),
            TimeWaitStep::Restart => {
                self.time_wait.restart(now, number);
                self.replies.push(Reply::Segment(ack), &mut self.counters);
            }
            TimeWaitStep::Reuse if listens => {
                self.counters.time_wait_reused += 1;
                self.time_wait_over(number);
                // The new numbers lie above the old ones. RFC 9293 §3.10.7.4, RFC 6191.
                let generated = self.secrets.isn(now, &segment.tuple);
                let iss = generated.latest(record.snd_nxt + ISN_STEP);
                self.on_syn_again(now, segment, route, iss);
            }
            TimeWaitStep::Acknowledge | TimeWaitStep::Reuse => {
                self.counters.count_drop(DropReason::TimeWait);
                self.replies.push(Reply::Segment(ack), &mut self.counters);
            }
        }
    }

    /// Counts a segment that nobody wants and answers it with RST unless it is one.
    pub(super) fn refuse(&mut self, segment: &Segment, route: Route, reason: DropReason) {
        match reset_for(segment, route, self.config.tcp.ip) {
            Some(reset) => {
                self.counters.count_drop(reason);
                self.counters.resets_sent += 1;
                self.replies.push(Reply::Segment(reset), &mut self.counters);
            }
            None => self.counters.count_drop(DropReason::StrayReset),
        }
    }
}

/// How far a reused 4-tuple's numbers start above the old ones.
const ISN_STEP: u32 = 1 << 17;
