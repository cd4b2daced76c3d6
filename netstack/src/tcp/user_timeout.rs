//! How long a peer may owe an answer. RFC 9293 §3.8.3; what the two ends tell each other of it, RFC
//! 5482.

use core::num::NonZeroU32;

use super::connection::{Notes, Tcb};
use crate::engine::config::TcpConfig;
use crate::engine::payload::{Buffer, Frame};
use crate::time::Span;
use crate::wire::tcp_options::UserTimeout;

/// Whether user timeouts are told to peers, and theirs heeded. RFC 5482.
///
/// What is told is [`TcpConfig::user_timeout`], or what was chosen for the
/// connection; what was chosen is never changed by a peer. It goes into the first segment after the
/// handshake, and not into the SYN, of which a listener keeps next to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserTimeoutOption {
    /// Neither.
    Off,
    /// Both: the longer of the two holds, within limits.
    On {
        /// Never shorter than this: more than the longest retransmission timeout.
        least: Span,
        /// Never longer than this.
        most: Span,
    },
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// How long the peer may owe an answer.
    pub(crate) fn user_timeout(&self, config: &TcpConfig) -> Span {
        let own = self.user_timeout_ms.map(|ms| Span::from_millis(u64::from(ms.get())));
        own.unwrap_or(config.user_timeout)
    }

    /// The owner chooses that.
    pub(crate) fn set_user_timeout(&mut self, timeout: Span) {
        self.user_timeout_ms = milliseconds(timeout);
        self.notes.add(Notes::OWN_TIMEOUT);
        self.notes.add(Notes::TELL_TIMEOUT);
    }

    /// What the next segment tells of it.
    pub(super) fn user_timeout_to_tell(&self, config: &TcpConfig) -> Option<UserTimeout> {
        if config.user_timeout_option == UserTimeoutOption::Off
            || !self.notes.has(Notes::TELL_TIMEOUT)
        {
            return None;
        }
        UserTimeout::of(self.user_timeout(config))
    }

    /// The peer tells what it would wait. RFC 5482 §3.1.
    pub(super) fn heed_user_timeout(&mut self, config: &TcpConfig, theirs: UserTimeout) {
        let UserTimeoutOption::On { least, most } = config.user_timeout_option else { return };
        if self.notes.has(Notes::OWN_TIMEOUT) {
            return;
        }
        let longer = config.user_timeout.max(theirs.span()).max(least);
        self.user_timeout_ms = milliseconds(longer.min(most));
    }
}

/// Whole milliseconds, at least one.
fn milliseconds(span: Span) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(span.as_millis()).unwrap_or(u32::MAX).max(1))
}
