//! Where the generator's connections are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// State of one connection, as the generator sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConnectionState {
    /// The SYN is under way.
    Connecting,
    /// TCP is up, TLS is not.
    Handshaking,
    /// Open and without an operation.
    Idle,
    /// An operation is under way.
    Busy,
    /// Our direction has ended, the server's has not.
    Closing,
}

impl ConnectionState {
    /// All of them, in the order in which a connection goes through them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Connecting, Self::Handshaking, Self::Idle, Self::Busy, Self::Closing];

    /// Its name in reports and as a label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Handshaking => "handshaking",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Closing => "closing",
        }
    }
}

/// How many connections are in each state: a gauge.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct States(BTreeMap<ConnectionState, u64>);

impl States {
    /// How many are in one.
    pub(crate) fn get(&self, state: ConnectionState) -> u64 {
        self.0.get(&state).copied().unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// One comes from `from` (none: it is new) and goes to `to` (none: it is gone).
    pub(super) fn moved(&mut self, from: Option<ConnectionState>, to: Option<ConnectionState>) {
        if let Some(count) = from.and_then(|from| self.0.get_mut(&from)) {
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.0.entry(to).or_default() += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (state, count) in &other.0 {
            *self.0.entry(*state).or_default() += count;
        }
    }
}
