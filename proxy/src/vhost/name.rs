//! Canonical host names: the only form in which names are stored, compared and looked up.

use std::borrow::Borrow;
use std::fmt;
use std::net::IpAddr;

/// Longest name in text form without the trailing dot. RFC 1035 §2.3.4: 255 octets on the wire.
const NAME_LEN_MAX: usize = 253;

/// Longest label. RFC 1035 §2.3.4.
const LABEL_LEN_MAX: usize = 63;

/// A DNS host name in its one canonical form: lower case, A-labels only, no trailing dot.
///
/// Two spellings of one name give equal values, so a look-up can't differ by spelling.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CanonicalName(Box<str>);

impl CanonicalName {
    /// The canonical form of `text`, as a client's SNI or a configuration spells it.
    ///
    /// # Errors
    /// What keeps `text` from being a host name; it is never repaired beyond case and one
    /// trailing dot.
    pub(crate) fn new(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if !text.is_ascii() {
            return Err(NameError::NotAscii);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(NameError::TooLong);
        }
        if is_address(text) {
            return Err(NameError::Address);
        }
        text.split('.').try_for_each(check_label)?;
        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its first label; `None` for a name of one label.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, parent)| parent)
    }
}

impl Borrow<str> for CanonicalName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CanonicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CanonicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a virtual host is reached by: one name, or every name one label below a suffix.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum NamePattern {
    /// Exactly this name.
    Exact(CanonicalName),
    /// `*.suffix`: one label, never none and never two. RFC 6125 §6.4.3.
    Wildcard(CanonicalName),
}

impl NamePattern {
    /// Reads `www.example.com` or `*.example.com`.
    ///
    /// # Errors
    /// As [`CanonicalName::new`], and for a `*` anywhere but as the whole first label.
    pub(crate) fn new(text: &str) -> Result<Self, NameError> {
        if let Some(suffix) = text.strip_prefix("*.") {
            return CanonicalName::new(suffix).map(Self::Wildcard);
        }
        CanonicalName::new(text).map(Self::Exact)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    /// Nothing there.
    Empty,
    /// More than 253 characters.
    TooLong,
    /// A label of no characters: two dots in a row, or a dot at the start.
    EmptyLabel,
    /// A label of more than 63 characters.
    LabelTooLong,
    /// A label that starts or ends with a hyphen.
    Hyphen,
    /// A character outside letters, digits, hyphen and underscore.
    Character(char),
    /// `*` is only allowed as the whole first label.
    Wildcard,
    /// An internationalised name that is not in its ASCII form.
    NotAscii,
    /// An IP address: SNI can't carry one. RFC 6066 §3.
    Address,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => write!(f, "it is longer than {NAME_LEN_MAX} characters"),
            Self::EmptyLabel => f.write_str("it has an empty label"),
            Self::LabelTooLong => write!(f, "a label is longer than {LABEL_LEN_MAX} characters"),
            Self::Hyphen => f.write_str("a label starts or ends with a hyphen"),
            Self::Character(character) => write!(f, "it contains {character:?}"),
            Self::Wildcard => f.write_str("`*` may only be the whole first label"),
            Self::NotAscii => f.write_str("it is not in ASCII"),
            Self::Address => f.write_str("it is an IP address, and SNI never carries one"),
        }
    }
}

impl std::error::Error for NameError {}

/// Whether `text` could be taken for an IP address: a colon never gets past the label check.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// One label of letters, digits, hyphens and (seen in the wild) underscores. RFC 5890 §2.3.1.
fn check_label(label: &str) -> Result<(), NameError> {
    if label.is_empty() {
        return Err(NameError::EmptyLabel);
    }
    if label.len() > LABEL_LEN_MAX {
        return Err(NameError::LabelTooLong);
    }
    if let Some(odd) =
        label.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
    {
        return Err(if odd == '*' { NameError::Wildcard } else { NameError::Character(odd) });
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(NameError::Hyphen);
    }
    Ok(())
}
