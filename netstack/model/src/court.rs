//! The bench: which rules allowed what, and the first that was broken.

use std::fmt;

use crate::profile::Profile;
use crate::rule::Rule;
use crate::segment::Time;

/// How often each rule had something to say, and which did in the last step.
#[derive(Clone, Debug)]
pub struct Fired {
    counts: [u64; Rule::ALL.len()],
    latest: Vec<Rule>,
}

impl Default for Fired {
    fn default() -> Self {
        Self { counts: [0; Rule::ALL.len()], latest: Vec::new() }
    }
}

impl Fired {
    /// How often `rule` allowed something.
    #[must_use]
    pub fn count(&self, rule: Rule) -> u64 {
        self.counts.get(rule as usize).copied().unwrap_or_default()
    }

    /// The rules that allowed the last step, in the order in which they were asked.
    #[must_use]
    pub fn latest(&self) -> &[Rule] {
        &self.latest
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// A new step begins.
    pub(crate) fn start_step(&mut self) {
        self.latest.clear();
    }

    fn fire(&mut self, rule: Rule) {
        if let Some(count) = self.counts.get_mut(rule as usize) {
            *count += 1;
        }
        self.latest.push(rule);
    }
}

/// A step that no rule allows.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule that was broken.
    pub rule: Rule,
    /// How.
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.name(), self.why)
    }
}

impl std::error::Error for Violation {}

/// Whether the rules that were asked allow what they were asked about.
pub(crate) type Judged = Result<(), Violation>;

/// What every rule may look at, and where it says that it fired.
pub(crate) struct Court<'a> {
    /// The time.
    pub(crate) at: Time,
    /// The host's own choices.
    pub(crate) profile: &'a Profile,
    /// Who fired.
    pub(crate) fired: &'a mut Fired,
}

impl Court<'_> {
    /// `rule` has something to say about this step: that `holds`.
    pub(crate) fn require(
        &mut self,
        rule: Rule,
        holds: bool,
        why: impl FnOnce() -> String,
    ) -> Judged {
        if holds {
            self.fired.fire(rule);
            return Ok(());
        }
        Err(Violation { rule, why: why() })
    }

    /// `rule` is why the step is allowed.
    pub(crate) fn allow(&mut self, rule: Rule) {
        self.fired.fire(rule);
    }
}
