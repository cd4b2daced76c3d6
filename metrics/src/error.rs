//! Mistakes in a declaration: the programmer's, or the configuration's where labels come from it.

use std::fmt;

/// Why a family was not declared.
#[derive(Debug, PartialEq, Eq)]
pub enum CatalogueError {
    /// The name.
    Name {
        /// The family.
        family: String,
        /// What is wrong with it.
        reason: NameError,
    },
    /// The name is taken.
    Duplicate {
        /// The family.
        family: String,
    },
    /// The help is empty, or has a line break, a quote or a backslash.
    Help {
        /// The family.
        family: String,
    },
    /// A label's name is not one, is reserved, or appears twice.
    Label {
        /// The family.
        family: String,
        /// The label.
        label: String,
    },
    /// Two series would have the same label values.
    Series {
        /// The family.
        family: String,
        /// The values.
        values: Vec<String>,
    },
    /// A row has more or fewer values than there are labels.
    Row {
        /// The family.
        family: String,
    },
    /// More than six dimensions, or more series than 32 bits count.
    Size {
        /// The family.
        family: String,
    },
    /// Open rows are kept for the sum of all workers only.
    OpenPerWorker {
        /// The family.
        family: String,
    },
    /// A histogram's bounds are none, or don't rise.
    Bounds {
        /// The family.
        family: String,
    },
}

/// What is wrong with a family's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Not lower-case letters, digits and underscores, or nothing but suffixes.
    Character,
    /// A counter's doesn't end in `_total`, or an info's in `_info`.
    Suffix,
    /// It ends in a suffix that means something else.
    Reserved,
    /// It doesn't end in its unit.
    Unit,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { family, reason } => write!(f, "{family}: {reason}"),
            Self::Duplicate { family } => write!(f, "{family}: declared twice"),
            Self::Help { family } => {
                write!(f, "{family}: the help is one line without quotes and backslashes")
            }
            Self::Label { family, label } => {
                write!(f, "{family}: `{label}` can't be a label here")
            }
            Self::Series { family, values } => {
                write!(f, "{family}: two series with the values {values:?}")
            }
            Self::Row { family } => write!(f, "{family}: a value for each label is needed"),
            Self::Size { family } => write!(f, "{family}: too many labels or series"),
            Self::OpenPerWorker { family } => {
                write!(f, "{family}: open rows can't be told apart by worker")
            }
            Self::Bounds { family } => write!(f, "{family}: bounds must rise"),
        }
    }
}

impl std::error::Error for CatalogueError {}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "a name is lower-case letters, digits and underscores",
            Self::Suffix => "a counter ends in `_total`, an info in `_info`",
            Self::Reserved => "the name ends in a suffix of another kind",
            Self::Unit => "the name ends in its unit",
        })
    }
}

impl std::error::Error for NameError {}

/// Why an open row was not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The family has no open rows, or not this one.
    NoSuchRow,
    /// The row has a name already.
    Named,
    /// Another row has these values.
    Duplicate,
    /// More or fewer values than there are labels.
    Values,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchRow => "the family has no such open row",
            Self::Named => "the row has a name already",
            Self::Duplicate => "another row has these values",
            Self::Values => "a value for each label is needed",
        })
    }
}

impl std::error::Error for RowError {}
