//! The exposition: OpenMetrics by prometheus-client, from one snapshot.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry;

use crate::catalogue::{Declared, Info, Kind, OpenRow, Rows};
use crate::classic;
use crate::collect::{Collected, CollectedKind, Number};
use crate::family::{Name, Scope, Unit, WORKER_LABEL};
use crate::histogram::HistogramView;
use crate::registry::{Inner, Registry, Snapshot};

/// Nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

/// Label names and values of one series.
type Labels<'a> = Vec<(&'a str, &'a str)>;

impl Registry {
    /// All series in the OpenMetrics text format.
    pub fn encode_openmetrics(&self) -> String {
        let inner = self.inner();
        let mut exposition = registry::Registry::with_prefix(inner.catalogue.prefix.clone());
        exposition.register_collector(Box::new(Scrape { inner: Arc::clone(inner) }));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &exposition)
            .expect("writing to a string doesn't fail");
        text
    }

    /// All series in the classic text format of Prometheus.
    pub fn encode_classic(&self) -> String {
        classic::from_openmetrics(&self.encode_openmetrics())
    }
}

/// One scrape: everything it shows was read together.
#[derive(Debug)]
struct Scrape {
    inner: Arc<Inner>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.inner.snapshot();
        let catalogue = &self.inner.catalogue;
        for info in &catalogue.infos {
            encode_info(info, &mut encoder)?;
        }
        for family in &catalogue.families {
            let page = Page { inner: &self.inner, snapshot: &snapshot, family };
            page.encode(&mut encoder)?;
        }
        for collected in &catalogue.collected {
            encode_collected(collected, &snapshot, &mut encoder)?;
        }
        Ok(())
    }
}

/// One family in one scrape.
struct Page<'a> {
    inner: &'a Inner,
    snapshot: &'a Snapshot,
    family: &'a Declared,
}

impl Page<'_> {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let family = self.family;
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let unit = unit_of(&family.name);
        let mut metric =
            encoder.encode_descriptor(&family.name.base, &family.help, unit.as_ref(), kind)?;
        match family.scope {
            Scope::Process => self.encode_cells(&self.snapshot.totals, &[], &mut metric),
            Scope::Worker => {
                let names = &self.inner.worker_names;
                for (name, cells) in names.iter().zip(&self.snapshot.workers) {
                    self.encode_cells(cells, &[(WORKER_LABEL, name)], &mut metric)?;
                }
                Ok(())
            }
        }
    }

    /// All rows, of the sum or of one worker.
    fn encode_cells(
        &self,
        cells: &[u64],
        extra: &[(&str, &str)],
        metric: &mut MetricEncoder<'_>,
    ) -> fmt::Result {
        let names = &self.family.lead_labels;
        let none = Vec::new();
        let row_cells = |row: usize| {
            let count = self.family.row_cells();
            let first = self.family.first as usize + row * count;
            Cow::Borrowed(&cells[first..first + count])
        };
        match &self.family.rows {
            Rows::Single => self.encode_row(row_cells(0), (names, &none), extra, metric),
            Rows::Fixed(rows) => {
                for (row, values) in rows.iter().enumerate() {
                    self.encode_row(row_cells(row), (names, values), extra, metric)?;
                }
                Ok(())
            }
            Rows::Open(rows) => {
                let rows = rows.read().unwrap_or_else(PoisonError::into_inner).clone();
                for (row, open) in rows.iter().enumerate() {
                    let Some(OpenRow { values, base }) = open else { continue };
                    let cells = row_cells(row);
                    let counted = cells.iter().zip(base);
                    let counted = counted.map(|(now, then)| now.wrapping_sub(*then)).collect();
                    self.encode_row(Cow::Owned(counted), (names, values), extra, metric)?;
                }
                Ok(())
            }
        }
    }

    /// All combinations of the other labels' values, the last label running fastest.
    fn encode_row(
        &self,
        cells: Cow<'_, [u64]>,
        (lead_names, lead_values): (&[String], &[String]),
        extra: &[(&str, &str)],
        metric: &mut MetricEncoder<'_>,
    ) -> fmt::Result {
        let labels = &self.family.labels;
        for (series, value) in cells.chunks_exact(self.family.cells as usize).enumerate() {
            let lead = lead_names.iter().zip(lead_values);
            let mut set: Labels<'_> = extra.to_vec();
            set.extend(lead.map(|(name, value)| (name.as_str(), value.as_str())));
            let mut repeat: usize = labels.iter().map(|(_, values)| values.len()).product();
            for (name, values) in labels {
                repeat /= values.len();
                set.push((name, &values[series / repeat % values.len()]));
            }
            with_labels(metric, &set, |metric| self.encode_value(value, metric))?;
        }
        Ok(())
    }

    fn encode_value(&self, cells: &[u64], metric: &mut MetricEncoder<'_>) -> fmt::Result {
        let nanoseconds = self.family.name.unit == Some(Unit::Nanoseconds);
        match (self.family.kind, cells) {
            (Kind::Histogram, _) => self.encode_histogram(cells, metric),
            (Kind::Counter, [value]) if nanoseconds => {
                encode_counter(Number::Real(*value as f64 / NANOSECONDS), metric)
            }
            (Kind::Counter, [value]) => encode_counter(Number::Unsigned(*value), metric),
            (Kind::Gauge, [value]) if nanoseconds => {
                metric.encode_gauge(&(value.cast_signed() as f64 / NANOSECONDS))
            }
            (Kind::Gauge, [value]) => metric.encode_gauge(&value.cast_signed()),
            (Kind::Counter | Kind::Gauge, _) => unreachable!("they have one cell"),
        }
    }

    fn encode_histogram(&self, cells: &[u64], metric: &mut MetricEncoder<'_>) -> fmt::Result {
        let nanoseconds = self.family.name.unit == Some(Unit::Nanoseconds);
        let scale = if nanoseconds { NANOSECONDS } else { 1.0 };
        let view = HistogramView::of(cells);
        let bounds = &self.inner.catalogue.layouts[self.family.layout as usize];
        let upper = bounds.iter().map(|bound| *bound as f64 / scale).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = upper.zip(view.buckets.iter().copied()).collect();
        let sum = view.sum as f64 / scale;
        metric.encode_histogram::<NoLabelSet>(sum, view.count(), &buckets, None)
    }
}

fn encode_info(info: &Info, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let Info { name, help, labels } = info;
    let mut metric = encoder.encode_descriptor(&name.base, help, None, MetricType::Info)?;
    let labels: Labels<'_> =
        labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    metric.encode_info(&labels)
}

fn encode_collected(
    collected: &Collected,
    snapshot: &Snapshot,
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let Collected { name, help, kind, labels, samples } = collected;
    let unit = unit_of(name);
    let metric_type = match kind {
        CollectedKind::Counter => MetricType::Counter,
        CollectedKind::Gauge => MetricType::Gauge,
    };
    let mut metric = encoder.encode_descriptor(&name.base, help, unit.as_ref(), metric_type)?;
    for sample in samples(snapshot) {
        let names = labels.iter().map(String::as_str);
        let set: Labels<'_> = names.zip(sample.labels.iter().map(String::as_str)).collect();
        with_labels(&mut metric, &set, |metric| match (kind, sample.value) {
            (CollectedKind::Counter, value) => encode_counter(value, metric),
            (CollectedKind::Gauge, Number::Unsigned(value)) => metric.encode_gauge(&value),
            (CollectedKind::Gauge, Number::Signed(value)) => metric.encode_gauge(&value),
            (CollectedKind::Gauge, Number::Real(value)) => metric.encode_gauge(&value),
        })?;
    }
    Ok(())
}

/// A negative count is a collector's mistake; it shows as 0.
fn encode_counter(value: Number, metric: &mut MetricEncoder<'_>) -> fmt::Result {
    match value {
        Number::Unsigned(value) => metric.encode_counter::<NoLabelSet, _, u64>(&value, None),
        Number::Signed(value) => {
            let value = u64::try_from(value).unwrap_or(0);
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        Number::Real(value) => metric.encode_counter::<NoLabelSet, _, u64>(&value.max(0.0), None),
    }
}

/// Without labels there are no braces.
fn with_labels(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels<'_>,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.is_empty() {
        return encode(metric);
    }
    encode(&mut metric.encode_family(labels)?)
}

fn unit_of(name: &Name) -> Option<registry::Unit> {
    name.unit.map(|unit| match unit {
        Unit::Bytes => registry::Unit::Bytes,
        Unit::Seconds | Unit::Nanoseconds => registry::Unit::Seconds,
    })
}
