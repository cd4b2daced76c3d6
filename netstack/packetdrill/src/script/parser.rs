//! From words to a script.

use super::lexer::{Joined, Placed, Word, words};
use super::{Action, Event, Script, ScriptOption, SyntaxError};

/// The words of a script, and how far they are understood.
pub(super) struct Words {
    words: Vec<Placed>,
    at: usize,
    last_line: usize,
}

/// Reads a script.
///
/// # Errors
/// The first thing that is not understood, and its line.
pub(crate) fn parse(text: &str) -> Result<Script, SyntaxError> {
    let mut words = Words::new(text)?;
    let mut options = Vec::new();
    while let Some(Word::Option(name)) = words.peek().cloned() {
        let line = words.line();
        words.skip();
        options.push(ScriptOption { line, name, value: words.option_value()? });
    }
    let mut events = Vec::new();
    while words.peek().is_some() {
        let line = words.line();
        let time = words.time()?;
        let action = words.action()?;
        let waits = matches!(action, Action::Call(_));
        if time.end.is_some() && !waits {
            return Err(SyntaxError::new(line, "only a call lasts from one time to another"));
        }
        events.push(Event { line, time, action });
    }
    Ok(Script { options, events })
}

impl Words {
    fn new(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { words: words(text)?, at: 0, last_line: text.lines().count() })
    }

    /// The next word.
    pub(super) fn peek(&self) -> Option<&Word> {
        self.words.get(self.at).map(|placed| &placed.word)
    }

    /// The line of the next word.
    pub(super) fn line(&self) -> usize {
        self.words.get(self.at).map_or(self.last_line, |placed| placed.line)
    }

    /// Whether the next word stands directly behind the one before.
    pub(super) fn is_joined(&self) -> bool {
        self.words.get(self.at).is_some_and(|placed| placed.joined == Joined::Yes)
    }

    /// Passes over the next word.
    pub(super) const fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes the next word if it is `sign`.
    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(&Word::Sign(sign));
        self.at += usize::from(there);
        there
    }

    /// Takes the next word if it is `name`.
    pub(super) fn take_name(&mut self, name: &str) -> bool {
        let there = matches!(self.peek(), Some(Word::Name(word)) if word == name);
        self.at += usize::from(there);
        there
    }

    /// Takes `sign`, which has to be there.
    pub(super) fn sign(&mut self, sign: char) -> Result<(), SyntaxError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(&format!("'{sign}'"))) }
    }

    /// Takes a name.
    pub(super) fn name(&mut self) -> Result<String, SyntaxError> {
        let Some(Word::Name(name)) = self.peek().cloned() else {
            return Err(self.expected("a name"));
        };
        self.skip();
        Ok(name)
    }

    /// Takes a number within the bounds of `T`. `what` names it.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T, SyntaxError> {
        let negative = self.peek() == Some(&Word::Sign('-')) && {
            self.skip();
            true
        };
        let Some(&Word::Int(number)) = self.peek() else { return Err(self.expected(what)) };
        let number = if negative { -number } else { number };
        let value = T::try_from(number).map_err(|_| {
            SyntaxError::new(self.line(), format!("{number} is no possible {what}"))
        })?;
        self.skip();
        Ok(value)
    }

    /// That `what` was expected where the next word is.
    pub(super) fn expected(&self, what: &str) -> SyntaxError {
        let found = match self.peek() {
            None => "the end of the script".to_owned(),
            Some(Word::Name(name) | Word::Text(name)) => format!("'{name}'"),
            Some(Word::Int(number)) => format!("'{number}'"),
            Some(Word::Micros(micros)) => {
                format!("'{}.{:06}'", micros / 1_000_000, micros % 1_000_000)
            }
            Some(Word::Option(name)) => format!("'--{name}'; options come before all events"),
            Some(Word::Code(_)) => "'%{'".to_owned(),
            Some(Word::Ellipsis) => "'...'".to_owned(),
            Some(Word::Sign(sign)) => format!("'{sign}'"),
        };
        SyntaxError::new(self.line(), format!("expected {what}, found {found}"))
    }

    /// What follows an option's name: everything up to the next space.
    fn option_value(&mut self) -> Result<String, SyntaxError> {
        if !self.take_sign('=') {
            return Ok(String::new());
        }
        let mut value = String::new();
        while let Some(word) = self.peek().cloned() {
            if !value.is_empty() && !self.is_joined() {
                break;
            }
            match word {
                Word::Name(text) | Word::Text(text) => value.push_str(&text),
                Word::Int(number) => value.push_str(&number.to_string()),
                Word::Sign(sign) => value.push(sign),
                Word::Micros(_) | Word::Option(_) | Word::Code(_) | Word::Ellipsis => {
                    return Err(self.expected("an option's value; put it in quotes"));
                }
            }
            self.skip();
        }
        Ok(value)
    }

    fn action(&mut self) -> Result<Action, SyntaxError> {
        if self.take_sign('<') {
            return self.inbound();
        }
        if self.take_sign('>') {
            return self.packet().map(Action::Out);
        }
        let line = self.line();
        match self.peek().cloned() {
            Some(Word::Code(code)) => {
                self.skip();
                super::call::assertions(&code, line).map(Action::Assert)
            }
            Some(Word::Name(_)) => self.call().map(Action::Call),
            _ => Err(self.expected("'<', '>', a call, or '%{'")),
        }
    }
}
