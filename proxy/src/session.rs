//! A client connection, from its acceptance to its last byte.
//!
//! A session is in one [`Stage`] at a time and goes through them in one direction: its ClientHello
//! is read whole, the server name in it chooses the virtual host, rustls does the handshake, and
//! the [`Relay`] carries the bytes from then on. Every stage has a deadline.

use std::sync::Arc;

use netstack::{CloseReason, ConnectionId, Instant, ListenerId};
use weir_tls::hello::{HelloBuffer, HelloProgress};
use weir_tls::{Alert, Established, Handshake, Progress, Reason, alert};

use crate::ending::Ending;
use crate::relay::{Facts, Relay, Route};
use crate::vhost::Vhost;
use crate::worker::Context;
use crate::worker::types::{Outcome, RecordBuffer};

/// One client connection. The worker owns it and hands it every event of its connection.
pub(crate) struct Session {
    id: ConnectionId,
    listener: ListenerId,
    stage: Stage,
    /// When the stage began.
    since: Instant,
}

enum Stage {
    /// The ClientHello is not whole yet.
    Hello(HelloBuffer),
    /// rustls negotiates for the virtual host that the name chose.
    Handshake(Box<Negotiation>),
    /// Plaintext flows.
    Relay(Box<Relay>),
    /// Between two stages, and behind the last one: takes nothing.
    Over,
}

/// A handshake under way.
struct Negotiation {
    tls: Handshake,
    vhost: Arc<Vhost>,
    /// What rustls wants sent; empty between two steps, kept for its capacity.
    flight: Vec<u8>,
}

/// What an event means for the session: it goes on, or it is over.
pub(crate) type Step = Result<(), Ending>;

impl Session {
    /// A connection that has just been accepted.
    pub(crate) fn new(id: ConnectionId, listener: ListenerId, now: Instant) -> Self {
        Self { id, listener, stage: Stage::Hello(HelloBuffer::new()), since: now }
    }

    /// Whether its next payload costs the cryptography of a handshake, which has a budget a turn.
    pub(crate) fn negotiates(&self) -> bool {
        match self.stage {
            Stage::Hello(_) | Stage::Handshake(_) => true,
            Stage::Relay(_) | Stage::Over => false,
        }
    }

    /// The client has sent something, or finished.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_readable(&mut self, context: &mut Context) -> Step {
        while self.negotiates() {
            let Some(payload) = context.engine.recv(self.id) else { break };
            context.engine.consumed(context.now, self.id, payload.len());
            self.negotiate(context, &payload)?;
        }
        if let Some(relay) = self.relay() {
            return relay.on_readable(context);
        }
        if context.engine.recv_finished(self.id) { Err(Ending::GaveUp) } else { Ok(()) }
    }

    /// The client's connection may queue more.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_writable(&mut self, context: &mut Context) -> Step {
        self.relay().map_or(Ok(()), |relay| relay.on_writable(context))
    }

    /// The client's connection has ended.
    ///
    /// # Errors
    /// The session is over: always, unless the connection ended in good order before the backend has
    /// taken what came over it.
    pub(crate) fn on_closed(&mut self, context: &mut Context, reason: CloseReason) -> Step {
        match self.relay() {
            Some(relay) if reason == CloseReason::Finished => relay.on_closed(context),
            _ => Err(Ending::Connection(reason)),
        }
    }

    /// A connect to a backend has ended.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_connected(&mut self, context: &mut Context, result: Outcome<()>) -> Step {
        self.relay().map_or(Ok(()), |relay| relay.on_connected(context, result))
    }

    /// The backend's socket has taken, or refused, what it was sent.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_sent(&mut self, context: &mut Context, result: Outcome<usize>) -> Step {
        self.relay().map_or(Ok(()), |relay| relay.on_sent(context, result))
    }

    /// The backend has answered, finished or failed.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_received(
        &mut self,
        context: &mut Context,
        result: Outcome<Option<RecordBuffer>>,
    ) -> Step {
        self.relay().map_or(Ok(()), |relay| relay.on_received(context, result))
    }

    /// The backend has sent something, and there was no buffer to receive it into.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_no_buffers(&mut self, context: &mut Context) -> Step {
        if let Some(relay) = self.relay() {
            relay.on_no_buffers(context);
        }
        Ok(())
    }

    /// What a shortage kept back may go on: see [`Context::wait_for_room`].
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_room(&mut self, context: &mut Context) -> Step {
        self.relay().map_or(Ok(()), |relay| relay.on_room(context))
    }

    /// When the session must be looked at again if nothing happens.
    pub(crate) fn deadline(&self, context: &Context) -> Instant {
        match &self.stage {
            Stage::Hello(_) => self.since + context.deadlines.hello,
            Stage::Handshake(_) => self.since + context.deadlines.handshake,
            Stage::Relay(relay) => relay.deadline(context),
            Stage::Over => context.now,
        }
    }

    /// The deadline has passed.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) fn on_deadline(&mut self, context: &mut Context) -> Step {
        match &mut self.stage {
            Stage::Hello(_) | Stage::Handshake(_) => Err(Ending::Handshake(Reason::TimedOut)),
            Stage::Relay(relay) => relay.on_deadline(context),
            Stage::Over => Ok(()),
        }
    }

    /// Says goodbye to the client where TLS can: weir stops.
    pub(crate) fn on_drained(&mut self, context: &mut Context) {
        if let Some(relay) = self.relay() {
            relay.on_drained(context);
        }
    }

    /// Lets go of everything but the client's connection.
    pub(crate) fn release(self, context: &mut Context) {
        if let Stage::Relay(relay) = self.stage {
            relay.release(context);
        }
    }

    /// The relay, once the handshake is done.
    pub(crate) fn established(&self) -> Option<&Relay> {
        match &self.stage {
            Stage::Relay(relay) => Some(relay),
            Stage::Hello(_) | Stage::Handshake(_) | Stage::Over => None,
        }
    }

    /// The listener that accepted it.
    pub(crate) fn listener(&self) -> ListenerId {
        self.listener
    }

    /// The name of the stage, as `weir conns` shows it.
    pub(crate) fn stage(&self) -> &'static str {
        match self.stage {
            Stage::Hello(_) => "hello",
            Stage::Handshake(_) => "handshake",
            Stage::Relay(_) => "established",
            Stage::Over => "over",
        }
    }
}

// The way to the relay.
impl Session {
    fn relay(&mut self) -> Option<&mut Relay> {
        match &mut self.stage {
            Stage::Relay(relay) => Some(relay),
            Stage::Hello(_) | Stage::Handshake(_) | Stage::Over => None,
        }
    }

    fn negotiate(&mut self, context: &mut Context, input: &[u8]) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Hello(mut hello) => match hello.push(input) {
                Ok(HelloProgress::NeedMore) => {
                    self.stage = Stage::Hello(hello);
                    Ok(())
                }
                Ok(HelloProgress::Complete) => self.choose(context, hello),
                Err(error) => {
                    let mut out = Vec::new();
                    if let Some(alert) = error.alert() {
                        alert::plaintext(alert, &mut out);
                        context.send_last(self.id, &out);
                    }
                    Err(Ending::Handshake(error.reason()))
                }
            },
            Stage::Handshake(negotiation) => self.advance(context, negotiation, input),
            other @ (Stage::Relay(_) | Stage::Over) => {
                self.stage = other;
                Ok(())
            }
        }
    }

    /// The hello is whole: its server name chooses the virtual host, whose policy negotiates.
    fn choose(&mut self, context: &mut Context, hello: HelloBuffer) -> Step {
        let name = hello.client_hello().and_then(|hello| hello.server_name());
        let vhost = match context.choose(self.listener, name) {
            Ok(vhost) => vhost,
            Err(refusal) => {
                let mut out = Vec::new();
                alert::plaintext(Alert::UnrecognizedName, &mut out);
                context.send_last(self.id, &out);
                return Err(Ending::Refused(refusal));
            }
        };
        self.since = context.now;
        let tls = match Handshake::server(Arc::clone(&vhost.tls), hello.into_bytes()) {
            Ok(tls) => tls,
            Err(error) => return Err(Ending::Handshake(error.reason())),
        };
        let negotiation = Negotiation { tls, vhost, flight: Vec::new() };
        self.advance(context, Box::new(negotiation), &[])
    }

    fn advance(
        &mut self,
        context: &mut Context,
        mut negotiation: Box<Negotiation>,
        input: &[u8],
    ) -> Step {
        let progress = negotiation.tls.advance(input, &mut negotiation.flight);
        let sent = context.send_copy(self.id, &negotiation.flight);
        negotiation.flight.clear();
        match progress {
            Err(error) => Err(Ending::Handshake(error.reason())),
            Ok(_) if sent.is_err() => Err(Ending::NoBuffer),
            Ok(Progress::NeedInput) => {
                self.stage = Stage::Handshake(negotiation);
                Ok(())
            }
            Ok(Progress::Established(established)) => {
                self.establish(context, negotiation.vhost, *established)
            }
        }
    }

    /// The keys are there: from here on the relay carries the bytes, beginning with those that came
    /// along with the end of the handshake.
    fn establish(
        &mut self,
        context: &mut Context,
        vhost: Arc<Vhost>,
        established: Established<RecordBuffer>,
    ) -> Step {
        let pool = vhost.route(established.alpn.as_deref()).cloned().ok_or(Ending::NoPool)?;
        let (facts, records, leftover) = Facts::take(established);
        let route = Route { vhost, pool, facts };
        let duration = context.now.since(self.since);
        context.tally.handshake(context.position(self.listener), &route, duration);
        self.stage = Stage::Relay(Box::new(Relay::new(context.now, self.id, route, records)));
        self.relay().map_or(Ok(()), |relay| relay.begin(context, leftover))
    }
}
