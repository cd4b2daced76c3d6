//! From characters to words.

use super::SyntaxError;

/// A word of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Letters, digits and underscores, not a number.
    Name(String),
    /// Digits.
    Int(i64),
    /// Digits with a point: in millionths, which is how times are meant.
    Micros(i64),
    /// `--name`.
    Option(String),
    /// In quotes.
    Text(String),
    /// `%{ .. }%`.
    Code(String),
    /// `...`
    Ellipsis,
    /// Any other character.
    Sign(char),
}

/// A word and the line that it is in.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) word: Word,
    pub(super) line: usize,
    /// Whether it follows the word before without a space.
    pub(super) joined: Joined,
}

/// Whether a word stands directly behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    Yes,
    No,
}

/// The words of `text`.
///
/// # Errors
/// A comment, a text or code without an end.
pub(super) fn words(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut words = Vec::new();
    let mut line = 1;
    let mut rest = text;
    let mut joined = Joined::No;
    loop {
        let skipped = skip_blank(rest, line)?;
        if skipped.len() < rest.len() {
            joined = Joined::No;
        }
        line += newlines(&rest[..rest.len() - skipped.len()]);
        rest = skipped;
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, len) = next(rest, line)?;
        words.push(Placed { word, line, joined });
        line += newlines(&rest[..len]);
        rest = &rest[len..];
        joined = Joined::Yes;
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// What is left behind spaces and comments.
fn skip_blank(text: &str, line: usize) -> Result<&str, SyntaxError> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.starts_with("//") || rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            let unclosed = || SyntaxError::new(line, "a comment without an end");
            let end = rest.find("*/").ok_or_else(unclosed)?;
            rest = &rest[end + 2..];
        } else {
            return Ok(rest);
        }
    }
}

/// The first word of `rest` and its length.
fn next(rest: &str, line: usize) -> Result<(Word, usize), SyntaxError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let run = |from: usize, wanted: fn(char) -> bool| {
        rest[from..].find(|c| !wanted(c)).map_or(rest.len(), |len| from + len)
    };
    if rest.starts_with("...") {
        return Ok((Word::Ellipsis, 3));
    }
    if let Some(option) = rest.strip_prefix("--")
        && option.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        let len = run(2, is_name);
        return Ok((Word::Option(rest[2..len].to_owned()), len));
    }
    if rest.starts_with("%{") {
        let unclosed = || SyntaxError::new(line, "'%{' without '}%'");
        let end = rest.find("}%").ok_or_else(unclosed)?;
        return Ok((Word::Code(rest[2..end].to_owned()), end + 2));
    }
    if let Some(text) = rest.strip_prefix('"') {
        let unclosed = || SyntaxError::new(line, "a text without its second quote");
        let len = text.find('"').ok_or_else(unclosed)?;
        return Ok((Word::Text(text[..len].to_owned()), len + 2));
    }
    let first = rest.chars().next().unwrap_or(' ');
    let point = first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if first.is_ascii_digit() || point {
        return number(rest, line);
    }
    if is_name(first) {
        let len = run(0, is_name);
        return Ok((Word::Name(rest[..len].to_owned()), len));
    }
    Ok((Word::Sign(first), first.len_utf8()))
}

/// A number: decimal, with a point, or `0x`. Names may begin with a digit nowhere.
fn number(rest: &str, line: usize) -> Result<(Word, usize), SyntaxError> {
    let too_large = |text: &str| SyntaxError::new(line, format!("'{text}' is too large"));
    if let Some(hex) = rest.strip_prefix("0x") {
        let len = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let value = i64::from_str_radix(&hex[..len], 16);
        return Ok((Word::Int(value.map_err(|_| too_large(&rest[..len + 2]))?), len + 2));
    }
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let whole = digits(rest);
    let parse = |text: &str| {
        if text.is_empty() { Ok(0) } else { text.parse::<i64>().map_err(|_| too_large(text)) }
    };
    let behind = &rest[whole..];
    let fraction = behind.strip_prefix('.').map_or(0, digits);
    if fraction == 0 {
        return Ok((Word::Int(parse(&rest[..whole])?), whole));
    }
    let mut millionths = behind[1..=fraction].to_owned();
    if millionths.len() > 6 {
        return Err(SyntaxError::new(
            line,
            format!("'{}' is finer than 1 us", &rest[..whole + 1 + fraction]),
        ));
    }
    millionths.extend(std::iter::repeat_n('0', 6 - millionths.len()));
    let micros = parse(&rest[..whole])?.saturating_mul(1_000_000) + parse(&millionths)?;
    Ok((Word::Micros(micros), whole + 1 + fraction))
}
