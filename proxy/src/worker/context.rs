//! What a session may use of its worker.

use std::collections::HashSet;
use std::sync::Arc;

use netstack::{ConnectionId, Instant, ListenerId, SendErrorKind, Span};
use weir_io::Class;

use super::types::{Engine, RecordBuffer, Ring};
use crate::backend::failures::Failures;
use crate::backend::pick::Picker;
use crate::clock::span;
use crate::config::snapshot::{Listener, Snapshot, Timeouts};
use crate::tally::{ListenerPosition, Tally};
use crate::vhost::table::UnknownNames;
use crate::vhost::{Refusal, Vhost};

/// Congestion window from which on records are full: below it, a record is to fit into few
/// segments, so that its first byte can be opened early.
const BULK_CWND_BYTES: usize = 32 << 10;

/// Whole record buffers that one payload can need at most: for the record that it ends in the midst
/// of.
const GATHER_BUFFERS: usize = 1;

/// What a worker opened for its sessions.
pub(crate) struct Rooms {
    /// TCP.
    pub(crate) engine: Engine,
    /// The backends' sockets and the record buffers.
    pub(crate) ring: Ring,
    /// What is counted.
    pub(crate) tally: Tally,
    /// Round robin over the servers.
    pub(crate) picker: Picker,
}

/// One address that the engine listens on.
pub(crate) struct Listening {
    /// The engine's name for it.
    pub(crate) id: ListenerId,
    /// The listener's name in the configuration.
    pub(crate) name: String,
    /// Its place in the metrics.
    pub(crate) position: ListenerPosition,
}

/// The rooms that a session works with, and the worker's clock.
pub(crate) struct Context {
    /// The time of this turn.
    pub(crate) now: Instant,
    /// TCP.
    pub(crate) engine: Engine,
    /// The backends' sockets and the record buffers.
    pub(crate) ring: Ring,
    /// Round robin over the servers.
    pub(crate) picker: Picker,
    /// What is counted.
    pub(crate) tally: Tally,
    /// Connects that failed, as far as the log is concerned.
    pub(crate) failures: Failures,
    /// How long anything may take.
    pub(crate) deadlines: Deadlines,
    snapshot: Arc<Snapshot>,
    listeners: Vec<Listening>,
    /// Sessions that a shortage holds up.
    held_up: HashSet<ConnectionId>,
}

/// The configuration's timeouts, in the engine's unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// From accept to the whole ClientHello.
    pub(crate) hello: Span,
    /// From there to the end of the handshake.
    pub(crate) handshake: Span,
    /// Without a byte in either direction.
    pub(crate) idle: Span,
}

impl From<&Timeouts> for Deadlines {
    fn from(timeouts: &Timeouts) -> Self {
        Self {
            hello: span(timeouts.hello),
            handshake: span(timeouts.handshake),
            idle: span(timeouts.idle),
        }
    }
}

/// A buffer was needed where waiting is not possible, and there was none.
#[derive(Debug)]
pub(crate) struct NoBuffer;

impl Context {
    /// What sessions may use, under the configuration `snapshot`.
    pub(super) fn new(
        now: Instant,
        rooms: Rooms,
        snapshot: Arc<Snapshot>,
        listeners: Vec<Listening>,
    ) -> Self {
        let Rooms { engine, ring, tally, picker } = rooms;
        let deadlines = Deadlines::from(&snapshot.timeouts);
        let held_up = HashSet::new();
        let failures = Failures::new();
        Self { now, engine, ring, picker, tally, failures, deadlines, snapshot, listeners, held_up }
    }

    /// Goes on under another configuration. Sessions keep the virtual host that they have.
    pub(super) fn install(&mut self, snapshot: &Arc<Snapshot>) {
        if !Arc::ptr_eq(&self.snapshot, snapshot) {
            self.snapshot = Arc::clone(snapshot);
            self.deadlines = Deadlines::from(&snapshot.timeouts);
        }
    }

    /// How many handshakes may go on at once.
    pub(super) fn handshakes_max(&self) -> usize {
        usize::try_from(self.snapshot.limits.handshakes).unwrap_or(usize::MAX)
    }

    /// Frames that one connection may pin on either side of the record layer.
    pub(crate) fn frames_per_connection(&self) -> usize {
        usize::try_from(self.snapshot.limits.frames_per_connection).unwrap_or(usize::MAX)
    }

    /// Takes no new connections from here on.
    pub(super) fn stop_listening(&mut self) {
        for listening in &self.listeners {
            self.engine.unlisten(listening.id);
        }
    }

    /// The engine's listeners.
    pub(super) fn listeners(&self) -> &[Listening] {
        &self.listeners
    }

    /// The name of a listener in the configuration.
    pub(super) fn listener_name(&self, id: ListenerId) -> Option<&str> {
        self.listening(id).map(|listening| listening.name.as_str())
    }

    /// A listener's place in the metrics.
    pub(crate) fn position(&self, id: ListenerId) -> ListenerPosition {
        self.listening(id).map_or(ListenerPosition(0), |listening| listening.position)
    }

    /// The virtual host for a whole ClientHello with the server name `sni`.
    ///
    /// # Errors
    /// Nobody has that name.
    pub(crate) fn choose(
        &self,
        listener: ListenerId,
        sni: Option<&str>,
    ) -> Result<Arc<Vhost>, Refusal> {
        match self.listener(listener) {
            Some(listener) => self.snapshot.choose(listener, sni),
            // The listener left the configuration while this connection was being accepted.
            None => self.snapshot.vhosts.choose(sni, &UnknownNames::Refuse).map(Arc::clone),
        }
    }

    /// A record buffer in its whole length, to gather a record in.
    pub(crate) fn take_whole(&self) -> Option<RecordBuffer> {
        let mut buffer = self.ring.pool().take(Class::Large)?;
        let whole = buffer.raw_mut().len();
        buffer.set_range(0..whole);
        Some(buffer)
    }

    /// Whether the next payload can be opened whatever it holds. If not, the session is called
    /// when it may be.
    pub(crate) fn can_gather(&mut self, id: ConnectionId) -> bool {
        let enough = self.ring.pool().free(Class::Large) >= GATHER_BUFFERS;
        if !enough {
            self.wait_for_room(id);
        }
        enough
    }

    /// The class of the next record towards the client; `None` while its connection may not queue
    /// one. [`netstack::Event::Writable`] says when it may.
    pub(crate) fn record_class(&self, id: ConnectionId) -> Option<Class> {
        let view = self.engine.send_view(id)?;
        if view.room_bytes == 0 {
            return None;
        }
        let bulk = view.cwnd_bytes >= BULK_CWND_BYTES && self.has_large_to_spare();
        Some(if bulk { Class::Large } else { Class::Medium })
    }

    /// Queues a sealed record. A connection that is gone has its [`netstack::Event::Closed`] under
    /// way, so that the record is just dropped.
    ///
    /// # Errors
    /// The queue is full beyond all advice. The stream has a gap then: the connection must be reset.
    pub(crate) fn send(&mut self, id: ConnectionId, record: RecordBuffer) -> Result<(), NoBuffer> {
        match self.engine.send(self.now, id, record) {
            Err(error) if error.kind == SendErrorKind::Full => Err(NoBuffer),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Queues bytes that are not in a record buffer yet: handshake flights, alerts.
    ///
    /// # Errors
    /// No buffer is left; a part may be queued.
    pub(crate) fn send_copy(&mut self, id: ConnectionId, bytes: &[u8]) -> Result<(), NoBuffer> {
        for chunk in bytes.chunks(Class::Large.payload_bytes()) {
            let mut buffer = self.take_for(chunk.len()).ok_or(NoBuffer)?;
            let room = buffer.raw_mut().get_mut(..chunk.len()).ok_or(NoBuffer)?;
            room.copy_from_slice(chunk);
            buffer.set_range(0..chunk.len());
            self.send(id, buffer)?;
        }
        Ok(())
    }

    /// Queues the last words of a connection, if there is a buffer: without them it ends all the
    /// same, and the FIN says so.
    pub(crate) fn send_last(&mut self, id: ConnectionId, bytes: &[u8]) {
        drop(self.send_copy(id, bytes));
    }

    /// Notes that a shortage holds the session up: it is called again after the next turn in which
    /// anything happened.
    pub(crate) fn wait_for_room(&mut self, id: ConnectionId) {
        self.held_up.insert(id);
    }

    /// Whether a shortage holds somebody up.
    pub(super) fn holds_up(&self) -> bool {
        !self.held_up.is_empty()
    }

    /// The sessions that were held up until now.
    pub(crate) fn take_held_up(&mut self) -> HashSet<ConnectionId> {
        std::mem::take(&mut self.held_up)
    }

    /// Slow readers must not take the buffers that uploads are gathered in: an eighth is theirs.
    fn has_large_to_spare(&self) -> bool {
        let pool = self.ring.pool();
        pool.free(Class::Large) > pool.counts(Class::Large).total / 8
    }

    /// The smallest free buffer that holds `length` bytes.
    fn take_for(&self, length: usize) -> Option<RecordBuffer> {
        let fits = |class: &Class| class.buffer_bytes() >= length;
        Class::ALL.into_iter().filter(fits).find_map(|class| self.ring.pool().take(class))
    }

    fn listening(&self, id: ListenerId) -> Option<&Listening> {
        self.listeners.iter().find(|listening| listening.id == id)
    }

    fn listener(&self, id: ListenerId) -> Option<&Listener> {
        let name = self.listener_name(id)?;
        self.snapshot.listeners.iter().find(|listener| listener.name == name)
    }
}
