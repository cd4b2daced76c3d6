//! Assertions about TCP_INFO.

use super::{Player, Step};
use crate::host::{Opt, OptValue};
use crate::script::{Assertion, SyntaxError};

impl Player {
    /// Compares fields of TCP_INFO of the descriptor that was used last.
    pub(super) fn assert(&mut self, assertions: &[Assertion]) -> Step {
        for assertion in assertions {
            let Assertion { line, field, comparison, value } = assertion;
            let wrong = |what: String| SyntaxError::new(*line, what);
            let socket = self
                .last_used
                .and_then(|descriptor| self.descriptors.get(&descriptor))
                .map(|descriptor| descriptor.socket)
                .ok_or_else(|| wrong("no socket has been used yet".to_owned()))?;
            let Ok(OptValue::Info(info)) = self.host.option(socket, Opt::Info) else {
                return Err(wrong("the socket that was used last is closed".to_owned()));
            };
            let found =
                info.field(field).ok_or_else(|| wrong(format!("TCP_INFO has no '{field}'")))?;
            if !comparison.holds(found, *value) {
                return Err(wrong(format!("{field} is {found}, not {comparison} {value}")));
            }
        }
        Ok(())
    }
}
