//! What a scrape finds out by asking: the build, reloads, tickets, certificates, the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use metrics::{
    Catalogue, CatalogueError, CollectedKind, Family, Number, Sample, Unit, collect_process,
};

use crate::admin::reload::ReloadFacts;
use crate::config::Snapshot;
use crate::tickets::TicketKeys;

/// The commit that was built, where the build was told.
const COMMIT: &str = match option_env!("WEIR_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The line of rustls releases in use.
const RUSTLS: &str = "0.23";

/// Whom a scrape asks.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// When the process began its work.
    pub(crate) started: Instant,
    /// What the workers run on.
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    /// The keys of tickets.
    pub(crate) tickets: Arc<TicketKeys>,
    /// Reloads.
    pub(crate) reloads: Arc<ReloadFacts>,
}

impl Facts {
    /// Declares the families.
    pub(super) fn declare(self, catalogue: &mut Catalogue) -> Result<(), CatalogueError> {
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit", COMMIT),
            ("rustls", RUSTLS),
            ("provider", "aws-lc-rs"),
        ];
        catalogue.info("build_info", "The program.", &build)?;
        collect_process(catalogue, self.started)?;
        self.declare_reloads(catalogue)?;
        self.declare_certificates(catalogue)?;
        self.declare_tickets(catalogue)
    }

    fn declare_reloads(&self, catalogue: &mut Catalogue) -> Result<(), CatalogueError> {
        let help = "1 if the last reload of the configuration worked.";
        let family = Family::new("config_last_reload_successful", help);
        let reloads = Arc::clone(&self.reloads);
        catalogue
            .collect(CollectedKind::Gauge, family, move |_| one(u64::from(reloads.successful())))?;
        let help = "When the configuration in use was loaded.";
        let family = Family::new("config_last_reload_timestamp_seconds", help).unit(Unit::Seconds);
        let reloads = Arc::clone(&self.reloads);
        catalogue.collect(CollectedKind::Gauge, family, move |_| one(reloads.timestamp_seconds()))
    }

    fn declare_certificates(&self, catalogue: &mut Catalogue) -> Result<(), CatalogueError> {
        let help = "When the first certificate in use expires.";
        let family = Family::new("cert_not_after_min_timestamp_seconds", help).unit(Unit::Seconds);
        let snapshot = Arc::clone(&self.snapshot);
        catalogue.collect(CollectedKind::Gauge, family, move |_| {
            let snapshot = snapshot.load();
            let ends = snapshot.vhosts.iter().flat_map(|vhost| &vhost.certificates);
            let first = ends.map(|certificate| certificate.not_after).min();
            let seconds = first.and_then(|end| end.duration_since(SystemTime::UNIX_EPOCH).ok());
            seconds.map_or_else(Vec::new, |seconds| one(seconds.as_secs()))
        })
    }

    fn declare_tickets(&self, catalogue: &mut Catalogue) -> Result<(), CatalogueError> {
        let help = "Age of the key that seals session tickets.";
        let family = Family::new("tls_ticket_key_age_seconds", help).unit(Unit::Seconds);
        let tickets = Arc::clone(&self.tickets);
        catalogue.collect(CollectedKind::Gauge, family, move |_| {
            one(tickets.age(Instant::now()).as_secs())
        })?;
        let help = "Session tickets, by what became of them.";
        let results = ["issued", "accepted", "unknown_key", "refused"];
        let family = Family::new("tls_tickets_total", help)
            .rows(&["result"], results.iter().map(|result| [*result]));
        let tickets = Arc::clone(&self.tickets);
        catalogue.collect(CollectedKind::Counter, family, move |_| {
            let counts = tickets.counts();
            let values = [&counts.issued, &counts.accepted, &counts.unknown_key, &counts.refused];
            results.iter().zip(values).map(|(result, count)| labelled(result, count)).collect()
        })
    }
}

fn one(value: u64) -> Vec<Sample> {
    vec![Sample::only(Number::Unsigned(value))]
}

fn labelled(label: &str, count: &AtomicU64) -> Sample {
    let value = Number::Unsigned(count.load(Ordering::Relaxed));
    Sample { labels: vec![label.to_owned()], value }
}
