//! Results with the facts that they depend on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use weir_tls::Version;

use crate::client::Negotiated;
use crate::record::Percentiles;
use crate::results::{self, Results};
use crate::scenario::{Mode, Scenario};
use crate::schedule::Pace;
use crate::seconds::{Cell, Limit, Second};

/// How operations were timed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(crate) enum Loop {
    /// Each connection's next operation began when its last one had ended.
    Closed,
    /// Operations were due at fixed times; latency counts from them.
    Open {
        /// Operations a second; the highest, where the rate changes.
        rate: u64,
    },
}

/// What a connection negotiated.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct TlsFacts {
    pub(crate) version: String,
    pub(crate) cipher_suite: String,
    pub(crate) group: String,
}

impl From<&Negotiated> for TlsFacts {
    fn from(negotiated: &Negotiated) -> Self {
        let version = match negotiated.version {
            Version::Tls12 => "TLSv1_2",
            Version::Tls13 => "TLSv1_3",
        };
        let group = negotiated.group.map(|group| format!("{group:?}"));
        Self {
            version: version.to_owned(),
            cipher_suite: format!("{:?}", negotiated.cipher_suite),
            group: group.unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

/// The machine that the load came from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
}

impl From<&results::Machine> for Machine {
    fn from(machine: &results::Machine) -> Self {
        let results::Machine { kernel, processor, cores, .. } = machine;
        Self { kernel: kernel.clone(), processor: processor.clone(), cores: *cores }
    }
}

/// What a run found, in short: what `--json` prints and the comparison reads.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) url: String,
    pub(crate) address: String,
    pub(crate) mode: Mode,
    #[serde(rename = "loop")]
    pub(crate) looped: Loop,
    pub(crate) connections_at_once: u32,
    /// The measured time.
    pub(crate) seconds: f64,
    /// Operations begun and ended well in the measured time.
    pub(crate) operations: u64,
    /// Connections established in it.
    pub(crate) connections: u64,
    /// Bytes of bodies in it.
    pub(crate) bytes: u64,
    /// From the intended time to the end.
    pub(crate) latency_us: Percentiles,
    /// From when it was sent to the end.
    pub(crate) service_us: Percentiles,
    pub(crate) handshake_us: Percentiles,
    /// How late the generator noticed that an operation was due.
    pub(crate) lateness_us: Percentiles,
    /// CPU time of its workers, by what they could have had: from 0 to 1.
    pub(crate) generator_cpu: f64,
    /// Why the generator, and not the server, set the pace; nothing, if it did not.
    pub(crate) generator_limits: Vec<Limit>,
    /// Failed operations by reason; reasons that did not occur are left out.
    pub(crate) failures: BTreeMap<String, u64>,
    /// The first failure in words, measured or not.
    pub(crate) first_failure: Option<String>,
    /// Operations that were due and not begun, because every connection was busy.
    pub(crate) not_begun: u64,
    /// Connections that the server closed after an answer, as it had said, over the whole run.
    pub(crate) reconnects: u64,
    pub(crate) tls: TlsFacts,
    pub(crate) machine: Machine,
}

impl Report {
    /// What `results` say of `scenario`: of its measured phases.
    pub(crate) fn of(scenario: &Scenario, results: &Results) -> Self {
        let plan = &scenario.plan;
        let mut all = Second::default();
        results.seconds.iter().for_each(|second| all.merge(second));
        let mut sum = Cell::default();
        let mut reconnects = 0;
        for (place, cell) in &all.cells {
            reconnects += cell.reconnects;
            if scenario.phases.get(usize::from(place.phase)).is_some_and(|phase| phase.measured) {
                sum.merge(cell);
            }
        }
        let rate = |pace| match pace {
            Pace::Closed => 0.0,
            Pace::Open { from, to } => f64::max(from, to),
        };
        let rate = plan.course.pieces.iter().map(|piece| rate(piece.pace)).fold(0.0, f64::max);
        let looped = if rate > 0.0 { Loop::Open { rate: rounded(rate) } } else { Loop::Closed };
        let lengths =
            scenario.phases.iter().filter(|phase| phase.measured).map(|phase| phase.length);
        Self {
            url: scenario.url.clone(),
            address: plan.address.to_string(),
            mode: scenario.mode,
            looped,
            connections_at_once: plan.connections,
            seconds: lengths.map(|length| length.as_secs_f64()).sum(),
            operations: sum.done,
            connections: sum.handshakes.values().sum(),
            bytes: sum.bytes_received,
            latency_us: Percentiles::of(&sum.response),
            service_us: Percentiles::of(&sum.service),
            handshake_us: Percentiles::of(&sum.handshake),
            lateness_us: Percentiles::of(&all.own.lateness),
            generator_cpu: all.own.cpu_share(),
            generator_limits: results.judgement().limits.into_iter().collect(),
            failures: sum
                .failures
                .iter()
                .map(|(reason, count)| (reason.name().to_owned(), count))
                .collect(),
            first_failure: results.facts.first_failure.clone(),
            not_begun: sum.due.saturating_sub(sum.begun),
            reconnects,
            tls: results.facts.tls.clone().unwrap_or_default(),
            machine: Machine::from(&results.facts.machine),
        }
    }

    /// Failed operations, whatever the reason.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Operations in each second of the measured time.
    pub(crate) fn operations_per_second(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// Body bytes in each second of it, in units of 10^9 bits.
    pub(crate) fn gigabits_per_second(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.seconds / 1e9
    }

    /// Has anything been measured? A part of a large answer is something.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.operations > 0 || self.bytes > 0
    }

    /// One JSON object.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers, strings and maps of strings")
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a rate is at most 10 million a second")]
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

#[cfg(test)]
pub(crate) mod tests;
