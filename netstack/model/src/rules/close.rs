//! What the user hears, and what ends a connection. RFC 9293 §3.6, §3.9.1.

use crate::connection::Connection;
use crate::court::{Court, Judged};
use crate::rule::Rule;
use crate::step::Event;

impl Connection {
    /// The host told its user something.
    pub(crate) fn event(&mut self, court: &mut Court<'_>, event: Event) -> Judged {
        match event {
            Event::PeerFinished => {
                let taken = self.fin_taken() || self.states.has(crate::State::Closed);
                court.require(Rule::EndOfStreamIsTold, taken, || {
                    format!("the user hears of a FIN, and the state is {}", self.states)
                })
            }
            Event::Opened => {
                let open = self
                    .states
                    .iter()
                    .any(|state| state.is_synchronized() || state == crate::State::Closed);
                court.require(Rule::OpenIsTold, open, || {
                    format!("the user hears that it is open, and the state is {}", self.states)
                })
            }
            // Connections that are over are judged by what ended them.
            Event::Ended(_) => Ok(()),
        }
    }
}
