//! What a run found, and all that is told of it.
//!
//! The generator's workers close [`Second`](crate::seconds::Second)s. [`Results`] are those and the
//! [`Facts`] that they depend on. That is what a result file holds, and everything else is derived from
//! it, at once or later: the summary, the table, HdrHistogram logs, the HTML report, the difference of two runs.
//! `docs/bench-results.md` documents the
//! file.
//!
//! Every one of these says so if the generator was the bottleneck: [`judgement`] decides that.

mod csv;
mod diff;
mod facts;
mod file;
mod hdr_log;
mod html;
mod judgement;
mod summary;
mod text;
mod units;
mod verbs;

pub(crate) use diff::{DiffArguments, diff};
pub(crate) use facts::{Facts, Machine, PhaseFacts, Scenario, Tls};
pub(crate) use file::Results;
pub(crate) use verbs::{ReportArguments, report, write_csv, write_hdr_logs, write_html};

#[cfg(test)]
mod tests;
