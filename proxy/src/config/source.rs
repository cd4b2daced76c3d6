//! Texts of configuration files and places in them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One configuration file, kept for messages about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As given on the command line, or found beside that file.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) text: String,
}

impl Source {
    /// `path` as this file says it: relative paths start at the file's folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or_else(|| Path::new("")).join(path)
    }
}

/// A range of bytes in a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) source: Arc<Source>,
    /// Bytes of its text.
    pub(crate) span: Range<usize>,
}

impl Place {
    /// Line and column of the start, both from 1; a column is a character.
    pub(crate) fn line_and_column(&self) -> (usize, usize) {
        let before = self.before();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// The line that the place starts in, without its end.
    pub(crate) fn line_text(&self) -> &str {
        let start = self.before().rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.source.text.get(start..).unwrap_or("");
        rest.lines().next().unwrap_or("")
    }

    /// How many characters of its first line the place covers, at least one.
    pub(crate) fn width(&self) -> usize {
        let covered = self.source.text.get(self.span.clone()).unwrap_or("");
        covered.lines().next().unwrap_or("").chars().count().max(1)
    }

    fn before(&self) -> &str {
        self.source.text.get(..self.span.start).unwrap_or(&self.source.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column();
        write!(f, "{}:{line}:{column}", self.source.path.display())
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    /// What was written.
    pub(crate) value: T,
    /// Where.
    pub(crate) place: Place,
}
