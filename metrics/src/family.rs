//! What a family of metrics is: name, help, labels.

use crate::error::NameError;

/// Unit of a family; its name ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `_bytes`.
    Bytes,
    /// `_seconds`; whole seconds in gauges and counters.
    Seconds,
    /// `_seconds`, counted and observed in nanoseconds.
    Nanoseconds,
}

impl Unit {
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds | Self::Nanoseconds => "seconds",
        }
    }
}

/// Declares a family. Its name is the one that dashboards use, without the catalogue's prefix:
/// unit and, for counters, `_total` included.
///
/// ```
/// use metrics::{Catalogue, Family, Unit};
///
/// let mut catalogue = Catalogue::new("weir");
/// let bytes = catalogue.counters(
///     Family::new("tcp_bytes_total", "Payload by direction.")
///         .unit(Unit::Bytes)
///         .label("direction", ["in", "out"]),
/// )?;
/// let sent = bytes.at(&[1]);
/// # let _ = sent;
/// # Ok::<(), metrics::CatalogueError>(())
/// ```
#[derive(Debug)]
pub struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) unit: Option<Unit>,
    pub(crate) lead: Lead,
    pub(crate) labels: Vec<(String, Vec<String>)>,
    pub(crate) scope: Scope,
}

/// The first dimension, if it is more than one label's values.
#[derive(Debug)]
pub(crate) enum Lead {
    None,
    /// Several labels whose values belong together.
    Rows {
        labels: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// Rows that get their label values while the process runs.
    Open {
        labels: Vec<String>,
        rows: usize,
    },
}

/// Which shards a series adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All.
    Process,
    /// One series a worker, by the label `worker`.
    Worker,
}

impl Family {
    /// A family without labels, which has one series.
    pub fn new(name: &str, help: &str) -> Self {
        Self {
            name: name.to_owned(),
            help: help.to_owned(),
            unit: None,
            lead: Lead::None,
            labels: Vec::new(),
            scope: Scope::Process,
        }
    }

    /// With a unit, in which the name must end.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// With a label and all its values: one more dimension, every combination is a series.
    #[must_use]
    pub fn label<V: Into<String>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.labels.push((name.to_owned(), values));
        self
    }

    /// With labels whose values come in rows (a server belongs to one pool): the first dimension,
    /// ahead of every [`label`](Self::label).
    #[must_use]
    pub fn rows<V: Into<String>, R: IntoIterator<Item = V>>(
        mut self,
        labels: &[&str],
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        let rows = rows.into_iter().map(|row| row.into_iter().map(Into::into).collect()).collect();
        self.lead = Lead::Rows { labels: owned(labels), rows };
        self
    }

    /// With `rows` rows whose label values are given and taken back while the process runs, by
    /// [`Registry::name_row`](crate::Registry::name_row): the first dimension, ahead of every
    /// [`label`](Self::label). A row without values is not exposed.
    #[must_use]
    pub fn open_rows(mut self, labels: &[&str], rows: usize) -> Self {
        self.lead = Lead::Open { labels: owned(labels), rows };
        self
    }

    /// With a series for each worker, by the label `worker`, instead of their sum.
    #[must_use]
    pub fn per_worker(mut self) -> Self {
        self.scope = Scope::Worker;
        self
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What the exposition makes of a full name: `base`, then `_unit` and `_total` where it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) base: String,
    pub(crate) unit: Option<Unit>,
}

impl Name {
    /// Takes the suffix (`_total`, `_info`) and the unit off a full name.
    pub(crate) fn parse(full: &str, suffix: &str, unit: Option<Unit>) -> Result<Self, NameError> {
        if !is_name(full) {
            return Err(NameError::Character);
        }
        let stem = full.strip_suffix(suffix).ok_or(NameError::Suffix)?;
        if suffix.is_empty() && RESERVED.iter().any(|reserved| full.ends_with(reserved)) {
            return Err(NameError::Reserved);
        }
        let base = match unit {
            Some(unit) => stem
                .strip_suffix(unit.suffix())
                .and_then(|stem| stem.strip_suffix('_'))
                .ok_or(NameError::Unit)?,
            None => stem,
        };
        if base.is_empty() {
            return Err(NameError::Character);
        }
        Ok(Self { base: base.to_owned(), unit })
    }
}

/// Suffixes that the format gives to the samples of some kinds.
const RESERVED: [&str; 6] = ["_total", "_info", "_bucket", "_count", "_sum", "_created"];

/// Whether a label may have this name.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_name(name) && !name.starts_with("__") && name != "le" && name != WORKER_LABEL
}

/// The label that the registry itself adds.
pub(crate) const WORKER_LABEL: &str = "worker";

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    starts && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether a text can stand as a family's help as it is.
pub(crate) fn is_help(help: &str) -> bool {
    !help.is_empty() && !help.contains(['\n', '\\', '"'])
}
