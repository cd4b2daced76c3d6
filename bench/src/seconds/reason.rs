//! Why an operation failed: the reasons that are counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why an operation failed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Nobody listens there.
    Refused,
    /// No way to the address, or no answer from it while connecting.
    Unreachable,
    /// This machine has no port, descriptor, buffer or memory left: the generator is to blame.
    Shortage,
    /// The server gave up the handshake with an alert.
    Alert,
    /// The server's certificate is not one to trust for that name.
    Certificate,
    /// What the server says in the handshake is not TLS, or not what was offered.
    Handshake,
    /// A record that does not open, or a message that breaks the protocol, after the handshake.
    Tls,
    /// The server reset the connection.
    Reset,
    /// The server closed the connection before the answer was whole.
    Closed,
    /// It took longer than the limit.
    Timeout,
    /// The answer is not HTTP that can be read.
    Malformed,
    /// The answer has another status than wanted.
    Status,
    /// The answer has another length than wanted, or more than it says.
    Length,
    /// The answer's body has another hash than wanted, or an echo brought other bytes back.
    Content,
    /// The server chose another protocol than wanted, or none.
    Alpn,
    /// The run ended while it was under way, and its time to end well was over.
    CutOff,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 16] = [
        Self::Refused,
        Self::Unreachable,
        Self::Shortage,
        Self::Alert,
        Self::Certificate,
        Self::Handshake,
        Self::Tls,
        Self::Reset,
        Self::Closed,
        Self::Timeout,
        Self::Malformed,
        Self::Status,
        Self::Length,
        Self::Content,
        Self::Alpn,
        Self::CutOff,
    ];

    /// Its name in reports and as a label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Shortage => "shortage",
            Self::Alert => "alert",
            Self::Certificate => "certificate",
            Self::Handshake => "handshake",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Status => "status",
            Self::Length => "length",
            Self::Content => "content",
            Self::Alpn => "alpn",
            Self::CutOff => "cut_off",
        }
    }
}

/// Failures by reason. Reasons that did not occur are not in it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Reasons(BTreeMap<Reason, u64>);

impl Reasons {
    /// One more.
    pub(crate) fn count(&mut self, reason: Reason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// How many there are of one.
    pub(crate) fn get(&self, reason: Reason) -> u64 {
        self.0.get(&reason).copied().unwrap_or_default()
    }

    /// How many there are in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// What occurred, and how often.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Adds others.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (reason, count) in other.iter() {
            *self.0.entry(reason).or_default() += count;
        }
    }
}
