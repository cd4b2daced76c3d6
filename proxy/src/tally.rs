//! What a worker counts besides its engine, queue and ring, which count themselves.

use std::sync::Arc;

use metrics::Shard;
use netstack::Span;
use weir_io::OperationError;

use crate::catalogue::{DIRECTION_IN, DIRECTION_OUT, Families};
use crate::ending::Ending;
use crate::relay::Route;

/// One worker's cells for what happens to connections. Only this worker writes them.
pub(crate) struct Tally {
    families: Arc<Families>,
    shard: Shard,
}

/// A listener's place among the configuration's listeners at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerPosition(pub(crate) usize);

impl Tally {
    /// Cells of a worker's shard, by the families of the catalogue.
    pub(crate) fn new(families: Arc<Families>, shard: Shard) -> Self {
        Self { families, shard }
    }

    /// The families and the shard, for what is copied there once a turn.
    pub(crate) fn cells(&self) -> (&Families, &Shard) {
        (&self.families, &self.shard)
    }

    /// A connection was accepted.
    pub(crate) fn accepted(&self, listener: ListenerPosition) {
        self.shard.increment(self.families.tcp.opens.at(&[listener.0, PASSIVE]));
    }

    /// A handshake is done; it took `duration` from the whole hello on.
    pub(crate) fn handshake(&self, listener: ListenerPosition, route: &Route, duration: Span) {
        let Self { families, shard } = self;
        let Route { vhost, facts, pool: _ } = route;
        let version = facts.version as usize;
        let resumption = facts.resumption as usize;
        let group = families.group(facts.group);
        let labels = [listener.0, version, resumption, group];
        shard.increment(families.tls.handshakes.at(&labels));
        shard.observe(families.tls.handshake_seconds.only(), duration.as_nanos());
        let vhost = families.vhost(vhost.index);
        shard.increment(families.vhost.handshakes.at(&[vhost]));
        shard.adjust(families.vhost.connections.at(&[vhost]), 1);
    }

    /// A session is over. `route`: where it went, if its handshake was done.
    pub(crate) fn ended(&self, listener: ListenerPosition, ending: &Ending, route: Option<&Route>) {
        let Self { families, shard } = self;
        shard.increment(families.tcp.closes.at(&[listener.0, ending.index()]));
        if let Some(route) = route {
            let vhost = families.vhost(route.vhost.index);
            shard.adjust(families.vhost.connections.at(&[vhost]), -1);
        } else if let Some(reason) = ending.handshake_failure() {
            shard.increment(families.tls.handshake_failures.at(&[listener.0, reason.index()]));
        }
    }

    /// A fault of ours, which ended at most one connection.
    pub(crate) fn panicked(&self) {
        self.shard.increment(self.families.worker.panics.only());
    }

    /// A connect to a server ended: see [`BackendResult`].
    pub(crate) fn backend_connect(&self, result: BackendResult) {
        self.shard.increment(self.families.backend.connects.at(&[result as usize]));
        if result == BackendResult::Connected {
            self.shard.adjust(self.families.backend.connections.only(), 1);
        }
    }

    /// A connection to a server was closed.
    pub(crate) fn backend_closed(&self) {
        self.shard.adjust(self.families.backend.connections.only(), -1);
    }

    /// Bytes that a backend has taken for a client of `vhost`, by its index.
    pub(crate) fn sent_to_backend(&self, vhost: u32, bytes: usize) {
        self.plaintext(vhost, DIRECTION_IN, DIRECTION_OUT, bytes);
    }

    /// Bytes that a backend has sent for a client of `vhost`, by its index.
    pub(crate) fn received_from_backend(&self, vhost: u32, bytes: usize) {
        self.plaintext(vhost, DIRECTION_OUT, DIRECTION_IN, bytes);
    }

    /// A connection was refused, for a limit was reached.
    pub(crate) fn refused(&self, limit: Limit) {
        self.shard.increment(self.families.worker.refused.at(&[limit as usize]));
    }

    /// A segment of another worker's connection was handed on, taken, or lost on the way.
    pub(crate) fn stray(&self, fate: StrayFate) {
        self.shard.increment(self.families.worker.strays.at(&[fate as usize]));
    }

    fn plaintext(&self, vhost: u32, client: usize, backend: usize, bytes: usize) {
        let Self { families, shard } = self;
        let vhost = families.vhost(vhost);
        shard.add(families.vhost.bytes.at(&[vhost, client]), bytes as u64);
        shard.add(families.backend.bytes.at(&[backend]), bytes as u64);
    }
}

/// Position in [`crate::catalogue::OPENS`].
const PASSIVE: usize = 0;

/// A limit that refuses connections, in the order of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `[limits] handshakes`.
    Handshakes,
}

impl Limit {
    /// The names of all limits, in the order of their series.
    pub(crate) const NAMES: [&str; 1] = ["handshakes"];
}

/// What became of a stray, in the order of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrayFate {
    /// Handed to another worker.
    Passed,
    /// Taken from another worker.
    Taken,
    /// Dropped instead of being handed over: the other worker's queue was full.
    QueueFull,
    /// Handed over, and dropped there: there was no frame for it.
    NoFrame,
}

impl StrayFate {
    /// The names, in the order of their series.
    pub(crate) const NAMES: [&str; 4] =
        ["passed", "taken", "dropped_queue_full", "dropped_no_frame"];
}

/// What came of a connect to a server, in the order of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackendResult {
    /// Connected.
    Connected,
    /// Nobody listens there.
    Refused,
    /// No answer within the pool's connect timeout, or the kernel's.
    TimedOut,
    /// No route, or somebody on it says so.
    Unreachable,
    /// The server, or the address, won't have it: reset, not found, not permitted.
    Failed,
    /// This machine is short of something: sockets, ports, memory.
    Resource,
}

impl BackendResult {
    /// The names of all results, in the order of their series.
    pub(crate) const NAMES: [&str; 6] =
        ["connected", "refused", "timed_out", "unreachable", "failed", "resource"];

    /// The name in metrics and logs.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl From<&OperationError> for BackendResult {
    fn from(error: &OperationError) -> Self {
        use weir_io::PeerError;
        match error {
            // Only a connect that took too long is cancelled while its session lives.
            OperationError::Cancelled | OperationError::Peer(PeerError::TimedOut) => Self::TimedOut,
            OperationError::Peer(PeerError::Refused) => Self::Refused,
            OperationError::Peer(PeerError::Unreachable) => Self::Unreachable,
            OperationError::Peer(PeerError::Reset | PeerError::Closed)
            | OperationError::Address(_) => Self::Failed,
            OperationError::Resource(_) | OperationError::System(_) => Self::Resource,
        }
    }
}
