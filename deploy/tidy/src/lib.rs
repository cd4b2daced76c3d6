//! Rules for the sources of this repository. The tests of this crate keep them for every file; each
//! rule here is a function from a text to the places that break it.

#![forbid(unsafe_code)]

mod rust;

pub use rust::{FILE_LINES_MAX, FUNCTION_LINES_MAX, check};

/// One place that breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, and what to do instead.
    pub what: String,
}
