//! A closed second: what was measured in it, by phase and step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::latencies::Latencies;
use super::own::Own;
use super::reason::Reasons;
use super::states::States;

/// Which phase and which step of the scenario, by their numbers there.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub(crate) struct Place {
    pub(crate) phase: u16,
    pub(crate) step: u16,
}

/// What kind of handshake it was.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HandshakeKind {
    Full,
    /// With one more round trip, because the server wanted another group.
    Retried,
    Resumed,
}

/// What was measured in one second at one place of the scenario.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Cell {
    /// Operations that became due.
    pub(crate) due: u64,
    /// Operations that were begun. In the sum over a run, `due - begun` were left out.
    pub(crate) begun: u64,
    /// Operations that ended well.
    pub(crate) done: u64,
    /// Operations that failed, by reason.
    pub(crate) failures: Reasons,
    /// From when they were due to their end: operations that ended well.
    pub(crate) response: Latencies,
    /// From when they were sent to their end: the same operations.
    pub(crate) service: Latencies,
    /// Handshakes done, by kind.
    pub(crate) handshakes: BTreeMap<HandshakeKind, u64>,
    /// From the SYN to the end of the handshake: the same handshakes.
    pub(crate) handshake: Latencies,
    /// Connections that the server closed after an answer, as it had said.
    pub(crate) reconnects: u64,
    /// Bytes of bodies (and echoes) sent.
    pub(crate) bytes_sent: u64,
    /// Bytes of bodies (and echoes) received.
    pub(crate) bytes_received: u64,
}

impl Cell {
    /// Adds another worker's, or another second's.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self {
            due,
            begun,
            done,
            failures,
            response,
            service,
            handshakes,
            handshake,
            reconnects,
            bytes_sent,
            bytes_received,
        } = self;
        *due += other.due;
        *begun += other.begun;
        *done += other.done;
        failures.merge(&other.failures);
        response.merge(&other.response);
        service.merge(&other.service);
        for (kind, count) in &other.handshakes {
            *handshakes.entry(*kind).or_default() += count;
        }
        handshake.merge(&other.handshake);
        *reconnects += other.reconnects;
        *bytes_sent += other.bytes_sent;
        *bytes_received += other.bytes_received;
    }
}

/// One second of one worker, or of several, or the sum of several seconds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Second {
    /// Which one, counted from the begin of the run. The last one may be short, and a worker that was
    /// held up for more than a second leaves numbers out.
    pub(crate) number: u32,
    /// What was measured. Places at which nothing happened are not in it.
    #[serde(with = "places")]
    pub(crate) cells: BTreeMap<Place, Cell>,
    /// Where this worker's connections were when the second closed.
    pub(crate) states: States,
    /// What the generator saw of itself.
    pub(crate) own: Own,
}

impl Second {
    /// Adds another worker's view of the same second. For a sum over time, too; `states` then adds up
    /// gauges of different times, and means nothing.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self { number: _, cells, states, own } = self;
        for (place, cell) in &other.cells {
            cells.entry(*place).or_default().merge(cell);
        }
        states.merge(&other.states);
        own.merge(&other.own);
    }
}

/// A map with such keys as a list: JSON has no other keys than strings.
mod places {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Cell, Place};

    #[derive(Deserialize, Serialize)]
    struct Row<C> {
        #[serde(flatten)]
        place: Place,
        #[serde(flatten)]
        cell: C,
    }

    pub(super) fn serialize<S: Serializer>(
        cells: &BTreeMap<Place, Cell>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cells.iter().map(|(place, cell)| Row { place: *place, cell }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Place, Cell>, D::Error> {
        let rows = Vec::<Row<Cell>>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|Row { place, cell }| (place, cell)).collect())
    }
}
