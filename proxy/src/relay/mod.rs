//! Plaintext between a client and its backend, both directions, each with back-pressure.
//!
//! Upwards ([`up`]): a record is opened where it was received and sent to the backend from there;
//! the client's receive window moves on when the backend's socket has taken the bytes. Downwards
//! ([`down`]): the backend is read into a record buffer only while the client's connection may
//! queue more; the record is sealed there and stays until it is acknowledged. A direction ends by
//! itself and the other goes on (half-close).

mod down;
mod facts;
mod up;

use std::ops::Range;
use std::sync::Arc;

use netstack::{ConnectionId, Instant, PayloadParts, Span};
use weir_tls::{Alert, SealError, SessionError};

pub(crate) use self::facts::Facts;

use self::down::Downward;
use self::up::Upward;
use crate::backend::pool::Pool;
use crate::backend::socket::{BackendSocket, Connect, Connected};
use crate::ending::Ending;
use crate::session::Step;
use crate::vhost::{SpeaksFirst, Vhost};
use crate::worker::types::{Outcome, Outgoing, Payload, RecordBuffer, Records};
use crate::worker::{Context, NoBuffer};

/// How often a client's allowance of oddities (KeyUpdates, tiny records) is full again.
const ALLOWANCE_INTERVAL: Span = Span::from_secs(60);

/// Where a connection goes, as its handshake settled it.
pub(crate) struct Route {
    /// The virtual host that the client asked for.
    pub(crate) vhost: Arc<Vhost>,
    /// The pool of the protocol that was negotiated.
    pub(crate) pool: Arc<Pool>,
    /// What was negotiated.
    pub(crate) facts: Facts,
}

/// An established TLS connection and the way to its backend.
pub(crate) struct Relay {
    id: ConnectionId,
    route: Route,
    records: Records,
    backend: BackendSocket,
    up: Upward,
    down: Downward,
    /// What was received, and can't be opened before there is a buffer for its record: with what the
    /// receive window gets back for it.
    stalled: Option<(Payload, usize)>,
    /// Whether the client's connection is still there.
    client: Client,
    /// The last byte in either direction.
    active_at: Instant,
    /// What the client had acknowledged at the last look.
    acked_bytes: u64,
    /// When the client's allowance was last filled.
    refilled_at: Instant,
}

/// Whether the client's connection is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Connected,
    /// It came to its orderly end.
    Gone,
}

impl Relay {
    /// Takes over after the handshake.
    pub(crate) fn new(now: Instant, id: ConnectionId, route: Route, records: Records) -> Self {
        Self {
            id,
            route,
            records,
            backend: BackendSocket::new(),
            up: Upward::default(),
            down: Downward::default(),
            stalled: None,
            client: Client::Connected,
            active_at: now,
            acked_bytes: 0,
            refilled_at: now,
        }
    }

    /// Begins with the bytes that came along with the end of the handshake. The backend is connected
    /// at once only where it speaks first.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn begin(&mut self, context: &mut Context, leftover: Vec<u8>) -> Step {
        if self.route.vhost.speaks_first == SpeaksFirst::Server {
            self.connect(context)?;
        }
        if leftover.is_empty() {
            return Ok(());
        }
        // The handshake gave their window back already.
        self.open(context, Payload::Copied(leftover), 0)
    }

    /// The client has sent something, or a shortage that stopped receiving may be over.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_readable(&mut self, context: &mut Context) -> Step {
        // A record under way has its buffer: it goes on, so that its end can set others free.
        while self.records.body_left() > 0 || context.can_gather(self.id) {
            let Some((payload, wire_bytes)) = self.next_payload(context) else { break };
            self.open(context, payload, wire_bytes)?;
        }
        let finished = self.client == Client::Gone || context.engine.recv_finished(self.id);
        if finished && self.stalled.is_none() {
            if self.records.mid_record() && !self.up.has_ended() {
                return Err(Ending::Truncated);
            }
            self.up.finish();
        }
        self.pump(context)
    }

    fn next_payload(&mut self, context: &mut Context) -> Option<(Payload, usize)> {
        self.stalled.take().or_else(|| {
            let payload = context.engine.recv(self.id)?;
            let wire_bytes = payload.len();
            Some((payload, wire_bytes))
        })
    }

    /// Opens as much of one payload as there are buffers for. The rest waits.
    fn open(&mut self, context: &mut Context, payload: Payload, wire_bytes: usize) -> Step {
        let left = self.records.body_left();
        if payload.len() <= left || self.up.has_ended() || context.can_gather(self.id) {
            return self.open_all(context, payload, wire_bytes);
        }
        let (first, rest) = payload.split_at_checked(left).unwrap_or_default();
        let first_wire_bytes = wire_bytes.min(left);
        let first = Payload::Copied(first.to_vec());
        self.stalled = Some((Payload::Copied(rest.to_vec()), wire_bytes - first_wire_bytes));
        if first.is_empty() { Ok(()) } else { self.open_all(context, first, first_wire_bytes) }
    }

    /// Opens one payload and queues what it held for the backend. `wire_bytes`: what the receive
    /// window gets back when the backend has it.
    fn open_all(&mut self, context: &mut Context, payload: Payload, wire_bytes: usize) -> Step {
        if self.up.has_ended() {
            context.engine.consumed(context.now, self.id, wire_bytes);
            return Ok(());
        }
        self.active_at = context.now;
        self.refill_allowance(context.now);
        #[cfg(debug_assertions)]
        crate::fault::strike_session(&self.route.facts, &self.backend);
        let received = self.records.receive(payload, &mut || context.take_whole());
        let received = match received {
            Ok(received) => received,
            Err(error) => return Err(self.broken(context, error)),
        };
        let gathered = received.gathered.map(|(buffer, range)| (Outgoing::Record(buffer), range));
        let in_place = received.in_place.map(|(payload, range)| outgoing(payload, range));
        self.up.queue(wire_bytes, gathered, in_place, context.frames_per_connection());
        if received.closed {
            self.up.finish();
        }
        if received.reply { self.send_control(context) } else { Ok(()) }
    }

    /// The client's connection may queue more.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_writable(&mut self, context: &mut Context) -> Step {
        self.pump(context)
    }

    /// The client's connection came to its orderly end. What it sent may still be on its way to the
    /// backend, which had finished before it.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_closed(&mut self, context: &mut Context) -> Step {
        self.client = Client::Gone;
        if self.stalled.is_none() {
            self.up.finish();
        }
        self.finish_down(context);
        self.pump(context)
    }

    /// A connect to a server ended.
    ///
    /// # Errors
    /// No other server is left to try.
    pub(crate) fn on_connected(&mut self, context: &mut Context, result: Outcome<()>) -> Step {
        self.active_at = context.now;
        match self.backend.on_connected(context, &self.route.pool, result) {
            Connected::Yes => self.pump(context),
            Connected::TryNext => self.connect(context),
        }
    }

    /// The backend has taken a piece, or refused it.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_sent(&mut self, context: &mut Context, result: Outcome<usize>) -> Step {
        self.active_at = context.now;
        let sent_bytes = self.up.on_sent(context, self.id);
        match result {
            Ok(_) => context.tally.sent_to_backend(self.route.vhost.index, sent_bytes),
            // The other direction may go on: a server that has seen enough still answers.
            Err(_) => self.up.abandon(context, self.id),
        }
        self.pump(context)
    }

    /// The backend has answered, or finished, or failed.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_received(
        &mut self,
        context: &mut Context,
        result: Outcome<Option<RecordBuffer>>,
    ) -> Step {
        self.active_at = context.now;
        self.down.arrived();
        match result {
            Ok(Some(buffer)) => self.forward(context, buffer)?,
            Ok(None) => self.finish_down(context),
            Err(_) => return Err(Ending::BackendReset),
        }
        self.pump(context)
    }

    /// The backend's data stays in its socket until there are buffers again.
    pub(crate) fn on_no_buffers(&mut self, context: &mut Context) {
        self.down.arrived();
        context.wait_for_room(self.id);
    }

    /// A shortage may be over.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_room(&mut self, context: &mut Context) -> Step {
        self.on_readable(context)
    }

    /// weir stops: the client is told that this is the end.
    pub(crate) fn on_drained(&mut self, context: &mut Context) {
        self.send_close_notify(context);
    }

    /// When somebody must look again: the end of a connect, or of idleness.
    pub(crate) fn deadline(&self, context: &Context) -> Instant {
        let idle = self.active_at + context.deadlines.idle;
        self.backend.connect_deadline(&self.route.pool).map_or(idle, |connect| connect.min(idle))
    }

    /// The deadline has passed.
    ///
    /// # Errors
    /// The connection was idle for too long.
    pub(crate) fn on_deadline(&mut self, context: &mut Context) -> Step {
        self.note_progress(context);
        if context.now >= self.active_at + context.deadlines.idle {
            self.send_close_notify(context);
            return Err(Ending::IdleTimeout);
        }
        self.backend.give_up_connect(context);
        Ok(())
    }

    /// Lets the backend go, whatever is under way there.
    pub(crate) fn release(self, context: &mut Context) {
        if !self.up.has_ended() {
            // Only a client that has finished is at its end: a part must not pass for the whole.
            self.backend.reset_on_close();
        }
        self.backend.release(context);
    }

    /// What was negotiated, and where it goes.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// Bytes to and from the backend.
    pub(crate) fn backend_bytes(&self) -> (u64, u64) {
        (self.up.sent_bytes(), self.down.received_bytes())
    }

    /// The server of the pool, once one was chosen, and how far its connection is.
    pub(crate) fn server(&self) -> Option<(&str, &'static str)> {
        self.backend.server(&self.route.pool).map(|name| (name, self.backend.state()))
    }
}

// The two directions, as far as they meet.
impl Relay {
    /// Fills the client's allowance when it is due. It is looked at only when something is received,
    /// so that no timer has to wake a connection that is idle.
    fn refill_allowance(&mut self, now: Instant) {
        if now >= self.refilled_at + ALLOWANCE_INTERVAL {
            self.refilled_at = now;
            self.records.refill_allowance();
        }
    }

    /// A client that takes what waits for it, however slowly, is not idle. It is looked at only when
    /// the deadline has passed, so that an acknowledgment costs nothing here.
    fn note_progress(&mut self, context: &Context) {
        let Some(info) = context.engine.info(context.now, self.id) else { return };
        if info.send_queue_bytes > 0 && info.bytes_acked != self.acked_bytes {
            self.active_at = context.now;
            self.acked_bytes = info.bytes_acked;
        }
    }

    /// Moves on whatever can move.
    fn pump(&mut self, context: &mut Context) -> Step {
        if self.backend.is_idle() && self.up.wants_backend() {
            self.connect(context)?;
        }
        if self.backend.is_idle() && self.up.has_ended() {
            // The client finished without a byte for the backend.
            self.finish_down(context);
            return Err(Ending::Finished);
        }
        if let Some(socket) = self.backend.socket() {
            self.up.pump(context, self.id, socket);
            self.down.pump(context, self.id, socket);
        }
        if self.up.is_done() && self.down.is_done() { Err(Ending::Finished) } else { Ok(()) }
    }

    fn connect(&mut self, context: &mut Context) -> Step {
        match self.backend.connect(context, self.id, &self.route.pool) {
            Connect::Begun | Connect::Later => Ok(()),
            Connect::NoServerLeft => {
                self.send_alert(context, Alert::InternalError);
                Err(Ending::BackendUnreachable)
            }
        }
    }

    /// Seals what the backend sent and queues it for the client.
    fn forward(&mut self, context: &mut Context, mut buffer: RecordBuffer) -> Step {
        let payload = buffer.range();
        context.tally.received_from_backend(self.route.vhost.index, payload.len());
        self.down.count(payload.len());
        let sealed = match self.records.seal(buffer.raw_mut(), payload.clone()) {
            Err(SealError::ControlFirst) => {
                self.send_control(context)?;
                self.records.seal(buffer.raw_mut(), payload)
            }
            other => other,
        };
        let record = sealed.map_err(Ending::Unsealed)?;
        buffer.set_range(record);
        context.send(self.id, buffer).map_err(|NoBuffer| Ending::NoBuffer)
    }

    /// The backend has finished: so do we, in this direction.
    fn finish_down(&mut self, context: &mut Context) {
        if self.down.finish() {
            self.send_close_notify(context);
            context.engine.shutdown(context.now, self.id);
        }
    }

    fn broken(&mut self, context: &mut Context, error: SessionError) -> Ending {
        if let Some(alert) = error.alert() {
            self.send_alert(context, alert);
        }
        Ending::Broken(error)
    }

    /// Sends the records that TLS itself wants sent, before any more data.
    fn send_control(&mut self, context: &mut Context) -> Step {
        let mut out = Vec::new();
        self.records.seal_control(&mut out).map_err(Ending::Unsealed)?;
        context.send_copy(self.id, &out).map_err(|NoBuffer| Ending::NoBuffer)
    }

    fn send_close_notify(&mut self, context: &mut Context) {
        let mut out = Vec::new();
        // It was sent already, or the keys are used up: then there is nothing to send.
        if self.records.close_notify(&mut out).is_ok() {
            context.send_last(self.id, &out);
        }
    }

    fn send_alert(&mut self, context: &mut Context, alert: Alert) {
        let mut out = Vec::new();
        if self.records.alert(alert, &mut out).is_ok() {
            context.send_last(self.id, &out);
        }
    }
}

/// Plaintext inside a payload, as something that a send can own.
fn outgoing(payload: Payload, plaintext: Range<usize>) -> (Outgoing, Range<usize>) {
    match payload.into_parts() {
        PayloadParts::Frame(frame, payload) => {
            let start = payload.start;
            (Outgoing::Frame(frame), start + plaintext.start..start + plaintext.end)
        }
        PayloadParts::Copied(bytes) => (Outgoing::Copied(bytes), plaintext),
    }
}
