//! All problems of one configuration, in the order of the text.

use std::fmt;

use super::problem::{Problem, Severity};
use super::source::Place;

/// A problem and where it is; a file that can't be read has no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// Where.
    pub(crate) place: Option<Place>,
    /// What.
    pub(crate) problem: Problem,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.problem.severity() {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Some(place) = &self.place else {
            write!(f, "{severity}: {}", self.problem)?;
            return help(f, &self.problem);
        };
        writeln!(f, "{place}: {severity}: {}", self.problem)?;
        let (line, column) = place.line_and_column();
        let text = place.line_text();
        writeln!(f, "{line:5} | {text}")?;
        // Tabs stay tabs, so that the mark stands under what it marks.
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "      | {indent}{}", "^".repeat(place.width()))?;
        help(f, &self.problem)
    }
}

fn help(f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
    problem.help().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Adds a problem at a place.
    pub(crate) fn add(&mut self, place: &Place, problem: Problem) {
        self.diagnostics.push(Diagnostic { place: Some(place.clone()), problem });
    }

    /// Adds a problem that is nowhere in a text.
    pub(crate) fn add_without_place(&mut self, problem: Problem) {
        self.diagnostics.push(Diagnostic { place: None, problem });
    }

    /// The worst of it; `None`: nothing was found.
    pub(crate) fn severity(&self) -> Option<Severity> {
        self.diagnostics.iter().map(|diagnostic| diagnostic.problem.severity()).max()
    }

    /// Whether the configuration can't run.
    pub(crate) fn has_errors(&self) -> bool {
        self.severity() == Some(Severity::Error)
    }

    /// Whether a part of the text could not be read at all, so that what refers to it would
    /// only be blamed for its absence.
    pub(crate) fn has_unread(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|found| matches!(found.problem, Problem::Unreadable { .. } | Problem::Syntax(_)))
    }

    /// Everything found.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter()
    }

    /// How many of `severity` there are.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|found| found.problem.severity() == severity).count()
    }

    /// Brings the problems into the order of the files and their lines, each problem once.
    pub(crate) fn sort(&mut self) {
        self.diagnostics.sort_by(|a, b| a.key().cmp(&b.key()));
        self.diagnostics.dedup();
    }
}

impl Diagnostic {
    fn key(&self) -> Option<(&std::path::Path, usize)> {
        self.place.as_ref().map(|place| (place.source.path.as_path(), place.span.start))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.diagnostics.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
