//! Was the generator the bottleneck?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seconds::{Limit, Own, Second};

/// By which rule, for whoever reads a report.
pub(crate) const RULE: &str = "The generator counts as the bottleneck if, over the whole run or in \
    more than one second in twenty, one of its workers used more than 95 % of a core, noticed more \
    than 1 % of its operations over 1 ms after they were due, or lost a frame in a ring.";

/// Seconds in which a worker was at its limit, of all seconds: more than this share is too much.
const LIMITED_SHARE_MAX: f64 = 0.05;

/// A second that was cut short says little of how busy a worker was.
const SPAN_MIN: Duration = Duration::from_millis(500);

/// A second in which at least one worker was at its limit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct LimitedSecond {
    pub(crate) number: u32,
    pub(crate) limits: BTreeSet<Limit>,
}

/// Looks at each worker's second before they are merged: a sum hides one busy worker among idle ones.
#[derive(Debug, Default)]
pub(crate) struct Judge(BTreeMap<u32, BTreeSet<Limit>>);

impl Judge {
    /// Looks at one worker's second.
    pub(crate) fn look_at(&mut self, second: &Second) {
        if second.own.span < SPAN_MIN {
            return;
        }
        let limits = second.own.limits();
        if !limits.is_empty() {
            self.0.entry(second.number).or_default().extend(limits);
        }
    }

    /// The seconds that had something.
    pub(crate) fn limited(self) -> Vec<LimitedSecond> {
        self.0.into_iter().map(|(number, limits)| LimitedSecond { number, limits }).collect()
    }
}

/// What limited the run, if that was the generator.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) limits: BTreeSet<Limit>,
    /// Seconds in which a worker was at its limit.
    pub(crate) limited_seconds: usize,
    pub(crate) seconds: usize,
}

impl Judgement {
    /// `own`: the sum of all workers over the run.
    pub(super) fn of(own: &Own, limited: &[LimitedSecond], seconds: usize) -> Self {
        let mut limits: BTreeSet<Limit> = own.limits().into_iter().collect();
        for limit in [Limit::Cpu, Limit::Lateness, Limit::RingDrops] {
            let times = limited.iter().filter(|second| second.limits.contains(&limit)).count();
            if times as f64 > LIMITED_SHARE_MAX * seconds as f64 {
                limits.insert(limit);
            }
        }
        Self { limits, limited_seconds: limited.len(), seconds }
    }

    /// Was it?
    pub(crate) fn is_bottleneck(&self) -> bool {
        !self.limits.is_empty()
    }

    /// One sentence for a person; nothing if the server set the pace.
    pub(crate) fn sentence(&self) -> Option<String> {
        if !self.is_bottleneck() {
            return None;
        }
        let why: Vec<&str> = self.limits.iter().map(|limit| limit.text()).collect();
        Some(format!(
            "the generator was the bottleneck: {} ({} of {} seconds). The figures are its own, not the \
             server's",
            why.join("; "),
            self.limited_seconds,
            self.seconds
        ))
    }
}
