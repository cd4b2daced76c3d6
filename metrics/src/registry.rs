//! All cells of a process, and what reads them.

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::catalogue::{Catalogue, Declared, Kind, OpenRow, Rows};
use crate::counter::CounterId;
use crate::error::RowError;
use crate::gauge::GaugeId;
use crate::histogram::{HistogramId, HistogramView, cells_of};
use crate::ledger;
use crate::series::Series;
use crate::shard::{Cells, Shard};

/// Reads every shard. Clones are handles to the same registry.
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

/// The shards of a process, each to be moved to its thread.
#[derive(Debug)]
pub struct Shards {
    /// One for each worker, in order.
    pub workers: Vec<Shard>,
    /// For the control plane; no series has it as a worker.
    pub control: Shard,
}

/// What the handles share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) catalogue: Catalogue,
    workers: Vec<Arc<Cells>>,
    control: Arc<Cells>,
    pub(crate) worker_names: Vec<String>,
}

impl Registry {
    /// Makes the cells of all that was declared: a shard for each worker, and one more.
    pub fn new(catalogue: Catalogue, workers: usize) -> (Self, Shards) {
        let layouts: Arc<[Box<[u64]>]> = catalogue.layouts.clone().into();
        let count = catalogue.cells as usize;
        let cells = || Arc::new(Cells::new(count, &layouts));
        let inner = Inner {
            workers: (0..workers).map(|_| cells()).collect(),
            control: cells(),
            worker_names: (0..workers).map(|worker| worker.to_string()).collect(),
            catalogue,
        };
        let shards = Shards {
            workers: inner.workers.iter().map(|cells| Shard::new(Arc::clone(cells))).collect(),
            control: Shard::new(Arc::clone(&inner.control)),
        };
        (Self { inner: Arc::new(inner) }, shards)
    }

    /// Reads every cell of every shard once.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    /// Bytes of all cells, for the ledger.
    pub fn bytes(&self) -> usize {
        let workers: usize = self.inner.workers.iter().map(|cells| cells.bytes()).sum();
        workers + self.inner.control.bytes()
    }

    /// Gives an open row its label values; its counters and histograms start at 0 from here.
    ///
    /// Nobody may count in the row until then. A gauge shows what its cells hold.
    ///
    /// # Errors
    ///
    /// No such open row, or the row or the values are in use.
    pub fn name_row<Id>(
        &self,
        series: &Series<Id>,
        row: usize,
        values: &[&str],
    ) -> Result<(), RowError> {
        let (family, rows) = self.open_rows(series)?;
        if values.len() != family.lead_labels.len() {
            return Err(RowError::Values);
        }
        let mut rows = rows.write().unwrap_or_else(PoisonError::into_inner);
        if rows.iter().flatten().any(|open| open.values == values) {
            return Err(RowError::Duplicate);
        }
        let place = rows.get_mut(row).ok_or(RowError::NoSuchRow)?;
        if place.is_some() {
            return Err(RowError::Named);
        }
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let base = match family.kind {
            Kind::Gauge => vec![0; family.row_cells()],
            Kind::Counter | Kind::Histogram => self.row_cells(family, row),
        };
        *place = Some(OpenRow { values, base });
        Ok(())
    }

    /// Takes an open row's name back. What it counted moves to another named row, so that the
    /// family's sum goes on; a gauge's value just disappears.
    ///
    /// Nobody may count in the row any more.
    ///
    /// # Errors
    ///
    /// One of the rows is not there or has no name, or both are the same.
    pub fn retire_row<Id>(
        &self,
        series: &Series<Id>,
        row: usize,
        into: usize,
    ) -> Result<(), RowError> {
        let (family, rows) = self.open_rows(series)?;
        let mut rows = rows.write().unwrap_or_else(PoisonError::into_inner);
        let target_named = rows.get(into).is_some_and(Option::is_some);
        if row == into || !target_named {
            return Err(RowError::NoSuchRow);
        }
        let retired = rows.get_mut(row).and_then(Option::take).ok_or(RowError::NoSuchRow)?;
        if family.kind == Kind::Gauge {
            return Ok(());
        }
        let counted = self.row_cells(family, row);
        if let Some(Some(target)) = rows.get_mut(into) {
            for (base, (now, then)) in target.base.iter_mut().zip(counted.iter().zip(retired.base))
            {
                // A lower base is a higher value; it may well pass below zero.
                *base = base.wrapping_sub(now.wrapping_sub(then));
            }
        }
        Ok(())
    }

    pub(crate) const fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn open_rows<Id>(&self, series: &Series<Id>) -> Result<(&Declared, &OpenRows), RowError> {
        let families = &self.inner.catalogue.families;
        let family = families.get(series.family as usize).ok_or(RowError::NoSuchRow)?;
        match &family.rows {
            Rows::Open(rows) => Ok((family, rows)),
            Rows::Single | Rows::Fixed(_) => Err(RowError::NoSuchRow),
        }
    }

    fn row_cells(&self, family: &Declared, row: usize) -> Vec<u64> {
        let count = family.row_cells();
        let first = family.first as usize + row * count;
        self.snapshot().totals[first..first + count].to_vec()
    }
}

type OpenRows = RwLock<Vec<Option<OpenRow>>>;

impl Inner {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let workers: Vec<Box<[u64]>> = self.workers.iter().map(|cells| cells.read()).collect();
        let mut totals = self.control.read();
        for worker in &workers {
            for (total, value) in totals.iter_mut().zip(worker) {
                *total = total.wrapping_add(*value);
            }
        }
        let bounds = self.catalogue.layouts.iter().map(|bounds| bounds.len()).collect();
        Snapshot { totals, workers, bounds, resident: OnceLock::new() }
    }
}

/// Every cell, as one scrape read it.
pub struct Snapshot {
    /// Sums over all shards.
    pub(crate) totals: Box<[u64]>,
    /// The workers' own.
    pub(crate) workers: Vec<Box<[u64]>>,
    bounds: Box<[usize]>,
    /// Read once, by whoever asks first.
    resident: OnceLock<Option<u64>>,
}

impl Snapshot {
    /// A counter's sum over all shards.
    pub fn counter(&self, id: CounterId) -> u64 {
        self.totals[id.0 as usize]
    }

    /// A gauge's sum over all shards.
    pub fn gauge(&self, id: GaugeId) -> i64 {
        self.totals[id.0 as usize].cast_signed()
    }

    /// A histogram's sum over all shards.
    pub fn histogram(&self, id: HistogramId) -> HistogramView {
        let first = id.first as usize;
        let cells = cells_of(self.bounds[id.layout as usize]);
        HistogramView::of(&self.totals[first..first + cells])
    }

    /// Resident memory of the process: one reading for all that this snapshot is used for.
    pub fn resident_bytes(&self) -> Option<u64> {
        *self.resident.get_or_init(|| ledger::resident_bytes().ok())
    }

    /// A counter of one worker.
    pub fn worker_counter(&self, worker: usize, id: CounterId) -> u64 {
        self.workers[worker][id.0 as usize]
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("cells", &self.totals.len()).finish_non_exhaustive()
    }
}
