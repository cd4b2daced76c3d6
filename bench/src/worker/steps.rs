//! What a worker does with one connection.

use std::time::Duration;

use weir_tls::Resumption;

use super::conns::{Op, Timer};
use super::{PAUSE_AFTER_FAILURE, Stage, Worker};
use crate::client::{Client, Failed, Negotiated, Step, Then};
use crate::plan::Use;
use crate::seconds::{ConnectionState, HandshakeKind, Outcome, Place, Reason};
use crate::transport::{Appetite, Event, Parting, Token, Transport};

/// How long one connection may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

impl<T: Transport> Worker<'_, T> {
    pub(super) fn on_event(&mut self, event: Event<T::Bytes>) {
        match event {
            Event::Connected(token) => self.on_connected(token),
            Event::Received(token, mut bytes) => {
                self.on_bytes(token, &mut bytes);
                drop(bytes);
                self.ask_for_more(token);
            }
            Event::Sent(token) => self.on_sent(token),
            Event::Ended(token) => self.on_ended(token),
            Event::Failed(token, reason) => {
                let failed = Failed::from(reason);
                self.fail(token, &failed, Parting::Reset);
            }
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, token: Token) {
        match timer {
            Timer::Pause => self.counts.paused = self.counts.paused.saturating_sub(1),
            Timer::Write => self.write(token),
            Timer::Read => self.transport.receive(token, Appetite::Small),
            Timer::Deadline => {
                let Some(conn) = self.conns.get_mut(token) else { return };
                if !self.timers.is_over(conn, token, self.now) {
                    return;
                }
                if conn.state == ConnectionState::Closing {
                    self.let_go(token, Parting::Reset);
                } else {
                    self.fail(token, &Reason::Timeout.into(), Parting::Reset);
                }
            }
        }
    }

    /// Begins an operation: on a connection that is open, or on a new one.
    pub(super) fn begin(&mut self, mut op: Op) {
        op.sent = self.now;
        self.recorder.begun(op.place);
        self.counts.running += 1;
        if self.uses(op.place.step) == Use::Kept {
            if let Some(token) = self.next_idle() {
                self.start_on(token, op);
                return;
            }
        } else if self.counts.open >= self.connections_max
            && let Some(token) = self.next_idle()
        {
            self.close(token);
        }
        self.open(Some(op));
    }

    /// The open connection that has been without an operation for longest, taken out of the line.
    fn next_idle(&mut self) -> Option<Token> {
        let token = self.first_idle()?;
        self.idle.pop_front();
        Some(token)
    }

    /// That connection, still in line. Those that are gone are taken out.
    pub(super) fn first_idle(&mut self) -> Option<Token> {
        while let Some(token) = self.idle.front().copied() {
            let idle = |state| state == ConnectionState::Idle;
            if self.conns.get_mut(token).is_some_and(|conn| idle(conn.state)) {
                return Some(token);
            }
            self.idle.pop_front();
        }
        None
    }

    /// Begins a connection, for an operation or (before the clock runs) for none.
    pub(super) fn open(&mut self, op: Option<Op>) {
        let plan = self.desk.plan;
        self.counts.open += 1;
        let chosen = plan.name_choice.choose(&mut self.random);
        let tls = self.desk.tls.choose(plan, &mut self.random);
        let client = match Client::new(tls, plan.names[chosen].clone()) {
            Ok(client) => client,
            Err(failed) => return self.not_opened(op, &failed),
        };
        let name = u32::try_from(chosen).unwrap_or_default();
        let token = self.conns.insert(Box::new(client), self.now, name);
        if let Err(reason) = self.transport.connect(token, plan.address) {
            self.conns.remove(token);
            return self.not_opened(op, &reason.into());
        }
        self.recorder.moved(None, Some(ConnectionState::Connecting));
        let deadline = self.now + plan.timeout;
        if let Some(conn) = self.conns.get_mut(token) {
            conn.op = op;
            self.timers.limit(conn, token, deadline);
        }
    }

    fn not_opened(&mut self, op: Option<Op>, failed: &Failed) {
        self.counts.open -= 1;
        self.failed(op, failed);
    }

    fn on_connected(&mut self, token: Token) {
        self.move_to(token, ConnectionState::Handshaking);
        let mut out = self.out();
        let Some(conn) = self.conns.get_mut(token) else { return };
        match conn.client.connected(&mut out) {
            Ok(()) => {
                self.send(token, out);
                self.transport.receive(token, Appetite::Large);
            }
            Err(failed) => self.fail(token, &failed, Parting::Reset),
        }
    }

    fn on_bytes(&mut self, token: Token, bytes: &mut [u8]) {
        let mut out = self.out();
        let Some(conn) = self.conns.get_mut(token) else { return };
        let result = conn.client.receive(bytes, &mut self.buffers, &mut out);
        let owes = !out.is_empty();
        self.send(token, out);
        match result {
            Ok(step) => self.apply(token, step),
            // The server is owed an alert, which a reset would overtake.
            Err(failed) if owes => self.fail(token, &failed, Parting::Close),
            Err(failed) => self.fail(token, &failed, Parting::Reset),
        }
    }

    fn on_ended(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        conn.server_ended = true;
        match conn.client.ended() {
            _ if conn.state == ConnectionState::Closing => self.let_go(token, Parting::Close),
            Ok(step) => {
                self.apply(token, Step { gone: true, ..step });
            }
            Err(failed) => self.fail(token, &failed, Parting::Reset),
        }
    }

    fn on_sent(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        if conn.client.has_more() {
            match self.pause_of_writes(token) {
                Some(pause) => self.timers.set(self.now + pause, Timer::Write, token),
                None => self.write(token),
            }
        }
    }

    fn pause_of_writes(&mut self, token: Token) -> Option<Duration> {
        let op = self.conns.get_mut(token)?.op?;
        let every = self.desk.plan.steps.get(usize::from(op.place.step))?.write_every;
        (!every.is_zero()).then_some(every)
    }

    /// Asks for what comes next, or waits with that where the scenario reads slowly.
    fn ask_for_more(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        let step = conn.op.and_then(|op| self.desk.plan.steps.get(usize::from(op.place.step)));
        match step.and_then(|step| step.read_every) {
            Some(every) if conn.state == ConnectionState::Busy => {
                self.timers.set(self.now + every, Timer::Read, token);
            }
            _ => self.transport.receive(token, Appetite::Large),
        }
    }

    /// What a step of the connection came to.
    fn apply(&mut self, token: Token, step: Step) {
        let Step { established, received, sent: _, finish: _, done, gone } = step;
        if let Some(negotiated) = established {
            self.on_established(token, &negotiated);
        }
        if received > 0
            && let Some(op) = self.conns.get_mut(token).and_then(|conn| conn.op)
        {
            let place = Place { phase: self.phase, step: op.place.step };
            self.recorder.bytes_received(place, received);
        }
        if let Some(then) = done {
            self.on_done(token, then);
        }
        if gone {
            self.on_gone(token);
        }
    }

    fn on_established(&mut self, token: Token, negotiated: &Negotiated) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        if conn.state == ConnectionState::Closing {
            return;
        }
        let (op, opened) = (conn.op, conn.opened);
        self.desk.notes.negotiated(negotiated);
        if self.stage != Stage::Opening {
            let step = op.map_or(0, |op| op.place.step);
            let place = Place { phase: self.phase, step };
            let kind = match negotiated.resumption {
                Resumption::Full => HandshakeKind::Full,
                Resumption::FullWithRetry => HandshakeKind::Retried,
                Resumption::Resumed => HandshakeKind::Resumed,
            };
            self.recorder.handshake(place, kind, self.now.since(opened));
        }
        let Some(op) = op else {
            self.counts.opening = self.counts.opening.saturating_sub(1);
            return self.rest(token);
        };
        match self.uses(op.place.step) {
            Use::Kept | Use::Own => self.start_on(token, op),
            Use::Handshake => self.on_done(token, Then::Close),
            Use::Hold => {
                if let Some(conn) = self.conns.get_mut(token) {
                    conn.held = true;
                }
                self.counts.held += 1;
                self.on_done(token, Then::Stay);
            }
        }
    }

    /// Begins an exchange on a connection that is open.
    fn start_on(&mut self, token: Token, op: Op) {
        let deadline = op.sent + self.desk.plan.timeout;
        let Some(conn) = self.conns.get_mut(token) else { return };
        conn.op = Some(op);
        self.timers.limit(conn, token, deadline);
        if let Some(ask) = self.desk.plan.ask(op.place.step, conn.name) {
            conn.client.start(ask);
        }
        self.move_to(token, ConnectionState::Busy);
        self.write(token);
    }

    /// Sends the next piece.
    fn write(&mut self, token: Token) {
        let mut out = self.out();
        let Some(conn) = self.conns.get_mut(token) else { return };
        let (result, op) = (conn.client.write(&mut out), conn.op);
        self.send(token, out);
        match result {
            Ok(step) => {
                if step.finish {
                    self.transport.finish(token);
                }
                if step.sent > 0
                    && let Some(op) = op
                {
                    let place = Place { phase: self.phase, step: op.place.step };
                    self.recorder.bytes_sent(place, step.sent);
                }
            }
            Err(failed) => self.fail(token, &failed, Parting::Reset),
        }
    }

    /// An empty buffer for what a step of a connection has to send.
    fn out(&mut self) -> Vec<u8> {
        let scratch = std::mem::take(&mut self.scratch);
        if scratch.capacity() > 0 { scratch } else { self.transport.buffer() }
    }

    fn send(&mut self, token: Token, out: Vec<u8>) {
        if out.is_empty() {
            self.scratch = out;
        } else {
            self.transport.send(token, out);
        }
    }

    /// The operation of a connection ended well.
    fn on_done(&mut self, token: Token, then: Then) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        let Some(op) = conn.op.take() else { return };
        self.counts.running -= 1;
        self.ended(op, Outcome::Done);
        match then {
            Then::Stay => self.rest(token),
            Then::Close => self.close(token),
            Then::ServerCloses => {
                let place = Place { phase: self.phase, step: op.place.step };
                self.recorder.reconnect(place);
                self.close(token);
            }
        }
    }

    /// The connection has nothing to do.
    fn rest(&mut self, token: Token) {
        self.move_to(token, ConnectionState::Idle);
        let Some(conn) = self.conns.get_mut(token) else { return };
        conn.deadline = None;
        if !conn.held {
            self.idle.push_back(token);
        }
    }

    /// The server has ended its direction, and nothing is under way.
    fn on_gone(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        match conn.state {
            // Its FIN may still come, or came with this.
            ConnectionState::Closing => {}
            _ if conn.op.is_some() => self.fail(token, &Reason::Closed.into(), Parting::Reset),
            _ => self.close(token),
        }
    }

    /// Ends our direction, and waits for the server to end its own.
    pub(super) fn close(&mut self, token: Token) {
        let mut out = self.out();
        let Some(conn) = self.conns.get_mut(token) else { return };
        let state = conn.state;
        if state == ConnectionState::Closing {
            return;
        }
        if state == ConnectionState::Connecting {
            return self.let_go(token, Parting::Reset);
        }
        conn.client.close(&mut out);
        let (op, server_ended) = (conn.op.take(), conn.server_ended);
        // What the end of a closed loop cuts off counts for nothing.
        self.counts.running -= u32::from(op.is_some());
        self.send(token, out);
        self.transport.finish(token);
        self.no_longer_open(token);
        self.move_to(token, ConnectionState::Closing);
        if server_ended {
            return self.let_go(token, Parting::Close);
        }
        let deadline = self.now + CLOSE_LIMIT;
        if let Some(conn) = self.conns.get_mut(token) {
            self.timers.limit(conn, token, deadline);
        }
    }

    /// An operation failed, and its connection with it.
    fn fail(&mut self, token: Token, failed: &Failed, parting: Parting) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        if conn.state == ConnectionState::Closing {
            return self.let_go(token, Parting::Reset);
        }
        let op = conn.op.take();
        let opening =
            matches!(conn.state, ConnectionState::Connecting | ConnectionState::Handshaking);
        match parting {
            Parting::Close => self.close(token),
            Parting::Reset => self.let_go(token, Parting::Reset),
        }
        if op.is_some() || opening {
            self.failed(op, failed);
        }
    }

    /// Counts a failure.
    fn failed(&mut self, op: Option<Op>, failed: &Failed) {
        self.desk.notes.failed(failed);
        let Some(op) = op else {
            self.counts.opening = self.counts.opening.saturating_sub(1);
            return;
        };
        self.counts.running -= 1;
        self.ended(op, Outcome::Failed(failed.reason));
        self.counts.paused += 1;
        let nobody = Token { index: u32::MAX, generation: 0 };
        self.timers.set(self.now + PAUSE_AFTER_FAILURE, Timer::Pause, nobody);
    }

    /// The connection is no more.
    pub(super) fn let_go(&mut self, token: Token, parting: Parting) {
        self.transport.part(token, parting);
        let Some(conn) = self.conns.get_mut(token) else { return };
        let (state, op) = (conn.state, conn.op.take());
        self.counts.running -= u32::from(op.is_some());
        if state != ConnectionState::Closing {
            self.no_longer_open(token);
        }
        self.recorder.moved(Some(state), None);
        self.conns.remove(token);
    }

    fn no_longer_open(&mut self, token: Token) {
        self.counts.open -= 1;
        if let Some(conn) = self.conns.get_mut(token)
            && std::mem::take(&mut conn.held)
        {
            self.counts.held -= 1;
        }
    }

    fn move_to(&mut self, token: Token, state: ConnectionState) {
        if let Some(conn) = self.conns.get_mut(token) {
            let from = std::mem::replace(&mut conn.state, state);
            if from != state {
                self.recorder.moved(Some(from), Some(state));
            }
        }
    }
}
