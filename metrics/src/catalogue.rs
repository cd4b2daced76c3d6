//! Every family, declared once.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::RwLock;

use crate::collect::{Collected, CollectedKind, Sample};
use crate::counter::CounterId;
use crate::error::CatalogueError;
use crate::family::{self, Family, Lead, Name, Scope};
use crate::gauge::GaugeId;
use crate::histogram::{self, HistogramId};
use crate::registry::Snapshot;
use crate::series::{Series, Shape};

/// The families of a process, before it counts.
#[derive(Debug)]
pub struct Catalogue {
    pub(crate) prefix: String,
    pub(crate) families: Vec<Declared>,
    pub(crate) infos: Vec<Info>,
    pub(crate) collected: Vec<Collected>,
    /// Cells of a shard.
    pub(crate) cells: u32,
    /// Bounds of the histograms.
    pub(crate) layouts: Vec<Box<[u64]>>,
    names: HashSet<String>,
}

impl Catalogue {
    /// `prefix`: what every name begins with, without the underscore between.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            families: Vec::new(),
            infos: Vec::new(),
            collected: Vec::new(),
            cells: 0,
            layouts: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// Declares counters; the family's name ends in `_total`.
    ///
    /// # Errors
    ///
    /// A name, label or help that can't be, or one that is there already.
    pub fn counters(&mut self, family: Family) -> Result<Series<CounterId>, CatalogueError> {
        self.declare(family, Kind::Counter, 1, 0)
    }

    /// Declares gauges. The workers' values add up.
    ///
    /// # Errors
    ///
    /// As for [`counters`](Self::counters).
    pub fn gauges(&mut self, family: Family) -> Result<Series<GaugeId>, CatalogueError> {
        self.declare(family, Kind::Gauge, 1, 0)
    }

    /// Declares histograms with these upper bounds of their buckets, in the unit of what is
    /// observed (nanoseconds with [`Unit::Nanoseconds`](crate::Unit::Nanoseconds)). One more
    /// bucket, above the highest bound, comes by itself.
    ///
    /// # Errors
    ///
    /// As for [`counters`](Self::counters), or bounds that don't rise.
    pub fn histograms(
        &mut self,
        family: Family,
        bounds: &[u64],
    ) -> Result<Series<HistogramId>, CatalogueError> {
        if bounds.is_empty() || !bounds.is_sorted_by(|low, high| low < high) {
            return Err(CatalogueError::Bounds { family: family.name });
        }
        let cells = histogram::cells_of(bounds.len());
        let layout = self.layouts.len();
        let too_many = |_| CatalogueError::Size { family: family.name.clone() };
        let (cells, layout) =
            (u32::try_from(cells).map_err(too_many)?, u32::try_from(layout).map_err(too_many)?);
        let series = self.declare(family, Kind::Histogram, cells, layout)?;
        self.layouts.push(bounds.into());
        Ok(series)
    }

    /// Declares a fact that doesn't change: a series of value 1, its name ending in `_info`.
    ///
    /// # Errors
    ///
    /// As for [`counters`](Self::counters).
    pub fn info(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<(), CatalogueError> {
        let mut family = Family::new(name, help);
        for (label, value) in labels {
            family = family.label(label, [*value]);
        }
        let parsed = self.check(&family, "_info")?;
        let labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.infos.push(Info { name: parsed, help: family.help, labels });
        self.names.insert(family.name);
        Ok(())
    }

    /// Declares a family whose series are found at each scrape by calling `samples`, which is given
    /// what was just read from the shards. The labels are those of [`Family::rows`], and each
    /// sample brings its own values for them.
    ///
    /// # Errors
    ///
    /// As for [`counters`](Self::counters).
    pub fn collect(
        &mut self,
        kind: CollectedKind,
        family: Family,
        samples: impl Fn(&Snapshot) -> Vec<Sample> + Send + Sync + 'static,
    ) -> Result<(), CatalogueError> {
        let name = self.check(&family, kind.suffix())?;
        self.names.insert(family.name);
        self.collected.push(Collected {
            name,
            help: family.help,
            kind,
            labels: family.lead.into_labels(),
            samples: Box::new(samples),
        });
        Ok(())
    }

    fn declare<Id>(
        &mut self,
        family: Family,
        kind: Kind,
        cells: u32,
        layout: u32,
    ) -> Result<Series<Id>, CatalogueError> {
        let name = self.check(&family, kind.suffix())?;
        let too_big = || CatalogueError::Size { family: family.name.clone() };
        let shape = shape_of(&family).ok_or_else(too_big)?;
        let end = u32::try_from(shape.len())
            .ok()
            .and_then(|series| series.checked_mul(cells))
            .and_then(|all| all.checked_add(self.cells))
            .ok_or_else(too_big)?;
        let index = u32::try_from(self.families.len()).map_err(|_| too_big())?;
        let first = self.cells;
        self.cells = end;
        self.names.insert(family.name);
        self.families.push(Declared {
            rows: Rows::new(&family.lead),
            name,
            help: family.help,
            kind,
            scope: family.scope,
            lead_labels: family.lead.into_labels(),
            labels: family.labels,
            first,
            cells,
            layout,
        });
        Ok(Series { family: index, shape, first, cells, layout, id: PhantomData })
    }

    fn check(&self, family: &Family, suffix: &str) -> Result<Name, CatalogueError> {
        let full = || family.name.clone();
        let name = Name::parse(&family.name, suffix, family.unit)
            .map_err(|reason| CatalogueError::Name { family: full(), reason })?;
        if self.names.contains(&family.name) {
            return Err(CatalogueError::Duplicate { family: full() });
        }
        if !family::is_help(&family.help) {
            return Err(CatalogueError::Help { family: full() });
        }
        if family.scope == Scope::Worker && matches!(family.lead, Lead::Open { .. }) {
            return Err(CatalogueError::OpenPerWorker { family: full() });
        }
        check_labels(family)?;
        check_values(family)?;
        Ok(name)
    }
}

/// What a family's cells mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// A declared family.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: Name,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    pub(crate) lead_labels: Vec<String>,
    pub(crate) rows: Rows,
    pub(crate) labels: Vec<(String, Vec<String>)>,
    pub(crate) first: u32,
    pub(crate) cells: u32,
    pub(crate) layout: u32,
}

impl Declared {
    /// Cells of one row: all combinations of the other labels' values.
    pub(crate) fn row_cells(&self) -> usize {
        let series: usize = self.labels.iter().map(|(_, values)| values.len()).product();
        series * self.cells as usize
    }
}

/// Label values of the first dimension.
#[derive(Debug)]
pub(crate) enum Rows {
    /// One row without labels.
    Single,
    /// Given at declaration.
    Fixed(Vec<Vec<String>>),
    /// Given while the process runs.
    Open(RwLock<Vec<Option<OpenRow>>>),
}

/// A named open row.
#[derive(Clone, Debug)]
pub(crate) struct OpenRow {
    pub(crate) values: Vec<String>,
    /// What the cells had counted when the row got its values; not theirs.
    pub(crate) base: Vec<u64>,
}

impl Rows {
    fn new(lead: &Lead) -> Self {
        match lead {
            Lead::None => Self::Single,
            Lead::Rows { rows, .. } => Self::Fixed(rows.clone()),
            Lead::Open { rows, .. } => Self::Open(RwLock::new(vec![None; *rows])),
        }
    }
}

/// A fact that doesn't change.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) name: Name,
    pub(crate) help: String,
    pub(crate) labels: Vec<(String, String)>,
}

impl Lead {
    fn labels(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::Rows { labels, .. } | Self::Open { labels, .. } => labels,
        }
    }

    fn into_labels(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Rows { labels, .. } | Self::Open { labels, .. } => labels,
        }
    }
}

fn shape_of(family: &Family) -> Option<Shape> {
    let lead = match &family.lead {
        Lead::None => None,
        Lead::Rows { rows, .. } => Some(rows.len()),
        Lead::Open { rows, .. } => Some(*rows),
    };
    let values = family.labels.iter().map(|(_, values)| values.len());
    Shape::new(&lead.into_iter().chain(values).collect::<Vec<_>>())
}

fn check_labels(family: &Family) -> Result<(), CatalogueError> {
    let mut seen = HashSet::new();
    let own = family.labels.iter().map(|(name, _)| name);
    for label in family.lead.labels().iter().chain(own) {
        if !family::is_label_name(label) || !seen.insert(label) {
            return Err(CatalogueError::Label {
                family: family.name.clone(),
                label: label.clone(),
            });
        }
    }
    Ok(())
}

fn check_values(family: &Family) -> Result<(), CatalogueError> {
    for (_, values) in &family.labels {
        let mut seen = HashSet::new();
        if let Some(value) = values.iter().find(|value| !seen.insert(*value)) {
            return Err(CatalogueError::Series {
                family: family.name.clone(),
                values: vec![value.clone()],
            });
        }
    }
    let Lead::Rows { labels, rows } = &family.lead else { return Ok(()) };
    let mut seen = HashSet::new();
    for row in rows {
        if row.len() != labels.len() {
            return Err(CatalogueError::Row { family: family.name.clone() });
        }
        if !seen.insert(row) {
            return Err(CatalogueError::Series {
                family: family.name.clone(),
                values: row.clone(),
            });
        }
    }
    Ok(())
}
