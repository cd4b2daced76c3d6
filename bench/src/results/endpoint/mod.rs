//! A run for Prometheus, while it goes on: `--metrics ADDR:PORT`.

mod http;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use metrics::{
    Catalogue, CatalogueError, CounterId, Family, GaugeId, HistogramId, Registry, Series, Shard,
    Unit, collect_process,
};

use super::facts::Scenario;
use crate::seconds::{ConnectionState, HandshakeKind, Latencies, Reason, Second, States};
use http::Server;

/// Bounds of all histograms, in nanoseconds: from 100 us to 100 s.
const BOUNDS: [u64; 19] = [
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    20_000_000_000,
    50_000_000_000,
    100_000_000_000,
];

const HANDSHAKES: [(HandshakeKind, &str); 3] = [
    (HandshakeKind::Full, "full"),
    (HandshakeKind::Retried, "retried"),
    (HandshakeKind::Resumed, "resumed"),
];

/// What is counted where.
#[derive(Debug)]
struct Families {
    due: CounterId,
    begun: CounterId,
    done: CounterId,
    failures: Series<CounterId>,
    response: HistogramId,
    service: HistogramId,
    handshake: HistogramId,
    handshakes: Series<CounterId>,
    reconnects: CounterId,
    bytes: Series<CounterId>,
    connections: Series<GaugeId>,
    lateness: HistogramId,
    cpu: CounterId,
    worker_time: CounterId,
    ring_drops: CounterId,
    limited: CounterId,
}

/// Serves the metrics until it is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    families: Families,
    shard: Shard,
    server: Server,
}

impl Endpoint {
    /// Begins to serve `/metrics` at `address`.
    pub(crate) fn start(address: SocketAddr, scenario: &Scenario) -> Result<Self, Box<dyn Error>> {
        let mut catalogue = Catalogue::new("weir_bench");
        let families = declare(&mut catalogue, scenario)?;
        let (registry, shards) = Registry::new(catalogue, 0);
        let server =
            Server::start(address, registry).map_err(|error| format!("{address}: {error}"))?;
        Ok(Self { families, shard: shards.control, server })
    }

    /// Where it serves: the port, if any was fine.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Counts what one worker did in one second, of whatever phase.
    pub(super) fn take(&self, second: &Second) {
        let Self { families, shard, .. } = self;
        for cell in second.cells.values() {
            shard.add(families.due, cell.due);
            shard.add(families.begun, cell.begun);
            shard.add(families.done, cell.done);
            for (at, reason) in Reason::ALL.into_iter().enumerate() {
                shard.add(families.failures.at(&[at]), cell.failures.get(reason));
            }
            self.observe(families.response, &cell.response);
            self.observe(families.service, &cell.service);
            self.observe(families.handshake, &cell.handshake);
            for (at, (kind, _)) in HANDSHAKES.iter().enumerate() {
                let count = cell.handshakes.get(kind).copied().unwrap_or_default();
                shard.add(families.handshakes.at(&[at]), count);
            }
            shard.add(families.reconnects, cell.reconnects);
            shard.add(families.bytes.at(&[0]), cell.bytes_sent);
            shard.add(families.bytes.at(&[1]), cell.bytes_received);
        }
        let own = &second.own;
        self.observe(families.lateness, &own.lateness);
        shard.add(families.cpu, nanoseconds(own.cpu));
        shard.add(families.worker_time, nanoseconds(own.span));
        shard.add(families.ring_drops, own.ring_drops);
        shard.add(families.limited, u64::from(!own.limits().is_empty()));
    }

    /// Where the connections of all workers are.
    pub(super) fn set_connections(&self, states: &States) {
        for (at, state) in ConnectionState::ALL.into_iter().enumerate() {
            let count = i64::try_from(states.get(state)).unwrap_or(i64::MAX);
            self.shard.set(self.families.connections.at(&[at]), count);
        }
    }

    fn observe(&self, id: HistogramId, latencies: &Latencies) {
        for (value, count) in latencies.iter() {
            for _ in 0..count {
                self.shard.observe(id, nanoseconds(value));
            }
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn declare(catalogue: &mut Catalogue, scenario: &Scenario) -> Result<Families, CatalogueError> {
    let target = [
        ("target", scenario.target.as_str()),
        ("transport", &scenario.transport),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    catalogue.info("run_info", "What is loaded, and how.", &target)?;
    collect_process(catalogue, Instant::now())?;
    let mut counter = |name: &str, help: &str| catalogue.counters(Family::new(name, help));
    let due = counter("operations_due_total", "Operations that became due.")?;
    let begun = counter("operations_begun_total", "Operations that were begun.")?;
    let done = counter("operations_done_total", "Operations that ended well.")?;
    let reconnects =
        counter("reconnects_total", "Connections that the server closed after an answer.")?;
    let ring_drops = counter("generator_ring_drops_total", "Frames that the generator lost.")?;
    let limited = counter(
        "generator_limited_worker_seconds_total",
        "Seconds in which a worker was at its limit.",
    )?;
    let reasons = Reason::ALL.map(Reason::name);
    let failures = Family::new("operations_failed_total", "Operations that failed, by reason.")
        .label("reason", reasons);
    let handshakes = Family::new("handshakes_total", "TLS handshakes done, by kind.")
        .label("kind", HANDSHAKES.map(|(_, name)| name));
    let bytes = Family::new("body_bytes_total", "Bytes of bodies and echoes.")
        .unit(Unit::Bytes)
        .label("direction", ["sent", "received"]);
    let states = ConnectionState::ALL.map(ConnectionState::name);
    let connections = Family::new("connections", "Connections by state.").label("state", states);
    let time = |name: &str, help: &str| Family::new(name, help).unit(Unit::Nanoseconds);
    let (failures, handshakes) = (catalogue.counters(failures)?, catalogue.counters(handshakes)?);
    let (bytes, connections) = (catalogue.counters(bytes)?, catalogue.gauges(connections)?);
    let cpu = time("generator_cpu_seconds_total", "CPU time of the workers.");
    let worker_time =
        time("generator_worker_seconds_total", "Time that the workers ran for, waiting included.");
    let (cpu, worker_time) = (catalogue.counters(cpu)?, catalogue.counters(worker_time)?);
    let mut histogram = |name: &str, help: &str| catalogue.histograms(time(name, help), &BOUNDS);
    let response = histogram("response_seconds", "From when an operation was due to its end.")?;
    let service = histogram("service_seconds", "From when it was sent to its end.")?;
    let handshake =
        histogram("handshake_seconds", "From the SYN to the end of the TLS handshake.")?;
    let lateness = histogram(
        "generator_lateness_seconds",
        "From when an operation was due to when its worker noticed.",
    )?;
    Ok(Families {
        due: due.only(),
        begun: begun.only(),
        done: done.only(),
        failures,
        response: response.only(),
        service: service.only(),
        handshake: handshake.only(),
        handshakes,
        reconnects: reconnects.only(),
        bytes,
        connections,
        lateness: lateness.only(),
        cpu: cpu.only(),
        worker_time: worker_time.only(),
        ring_drops: ring_drops.only(),
        limited: limited.only(),
    })
}
