//! Reading of sections: each key is asked for once, what nobody asked for is an error.
//!
//! Every problem is reported, not the first alone, and the keys asked for are at the same time
//! the list that misspelled ones are compared with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::Named;
use super::problem::{Problem, nearest};
use super::report::Report;
use super::source::{Located, Place};
use super::units::{ByteSize, byte_size, duration};

/// One table of a file while it is read.
pub(crate) struct Section<'t, 'r> {
    title: String,
    place: Place,
    table: DeTable<'t>,
    known: Vec<&'static str>,
    report: &'r mut Report,
}

impl<'t, 'r> Section<'t, 'r> {
    /// `title`: what messages call it. `place`: its header.
    pub(crate) fn new(
        title: String,
        place: Place,
        table: DeTable<'t>,
        report: &'r mut Report,
    ) -> Self {
        Self { title, place, table, known: Vec::new(), report }
    }

    /// The value of `key`, if it is there and right.
    pub(crate) fn optional<T: FromValue>(&mut self, key: &'static str) -> Option<Located<T>> {
        let value = self.take(key)?;
        self.read(key, &value)
    }

    /// The value of `key`, or `default`.
    pub(crate) fn or<T: FromValue>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).map_or(default, |located| located.value)
    }

    /// The value of `key`, which must be there.
    pub(crate) fn required<T: FromValue>(&mut self, key: &'static str) -> Option<Located<T>> {
        let Some(value) = self.take(key) else {
            self.missing(key);
            return None;
        };
        self.read(key, &value)
    }

    /// Every entry of the list `key`; a single value counts as a list of one.
    pub(crate) fn list<T: FromValue>(&mut self, key: &'static str) -> Vec<Located<T>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(entries) => {
                if entries.is_empty() {
                    let place = self.place_of(&value);
                    self.report.add(&place, Problem::EmptyList { key });
                }
                entries.iter().filter_map(|entry| self.read(key, entry)).collect()
            }
            _ => self.read(key, &value).into_iter().collect(),
        }
    }

    /// As [`Self::list`], but the key must be there.
    pub(crate) fn required_list<T: FromValue>(&mut self, key: &'static str) -> Vec<Located<T>> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.missing(key);
            return Vec::new();
        }
        self.list(key)
    }

    /// The entries of the inline table `key`, in the order in which they are written.
    pub(crate) fn map<T: FromValue>(
        &mut self,
        key: &'static str,
    ) -> Vec<(Located<String>, Located<T>)> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, &value, "a table such as { \"name\" = value }");
            return Vec::new();
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
            .into_iter()
            .filter_map(|(name, entry)| {
                let name =
                    Located { value: name.get_ref().to_string(), place: self.place_of(name) };
                Some((name, self.read(key, entry)?))
            })
            .collect()
    }

    /// The value that `text`, one of the names in `choices`, stands for.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.optional::<String>(key)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let problem = Problem::BadValue {
            key: key.to_owned(),
            expected: names.join(" or "),
            nearest: nearest(&text.value, choices.iter().map(|(name, _)| *name))
                .map(ToOwned::to_owned),
            found: text.value,
        };
        self.report.add(&text.place, problem);
        None
    }

    /// Every section `[key.NAME]`, in the order in which they are written.
    pub(crate) fn named<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Vec<Named<T>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            self.wrong_type(key, &value, "sections with names of their own");
            return Vec::new();
        }
        let DeValue::Table(table) = value.into_inner() else { return Vec::new() };
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
            .into_iter()
            .filter_map(|(name, entry)| {
                let title = title_of(key, name.get_ref());
                let place = self.place_of(&name);
                let section = self.inner(title, place.clone(), entry, &read)?;
                let name = Located { value: name.into_inner().into_owned(), place };
                Some(Named { name, section })
            })
            .collect()
    }

    /// The section `[key]`.
    pub(crate) fn single<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        let place = self.place_of(&value);
        self.inner(format!("[{key}]"), place, value, &read)
    }

    /// Refuses the section `[key]` in a file that isn't the main one.
    pub(crate) fn main_file_only(&mut self, key: &'static str) {
        if let Some((key, _)) = self.table.remove_entry(key) {
            let place = self.place_of(&key);
            let section = key.into_inner().into_owned();
            self.report.add(&place, Problem::MainFileOnly { section });
        }
    }

    fn inner<T>(
        &mut self,
        title: String,
        place: Place,
        value: Spanned<DeValue<'t>>,
        read: &impl Fn(&mut Section<'t, '_>) -> T,
    ) -> Option<T> {
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            self.wrong_type(title.trim_matches(['[', ']']), &value, "a section");
            return None;
        }
        let DeValue::Table(table) = value.into_inner() else { return None };
        let mut section = Section::new(title, place, table, &mut *self.report);
        let read = read(&mut section);
        section.end();
        Some(read)
    }

    /// Ends the section: keys that nobody asked for are errors.
    pub(crate) fn end(self) {
        let Self { title, place, table, known, report } = self;
        for key in table.keys() {
            let place = Place { source: Arc::clone(&place.source), span: key.span() };
            let problem = Problem::UnknownKey {
                key: key.get_ref().to_string(),
                section: title.clone(),
                known: known.clone(),
            };
            report.add(&place, problem);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn missing(&mut self, key: &'static str) {
        let problem = Problem::MissingKey { key, section: self.title.clone() };
        self.report.add(&self.place, problem);
    }

    fn read<T: FromValue>(
        &mut self,
        key: &'static str,
        value: &Spanned<DeValue<'t>>,
    ) -> Option<Located<T>> {
        match T::from_value(value.get_ref()) {
            Ok(read) => Some(Located { value: read, place: self.place_of(value) }),
            Err(Mismatch::Type) => {
                self.wrong_type(key, value, T::EXPECTED);
                None
            }
            Err(Mismatch::Value(found)) => {
                let problem = Problem::BadValue {
                    key: key.to_owned(),
                    expected: T::EXPECTED.to_owned(),
                    found,
                    nearest: None,
                };
                let place = self.place_of(value);
                self.report.add(&place, problem);
                None
            }
        }
    }

    fn wrong_type(&mut self, key: &str, value: &Spanned<DeValue<'t>>, expected: &'static str) {
        let found = kind_of(value.get_ref());
        let place = self.place_of(value);
        self.report.add(&place, Problem::WrongType { key: key.to_owned(), expected, found });
    }

    fn place_of<T>(&self, spanned: &Spanned<T>) -> Place {
        Place { source: Arc::clone(&self.place.source), span: spanned.span() }
    }
}

/// A type that a TOML value can be read as.
pub(crate) trait FromValue: Sized {
    /// What the key takes, for messages.
    const EXPECTED: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// Why the value is none of these.
    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch>;
}

/// Why a value can't be read as a type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Another TOML type.
    Type,
    /// The TOML type is right; the value, given here, is not.
    Value(String),
}

/// The header of a section, with quotes where TOML needs them.
fn title_of(kind: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(bare) {
        format!("[{kind}.{name}]")
    } else {
        format!("[{kind}.{name:?}]")
    }
}

/// The name of a value's TOML type with its article.
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

/// A string that `parse` takes.
pub(crate) fn from_text<T>(
    value: &DeValue<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Mismatch> {
    let DeValue::String(text) = value else { return Err(Mismatch::Type) };
    parse(text).ok_or_else(|| Mismatch::Value(text.to_string()))
}

impl FromValue for String {
    const EXPECTED: &'static str = "a string";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| Some(text.to_owned()))
    }
}

impl FromValue for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| (!text.is_empty()).then(|| Self::from(text)))
    }
}

impl FromValue for Duration {
    const EXPECTED: &'static str = "a duration such as \"30s\" (ms, s, m, h or d)";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, duration)
    }
}

impl FromValue for ByteSize {
    const EXPECTED: &'static str = "a size such as \"16KiB\" (B, KiB, MiB, GiB, kB, MB or GB)";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, byte_size)
    }
}

impl FromValue for SocketAddr {
    const EXPECTED: &'static str =
        "an address with a port, \"192.0.2.1:443\" or \"[2001:db8::1]:443\"";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| text.parse().ok())
    }
}

impl FromValue for std::net::IpAddr {
    const EXPECTED: &'static str = "an IP address";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        from_text(value, |text| text.parse().ok())
    }
}

impl FromValue for u32 {
    const EXPECTED: &'static str = "a whole number from 1 to 4294967295";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Mismatch> {
        let DeValue::Integer(number) = value else { return Err(Mismatch::Type) };
        Self::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Mismatch::Value(number.to_string()))
    }
}
