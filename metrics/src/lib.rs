//! Counters, gauges, the memory ledger and their exposition.
//!
//! A [`Catalogue`] declares every family once, with all its series. [`Registry::new`] turns it
//! into one [`Shard`] of cells for each worker and a registry that reads them all. A cell has one
//! writer, which loads and stores it relaxed; a scrape reads the cells while they change, so it
//! never stops a worker, and no counter ever goes down. Every series exists at 0 from the start.
//!
//! What is known only at the moment of a scrape (the process's memory, its CPU time) comes from
//! [collectors](Catalogue::collect). The [`Ledger`] says who holds how many bytes.

#![deny(missing_docs, unreachable_pub)]
#![forbid(unsafe_code)]

mod catalogue;
mod classic;
mod collect;
mod counter;
mod encode;
mod error;
mod family;
mod gauge;
mod histogram;
mod ledger;
mod process;
mod registry;
mod series;
mod shard;
#[cfg(test)]
mod tests;

pub use catalogue::Catalogue;
pub use collect::{CollectedKind, Number, Sample};
pub use counter::CounterId;
pub use error::{CatalogueError, NameError, RowError};
pub use family::{Family, Unit};
pub use gauge::GaugeId;
pub use histogram::{HistogramId, HistogramView};
pub use ledger::{Bytes, Ledger, LedgerReport, PoolId, PoolReport, resident_bytes};
pub use process::collect_process;
pub use registry::{Registry, Shards, Snapshot};
pub use series::Series;
pub use shard::Shard;
