//! Strict reading of a scenario's file: each key is asked for once, and what nobody asked for is an error.
//!
//! All problems are told, not the first alone, each with its line and column. The keys that were asked for
//! are at the same time the list that misspelled ones are compared with.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Something that is wrong in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    span: Range<usize>,
    what: String,
}

/// All that is wrong in a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, span: Range<usize>, what: impl Into<String>) {
        self.0.push(Problem { span, what: what.into() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line for each, in the order of the file: `name:line:column: what`.
    pub(super) fn render(mut self, name: &str, text: &str) -> String {
        self.0.sort_by_key(|problem| problem.span.start);
        let line = |Problem { span, what }: &Problem| {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            format!("{name}:{line}:{column}: {what}")
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// One table of a file while it is read.
pub(super) struct Section<'t, 'p> {
    title: String,
    span: Range<usize>,
    table: DeTable<'t>,
    known: Vec<&'static str>,
    pub(super) problems: &'p mut Problems,
}

impl<'t, 'p> Section<'t, 'p> {
    /// The whole file.
    pub(super) fn whole(table: Spanned<DeTable<'t>>, problems: &'p mut Problems) -> Self {
        Self {
            title: "the file".to_owned(),
            span: 0..0,
            table: table.into_inner(),
            known: Vec::new(),
            problems,
        }
    }

    /// The value of `key`, if it is there and `read` takes it.
    pub(super) fn get<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.get_with_span(key, read).map(|(value, _)| value)
    }

    /// As [`Section::get`], with the place in the file.
    pub(super) fn get_with_span<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<(T, Range<usize>)> {
        let value = self.take(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some((read, value.span())),
            Err(what) => {
                self.problems.add(value.span(), format!("{key}: {what}"));
                None
            }
        }
    }

    /// The value of `key`, which must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.problems.add(self.span.clone(), format!("{key} is missing in {}", self.title));
            return None;
        }
        self.get(key, read)
    }

    /// Every entry of the list `key`; a single value is a list of one.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let mut one = |entry: &Spanned<DeValue<'t>>| match read(entry.get_ref()) {
            Ok(value) => Some(value),
            Err(what) => {
                self.problems.add(entry.span(), format!("{key}: {what}"));
                None
            }
        };
        match value.get_ref() {
            DeValue::Array(entries) => entries.iter().filter_map(&mut one).collect(),
            _ => one(&value).into_iter().collect(),
        }
    }

    /// The section `[key]`, if it is there.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        self.inner(format!("[{key}]"), value, &read)
    }

    /// Every section `[[key]]`, in order.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let span = value.span();
        let DeValue::Array(entries) = value.into_inner() else {
            self.problems.add(span, format!("{key} is a list of sections: [[{key}]]"));
            return Vec::new();
        };
        let title = format!("[[{key}]]");
        let entries: DeArray<'t> = entries;
        entries.into_iter().filter_map(|entry| self.inner(title.clone(), entry, &read)).collect()
    }

    fn inner<T>(
        &mut self,
        title: String,
        value: Spanned<DeValue<'t>>,
        read: &impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Option<T> {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            self.problems.add(span, format!("{title} is a section"));
            return None;
        };
        let problems = &mut *self.problems;
        let mut section = Section { title, span, table, known: Vec::new(), problems };
        let read = read(&mut section);
        section.end();
        Some(read)
    }

    /// Ends the section: keys that nobody asked for are errors.
    pub(super) fn end(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            let hint = nearest(name, &self.known).map_or_else(
                || format!("; there are {}", self.known.join(", ")),
                |near| format!("; did you mean {near:?}?"),
            );
            let what = format!("{name:?} is no key of {}{hint}", self.title);
            self.problems.add(key.span(), what);
        }
    }

    /// Where the section begins.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }
}

impl fmt::Debug for Section<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("title", &self.title).finish_non_exhaustive()
    }
}

/// The word that `name` was meant to be, if one is near enough.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |word: &&&str| strsim::damerau_levenshtein(name, word);
    known
        .iter()
        .min_by_key(distance)
        .filter(|word| distance(word) <= name.len().div_ceil(3))
        .copied()
}

/// A string.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(format!("a string, not {}", kind_of(other))),
    }
}

/// A string that `parse` takes; a whole number without a unit counts as one.
pub(super) fn parsed<T>(
    parse: impl Fn(&str) -> Result<T, String>,
) -> impl Fn(&DeValue<'_>) -> Result<T, String> {
    move |value| match value {
        DeValue::String(text) => parse(text),
        DeValue::Integer(number) => parse(number.as_str()),
        other => Err(format!("a number or a string, not {}", kind_of(other))),
    }
}

/// A string that [`std::str::FromStr`] takes.
pub(super) fn word<T: std::str::FromStr>(
    expected: &'static str,
) -> impl Fn(&DeValue<'_>) -> Result<T, String> {
    move |value| {
        let text = text(value)?;
        text.parse().map_err(|_| format!("{text:?} is not {expected}"))
    }
}

/// A whole number up to `most`.
pub(super) fn whole(most: u64) -> impl Fn(&DeValue<'_>) -> Result<u64, String> {
    move |value| {
        let number = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| format!("a whole number, {most} at most"))
    }
}

/// A number from 0 to `most`.
pub(super) fn number(most: f64) -> impl Fn(&DeValue<'_>) -> Result<f64, String> {
    move |value| {
        let number: Option<f64> = match value {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| (0.0..=most).contains(number))
            .ok_or_else(|| format!("a number from 0 to {most}"))
    }
}

/// Yes or no.
pub(super) fn truth(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(truth) => Ok(*truth),
        other => Err(format!("true or false, not {}", kind_of(other))),
    }
}

/// One of `choices` by name.
pub(super) fn choice<S: AsRef<str>, T: Copy>(
    choices: &[(S, T)],
) -> impl Fn(&DeValue<'_>) -> Result<T, String> {
    move |value| {
        let text = text(value)?;
        if let Some((_, chosen)) = choices.iter().find(|(name, _)| name.as_ref() == text) {
            return Ok(*chosen);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| name.as_ref()).collect();
        let hint = nearest(&text, &names).map_or_else(
            || format!("there are {}", names.join(", ")),
            |near| format!("did you mean {near:?}?"),
        );
        Err(format!("no {text:?}; {hint}"))
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
