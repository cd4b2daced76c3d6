//! The eleven states, and sets of them: what a host shows may fit several.

/// A state. RFC 9293 §3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// No connection.
    Closed,
    /// Waiting for a SYN.
    Listen,
    /// Our SYN is out.
    SynSent,
    /// Both SYNs are out.
    SynReceived,
    /// Data flows.
    Established,
    /// We have closed.
    FinWait1,
    /// Our FIN is acknowledged.
    FinWait2,
    /// The peer has closed.
    CloseWait,
    /// Both have closed, at once.
    Closing,
    /// Both have closed, the peer first.
    LastAck,
    /// Old segments die out.
    TimeWait,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// Whether both SYNs were seen and the connection lives.
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived)
    }

    /// Whether text from the peer can still be new.
    #[must_use]
    pub const fn may_receive(self) -> bool {
        matches!(self, Self::SynReceived | Self::Established | Self::FinWait1 | Self::FinWait2)
    }

    /// Where an acknowledgment of our SYN leads. RFC 9293 §3.10.7.4, fifth.
    #[must_use]
    pub const fn on_ack_of_syn(self, closed: bool) -> Self {
        match (self, closed) {
            (Self::SynSent | Self::SynReceived, false) => Self::Established,
            (Self::SynSent | Self::SynReceived, true) => Self::FinWait1,
            (other, _) => other,
        }
    }

    /// Where an acknowledgment of our FIN leads. RFC 9293 §3.10.7.4, fifth.
    #[must_use]
    pub const fn on_ack_of_fin(self) -> Self {
        match self {
            Self::FinWait1 => Self::FinWait2,
            Self::Closing => Self::TimeWait,
            Self::LastAck => Self::Closed,
            other => other,
        }
    }

    /// Where the peer's FIN leads. RFC 9293 §3.10.7.4, eighth.
    #[must_use]
    pub const fn on_fin(self) -> Self {
        match self {
            Self::SynReceived | Self::Established => Self::CloseWait,
            Self::FinWait1 => Self::Closing,
            Self::FinWait2 => Self::TimeWait,
            other => other,
        }
    }

    /// Where a CLOSE call leads. RFC 9293 §3.10.4.
    #[must_use]
    pub const fn on_close(self) -> Self {
        match self {
            Self::Established => Self::FinWait1,
            Self::CloseWait => Self::LastAck,
            other => other,
        }
    }
}

/// A set of states: those that a connection may be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u16);

impl States {
    /// Only `state`.
    #[must_use]
    pub const fn only(state: State) -> Self {
        Self(1 << state as u16)
    }

    /// Adds one.
    pub const fn add(&mut self, state: State) {
        self.0 |= 1 << state as u16;
    }

    /// Not `state`, unless it is the only one.
    pub const fn rule_out(&mut self, state: State) {
        let rest = self.0 & !(1 << state as u16);
        if rest != 0 {
            self.0 = rest;
        }
    }

    /// All of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `state` is possible.
    #[must_use]
    pub const fn has(self, state: State) -> bool {
        self.0 & (1 << state as u16) != 0
    }

    /// The state, if only one is possible.
    #[must_use]
    pub fn known(self) -> Option<State> {
        let mut all = self.iter();
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// Those that are possible.
    pub fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.into_iter().filter(move |state| self.has(*state))
    }

    /// Each possible state, changed.
    #[must_use]
    pub fn map(self, change: impl Fn(State) -> State) -> Self {
        let mut changed = Self::default();
        for state in self.iter() {
            changed.add(change(state));
        }
        changed
    }
}

impl std::fmt::Display for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, state) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "|" };
            write!(f, "{separator}{state:?}")?;
        }
        Ok(())
    }
}
