//! From what is written to what can run: every reference resolved, every file loaded.

mod admin;
mod listeners;
mod policies;
mod pools;
mod vhosts;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::file::{File, Memory as WrittenMemory, Named, Tickets};
use super::index::Indices;
use super::problem::{Conflict, Problem, nearest};
use super::report::Report;
use super::snapshot::{Memory, Snapshot, TicketSettings};
use super::source::{Located, Place};
use crate::tickets::TicketKeys;
use crate::vhost::Table;

/// Longest life that TLS 1.3 allows a ticket. RFC 8446 §4.6.1.
const TICKET_LIFETIME_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Shortest that makes sense: clients come back after it in vain.
const TICKET_LIFETIME_MIN: Duration = Duration::from_secs(60);

/// What every part of the check needs.
pub(super) struct Check<'a> {
    /// Where problems go.
    pub(super) report: &'a mut Report,
    /// Numbers of virtual hosts and pools.
    pub(super) indices: &'a mut Indices,
    /// What certificates are measured by.
    pub(super) now: SystemTime,
    /// The keys of all tickets.
    pub(super) tickets: &'a Arc<TicketKeys>,
}

impl<'a> Check<'a> {
    /// A check of certificates against `now`.
    pub(super) fn new(
        report: &'a mut Report,
        indices: &'a mut Indices,
        now: SystemTime,
        tickets: &'a Arc<TicketKeys>,
    ) -> Self {
        Self { report, indices, now, tickets }
    }

    /// The snapshot that `file` describes. With errors in the report it is not to be used.
    pub(super) fn snapshot(&mut self, file: &File) -> Snapshot {
        let pools = self.pools(&file.pools, &file.timeouts);
        let policies = self.policies(&file.policies);
        let vhosts = self.vhosts(&file.vhosts, &pools, &policies);
        let listeners = self.listeners(&file.listeners, &vhosts, &file.vhosts);
        self.unused_pools(file);
        let mut pools: Vec<_> = pools.into_values().collect();
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        Snapshot {
            listeners,
            vhosts: Table::new(vhosts),
            pools,
            admin: self.admin(&file.admin),
            timeouts: file.timeouts,
            limits: file.limits,
            memory: self.memory(&file.memory),
            log: file.log.clone(),
            tickets: self.tickets(&file.tickets),
        }
    }

    fn unused_pools(&mut self, file: &File) {
        let used: BTreeSet<_> =
            file.vhosts.iter().flat_map(|named| named.section.pools()).collect();
        for pool in &file.pools {
            if !used.contains(pool.name.value.as_str()) {
                let problem = Problem::UnusedPool { name: pool.name.value.clone() };
                self.report.add(&pool.name.place, problem);
            }
        }
    }

    fn memory(&mut self, written: &WrittenMemory) -> Memory {
        let default = Memory::default();
        let frames_per_queue = written.frames_per_queue.as_ref().map(|frames| {
            if !(frames.value.is_power_of_two() && (1_024..=1_048_576).contains(&frames.value)) {
                self.report.add(&frames.place, Problem::Conflict(Conflict::PowerOfTwo));
            }
            frames.value
        });
        Memory {
            frames_per_queue: frames_per_queue.unwrap_or(default.frames_per_queue),
            record_buffers_bytes: written
                .record_buffers
                .map_or(default.record_buffers_bytes, |size| size.0),
        }
    }

    fn tickets(&mut self, written: &Tickets) -> TicketSettings {
        let Some(rotate) = &written.rotate else { return TicketSettings::default() };
        if !(TICKET_LIFETIME_MIN..=TICKET_LIFETIME_MAX).contains(&rotate.value) {
            self.report.add(&rotate.place, Problem::Conflict(Conflict::TicketLifetime));
        }
        TicketSettings { rotate: rotate.value }
    }

    /// Refuses the second section of a name: two files may define the same one.
    fn once<'f, T>(&mut self, what: &'static str, sections: &'f [Named<T>]) -> Vec<&'f Named<T>> {
        let mut seen = Seen::new(what);
        sections.iter().filter(|named| seen.insert(&named.name, self.report)).collect()
    }

    /// Reports a name that stands for nothing.
    fn unknown<'n>(
        &mut self,
        what: &'static str,
        name: &Located<String>,
        known: impl Iterator<Item = &'n str>,
    ) {
        let problem = Problem::UnknownReference {
            what,
            name: name.value.clone(),
            nearest: nearest(&name.value, known).map(ToOwned::to_owned),
        };
        self.report.add(&name.place, problem);
    }
}

/// What may be there only once, with the place of each.
struct Seen {
    what: &'static str,
    first: HashMap<String, Place>,
}

impl Seen {
    fn new(what: &'static str) -> Self {
        Self { what, first: HashMap::new() }
    }

    /// Whether it is the first of its kind; reported if not.
    fn insert<T: ToString>(&mut self, item: &Located<T>, report: &mut Report) -> bool {
        let text = item.value.to_string();
        if let Some(first) = self.first.get(&text) {
            let problem = Problem::Duplicate { what: self.what, text, first: first.clone() };
            report.add(&item.place, problem);
            return false;
        }
        self.first.insert(text, item.place.clone());
        true
    }
}
