//! Calls and assertions: `write(4, ..., 1000) = 1000`, `%{ assert tcpi_snd_cwnd == 10 }%`.

use super::lexer::Word;
use super::parser::Words;
use super::{Assertion, CallSpec, Comparison, SyntaxError, Value};
use crate::tcp_info::STATES;

impl Words {
    /// A call and its result.
    pub(super) fn call(&mut self) -> Result<CallSpec, SyntaxError> {
        let name = self.name()?;
        self.sign('(')?;
        let mut arguments = Vec::new();
        if !self.take_sign(')') {
            arguments.push(self.value()?);
            while self.take_sign(',') {
                arguments.push(self.value()?);
            }
            self.sign(')')?;
        }
        self.sign('=')?;
        let result = if self.peek() == Some(&Word::Ellipsis) {
            self.skip();
            None
        } else {
            Some(self.number("result")?)
        };
        let errno = match self.peek() {
            Some(Word::Name(_)) => Some(self.name()?),
            _ => None,
        };
        self.note()?;
        Ok(CallSpec { name, arguments, result, errno })
    }

    /// What packetdrill takes for people behind a result, in parentheses.
    fn note(&mut self) -> Result<(), SyntaxError> {
        if !self.take_sign('(') {
            return Ok(());
        }
        while !self.take_sign(')') {
            if self.peek().is_none() {
                return Err(self.expected("')'"));
            }
            self.skip();
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, SyntaxError> {
        match self.peek().cloned() {
            Some(Word::Ellipsis) => {
                self.skip();
                Ok(Value::Unsaid)
            }
            Some(Word::Text(text)) => {
                self.skip();
                Ok(Value::Text(text))
            }
            Some(Word::Name(_)) => {
                let mut symbols = vec![self.name()?];
                while self.take_sign('|') {
                    symbols.push(self.name()?);
                }
                Ok(Value::Symbols(symbols))
            }
            Some(Word::Sign('[')) => {
                self.skip();
                let mut values = Vec::new();
                while !self.take_sign(']') {
                    values.push(self.value()?);
                    self.take_sign(',');
                }
                Ok(Value::List(values))
            }
            Some(Word::Sign('{')) => self.fields(),
            _ => self.number("argument").map(Value::Number),
        }
    }

    /// `{onoff=1, linger=0}`.
    fn fields(&mut self) -> Result<Value, SyntaxError> {
        self.sign('{')?;
        let mut fields = Vec::new();
        while !self.take_sign('}') {
            let name = self.name()?;
            self.sign('=')?;
            fields.push((name, self.value()?));
            self.take_sign(',');
        }
        Ok(Value::Fields(fields))
    }
}

/// The assertions in a piece of code that starts in `line`: of packetdrill's Python, only
/// comparisons of a field of TCP_INFO with a number, `and` between them, a message behind them.
pub(super) fn assertions(code: &str, line: usize) -> Result<Vec<Assertion>, SyntaxError> {
    let mut assertions = Vec::new();
    for (offset, statement) in code.lines().enumerate() {
        for statement in statement.split(';') {
            let line = line + offset;
            let statement = statement.trim();
            if statement.is_empty() || statement.starts_with('#') {
                continue;
            }
            let wrong =
                || SyntaxError::new(line, format!("'{statement}' is not 'assert field == number'"));
            let compared = statement.strip_prefix("assert ").ok_or_else(wrong)?;
            let compared = compared.split_once(',').map_or(compared, |(compared, _)| compared);
            for one in compared.split(" and ") {
                let mut parts = one.split_whitespace();
                let (Some(field), Some(sign), Some(value), None) =
                    (parts.next(), parts.next(), parts.next(), parts.next())
                else {
                    return Err(wrong());
                };
                let comparison = comparison(sign).ok_or_else(wrong)?;
                let value = number(value).ok_or_else(wrong)?;
                assertions.push(Assertion { line, field: field.to_owned(), comparison, value });
            }
        }
    }
    Ok(assertions)
}

fn comparison(sign: &str) -> Option<Comparison> {
    match sign {
        "==" => Some(Comparison::Equal),
        "!=" => Some(Comparison::NotEqual),
        "<" => Some(Comparison::Less),
        "<=" => Some(Comparison::LessOrEqual),
        ">" => Some(Comparison::Greater),
        ">=" => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

/// A number, or the name of a state.
fn number(text: &str) -> Option<u64> {
    let state = STATES.iter().find(|(name, ..)| *name == text);
    state.map(|(_, _, number)| (*number).into()).or_else(|| text.parse().ok())
}
