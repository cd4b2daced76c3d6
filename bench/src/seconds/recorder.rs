//! What one worker fills.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::cell::{Cell, HandshakeKind, Place, Second};
use super::latencies::Latencies;
use super::own::Own;
use super::reason::Reason;
use super::states::{ConnectionState, States};
use crate::tick::Tick;

/// What came of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Done,
    Failed(Reason),
}

/// An operation that has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Operation {
    /// Where in the scenario: the phase in which it was due.
    pub(crate) place: Place,
    /// When it was to be sent. In a closed loop: when it was sent.
    pub(crate) intended: Tick,
    /// When it was sent; for an operation with a connection of its own, when the SYN was.
    pub(crate) sent: Tick,
    /// When its outcome was known.
    pub(crate) ended: Tick,
    pub(crate) outcome: Outcome,
}

/// What a worker knows about itself since its last second closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct OwnSample {
    /// CPU time of its thread.
    pub(crate) cpu: Duration,
    /// Turns of its loop.
    pub(crate) turns: u64,
    /// Frames that a ring had no room for, or for which there was no buffer.
    pub(crate) ring_drops: u64,
}

/// One worker's measurements of the second under way.
#[derive(Debug)]
pub(crate) struct Recorder {
    opened: Tick,
    cells: BTreeMap<Place, Open>,
    states: States,
    lateness: Histogram<u64>,
}

/// A cell whose latencies are still histograms. Kept from second to second: a histogram is large.
#[derive(Debug)]
struct Open {
    plain: Cell,
    response: Histogram<u64>,
    service: Histogram<u64>,
    handshake: Histogram<u64>,
}

impl Recorder {
    /// A recorder whose first second opens at `now`.
    pub(crate) fn new(now: Tick) -> Self {
        Self {
            opened: now,
            cells: BTreeMap::new(),
            states: States::default(),
            lateness: Latencies::histogram(),
        }
    }

    /// An operation became due at `intended`, and the worker noticed at `noticed`.
    pub(crate) fn due(&mut self, place: Place, intended: Tick, noticed: Tick) {
        self.cell(place).plain.due += 1;
        record(&mut self.lateness, noticed.since(intended));
    }

    /// An operation of a closed loop became due: when its connection was free.
    pub(crate) fn due_now(&mut self, place: Place) {
        self.cell(place).plain.due += 1;
    }

    /// An operation that was due found its connection.
    pub(crate) fn begun(&mut self, place: Place) {
        self.cell(place).plain.begun += 1;
    }

    /// An operation that was begun has ended.
    pub(crate) fn operation(&mut self, operation: &Operation) {
        let Operation { place, intended, sent, ended, outcome } = *operation;
        let cell = self.cell(place);
        match outcome {
            Outcome::Done => {
                cell.plain.done += 1;
                record(&mut cell.response, ended.since(intended));
                record(&mut cell.service, ended.since(sent));
            }
            Outcome::Failed(reason) => cell.plain.failures.count(reason),
        }
    }

    /// A handshake that began with its SYN `took` ago is done.
    pub(crate) fn handshake(&mut self, place: Place, kind: HandshakeKind, took: Duration) {
        let cell = self.cell(place);
        *cell.plain.handshakes.entry(kind).or_default() += 1;
        record(&mut cell.handshake, took);
    }

    /// The server closes a connection after an answer, as it said it would.
    pub(crate) fn reconnect(&mut self, place: Place) {
        self.cell(place).plain.reconnects += 1;
    }

    /// Bytes of a body were sent.
    pub(crate) fn bytes_sent(&mut self, place: Place, count: u64) {
        self.cell(place).plain.bytes_sent += count;
    }

    /// Bytes of a body were received.
    pub(crate) fn bytes_received(&mut self, place: Place, count: u64) {
        self.cell(place).plain.bytes_received += count;
    }

    /// A connection goes from `from` (none: it is new) to `to` (none: it is gone).
    pub(crate) fn moved(&mut self, from: Option<ConnectionState>, to: Option<ConnectionState>) {
        self.states.moved(from, to);
    }

    /// Is it time to close the second under way?
    pub(crate) fn is_over(&self, now: Tick) -> bool {
        now.second() > self.opened.second()
    }

    /// Closes the second under way at `now`, and opens the next.
    pub(crate) fn close(&mut self, now: Tick, own: OwnSample) -> Second {
        let OwnSample { cpu, turns, ring_drops } = own;
        let span = now.since(self.opened);
        let second = Second {
            number: self.opened.second(),
            cells: self
                .cells
                .iter_mut()
                .filter_map(|(place, it)| Some((*place, it.close()?)))
                .collect(),
            states: self.states.clone(),
            own: Own { lateness: Latencies::of(&self.lateness), cpu, span, turns, ring_drops },
        };
        self.lateness.reset();
        self.opened = now;
        second
    }

    fn cell(&mut self, place: Place) -> &mut Open {
        self.cells.entry(place).or_insert_with(Open::new)
    }
}

impl Open {
    fn new() -> Self {
        Self {
            plain: Cell::default(),
            response: Latencies::histogram(),
            service: Latencies::histogram(),
            handshake: Latencies::histogram(),
        }
    }

    /// What it holds, unless that is nothing; it is empty then.
    fn close(&mut self) -> Option<Cell> {
        let Self { plain, response, service, handshake } = self;
        let take = |histogram: &mut Histogram<u64>| {
            if histogram.is_empty() {
                return Latencies::default();
            }
            let taken = Latencies::of(histogram);
            histogram.reset();
            taken
        };
        let cell = Cell {
            response: take(response),
            service: take(service),
            handshake: take(handshake),
            ..std::mem::take(plain)
        };
        (cell != Cell::default()).then_some(cell)
    }
}

fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
}
