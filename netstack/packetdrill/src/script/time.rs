//! Times: `0.1`, `+.2`, `+0~+.04`, `0.1...0.3`, `*`.

use super::lexer::Word;
use super::parser::Words;
use super::{Anchor, SyntaxError, Time};

impl Words {
    pub(super) fn time(&mut self) -> Result<Time, SyntaxError> {
        if self.take_sign('*') {
            return Ok(Time { from: Anchor::Any, start: 0, latest: None, end: None });
        }
        let (from, start) = self.one_time()?;
        let mut time = Time { from, start, latest: None, end: None };
        let line = self.line();
        if self.take_sign('~') {
            time.latest = Some(self.latest_time(from)?);
        } else if self.peek() == Some(&Word::Ellipsis) {
            self.skip();
            // Without a '+', and yet it counts from where the first does.
            time.end = Some(self.micros()?);
        }
        if time.latest.or(time.end).is_some_and(|second| second < start) {
            return Err(SyntaxError::new(line, "the second time lies before the first"));
        }
        Ok(time)
    }

    fn one_time(&mut self) -> Result<(Anchor, i64), SyntaxError> {
        let from = if self.take_sign('+') { Anchor::Previous } else { Anchor::Start };
        Ok((from, self.micros()?))
    }

    fn micros(&mut self) -> Result<i64, SyntaxError> {
        let micros = match self.peek() {
            Some(&Word::Int(seconds)) => seconds.saturating_mul(1_000_000),
            Some(&Word::Micros(micros)) => micros,
            _ => return Err(self.expected("a time: 0.1, +.2, +0~+.04, 0.1...0.3 or *")),
        };
        self.skip();
        Ok(micros)
    }

    /// The second time of a range counts from where the first does.
    fn latest_time(&mut self, first: Anchor) -> Result<i64, SyntaxError> {
        let line = self.line();
        let (from, micros) = self.one_time()?;
        if from == first {
            return Ok(micros);
        }
        Err(SyntaxError::new(line, "both times have a '+', or neither"))
    }
}
