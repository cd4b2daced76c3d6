//! What a run found, and all that is told of it.
//!
//! The generator's workers close [`Second`](crate::seconds::Second)s and send them to the [`Collector`]. It
//! adds up the workers' views of each second, and shows the run while it goes on, on the terminal
//! ([`live`]) and to Prometheus ([`endpoint`]). At its end it makes [`Results`]: the seconds and the
//! [`Facts`] that they depend on. That is what a result file holds, and everything else is derived from
//! it, at once or later: the summary, the table, HdrHistogram logs, the HTML report, the difference of two runs.
//! `docs/bench-results.md` documents the
//! file.
//!
//! Every one of these says so if the generator was the bottleneck: [`judgement`] decides that.

mod collector;
mod csv;
mod diff;
mod endpoint;
mod facts;
mod file;
mod hdr_log;
mod html;
mod judgement;
mod live;
mod summary;
mod text;
mod units;
mod verbs;

pub(crate) use collector::{Collector, Ending};
pub(crate) use diff::{DiffArguments, diff};
pub(crate) use facts::{Facts, Machine, Scenario};
pub(crate) use file::Results;
pub(crate) use verbs::{OutputArguments, ReportArguments, report};

#[cfg(test)]
mod tests;
