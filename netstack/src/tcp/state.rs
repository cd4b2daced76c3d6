//! The state machine: one struct a state, one door between them. RFC 9293 §3.3.2.

use core::fmt;

/// Declares [`TcpState`] with the name of each state, so that the list exists once.
macro_rules! tcp_states {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)+) => {
        /// The name of a state. RFC 9293 §3.3.2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TcpState {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl TcpState {
            /// Every state, in the order of [`TcpState::index`].
            pub const ALL: [Self; 11] = [$(Self::$variant,)+];

            /// The state's name in the RFC, in lower case with underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

tcp_states! {
    /// No connection.
    Closed => "closed",
    /// Waiting for a SYN.
    Listen => "listen",
    /// Our SYN is out.
    SynSent => "syn_sent",
    /// Both SYNs are out, ours is not acknowledged.
    SynReceived => "syn_received",
    /// Data flows both ways.
    Established => "established",
    /// Our FIN is queued or out.
    FinWait1 => "fin_wait_1",
    /// Our FIN is acknowledged; the peer may still send.
    FinWait2 => "fin_wait_2",
    /// The peer's FIN has arrived; we may still send.
    CloseWait => "close_wait",
    /// Both FINs are out, ours is not acknowledged; ours was first or they crossed.
    Closing => "closing",
    /// Both FINs are out, ours is not acknowledged; the peer's was first.
    LastAck => "last_ack",
    /// Both FINs are acknowledged; old segments die out.
    TimeWait => "time_wait",
}

impl TcpState {
    /// The position in [`TcpState::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of a connection with what only that state knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed(Closed),
    Listen(Listen),
    SynSent(SynSent),
    SynReceived(SynReceived),
    Established(Established),
    FinWait1(FinWait1),
    FinWait2(FinWait2),
    CloseWait(CloseWait),
    Closing(Closing),
    LastAck(LastAck),
    TimeWait(TimeWait),
}

/// No connection any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// Waiting for a SYN. A listener is in it, a connection never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen;

/// Our SYN is out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SynSent {
    pub(crate) close: CloseCall,
}

/// Both SYNs are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SynReceived {
    pub(crate) origin: Origin,
    pub(crate) close: CloseCall,
}

/// Data flows both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Established;

/// Our FIN is queued or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinWait1;

/// Our FIN is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinWait2;

/// The peer's FIN has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CloseWait;

/// Both FINs are out, ours first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing;

/// Both FINs are out, the peer's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastAck;

/// Old segments die out: the record that becomes of the connection knows until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeWait;

/// Who opened a connection: it decides what a RST in SYN-RECEIVED means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A listener of ours.
    Passive,
    /// We did; the SYNs crossed.
    Active,
}

/// Whether our side was shut down before the handshake was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CloseCall {
    /// It was not.
    #[default]
    None,
    /// It was: the FIN follows the handshake.
    Queued,
}

/// What moves a connection from one state to another. Segments got this far only after every
/// check of RFC 9293 §3.10.7: a `Fin` is in order, a `Reset` is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The owner shuts its side down: the CLOSE call.
    Close,
    /// The owner or a broken invariant ends it: the ABORT call.
    Abort,
    /// A SYN without ACK while ours is out.
    Syn,
    /// Our SYN is acknowledged, and the peer's has arrived now or before.
    AckOfSyn,
    /// Our FIN is acknowledged.
    AckOfFin,
    /// The peer's FIN.
    Fin,
    /// The peer's RST.
    Reset,
    /// The state or the connection lasted too long.
    Deadline,
}

#[cfg(test)]
impl Signal {
    /// Every signal: the columns of the transition table.
    pub(crate) const ALL: [Self; 8] = [
        Self::Close,
        Self::Abort,
        Self::Syn,
        Self::AckOfSyn,
        Self::AckOfFin,
        Self::Fin,
        Self::Reset,
        Self::Deadline,
    ];
}

impl State {
    /// The state's name.
    pub(crate) const fn name(self) -> TcpState {
        match self {
            Self::Closed(_) => TcpState::Closed,
            Self::Listen(_) => TcpState::Listen,
            Self::SynSent(_) => TcpState::SynSent,
            Self::SynReceived(_) => TcpState::SynReceived,
            Self::Established(_) => TcpState::Established,
            Self::FinWait1(_) => TcpState::FinWait1,
            Self::FinWait2(_) => TcpState::FinWait2,
            Self::CloseWait(_) => TcpState::CloseWait,
            Self::Closing(_) => TcpState::Closing,
            Self::LastAck(_) => TcpState::LastAck,
            Self::TimeWait(_) => TcpState::TimeWait,
        }
    }

    /// The one door between states.
    #[must_use]
    pub(crate) const fn on(self, signal: Signal) -> Self {
        match self {
            Self::Closed(closed) => Self::Closed(closed),
            Self::Listen(listen) => Self::Listen(listen),
            Self::SynSent(state) => state.on(signal),
            Self::SynReceived(state) => state.on(signal),
            Self::Established(state) => state.on(signal),
            Self::FinWait1(state) => state.on(signal),
            Self::FinWait2(state) => state.on(signal),
            Self::CloseWait(state) => state.on(signal),
            Self::Closing(state) => state.on(signal),
            Self::LastAck(state) => state.on(signal),
            Self::TimeWait(state) => state.on(signal),
        }
    }

    /// Whether the peer may still send data in this state.
    pub(crate) const fn may_receive(self) -> bool {
        match self {
            Self::Established(_) | Self::FinWait1(_) | Self::FinWait2(_) => true,
            Self::Closed(_)
            | Self::Listen(_)
            | Self::SynSent(_)
            | Self::SynReceived(_)
            | Self::CloseWait(_)
            | Self::Closing(_)
            | Self::LastAck(_)
            | Self::TimeWait(_) => false,
        }
    }

    /// Whether segments of data may leave in this state: those queued before a CLOSE as well.
    pub(crate) const fn may_send(self) -> bool {
        match self {
            Self::Established(_)
            | Self::FinWait1(_)
            | Self::CloseWait(_)
            | Self::Closing(_)
            | Self::LastAck(_) => true,
            Self::Closed(_)
            | Self::Listen(_)
            | Self::SynSent(_)
            | Self::SynReceived(_)
            | Self::FinWait2(_)
            | Self::TimeWait(_) => false,
        }
    }
}

impl SynSent {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::Close => State::SynSent(Self { close: CloseCall::Queued }),
            Signal::Syn => {
                State::SynReceived(SynReceived { origin: Origin::Active, close: self.close })
            }
            Signal::AckOfSyn => opened(self.close),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::AckOfFin | Signal::Fin => State::SynSent(self),
        }
    }
}

impl SynReceived {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::Close => State::SynReceived(Self { close: CloseCall::Queued, ..self }),
            Signal::AckOfSyn => opened(self.close),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::Syn | Signal::AckOfFin | Signal::Fin => State::SynReceived(self),
        }
    }
}

impl Established {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::Close => State::FinWait1(FinWait1),
            Signal::Fin => State::CloseWait(CloseWait),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::Syn | Signal::AckOfSyn | Signal::AckOfFin => State::Established(self),
        }
    }
}

impl FinWait1 {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::AckOfFin => State::FinWait2(FinWait2),
            Signal::Fin => State::Closing(Closing),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::Close | Signal::Syn | Signal::AckOfSyn => State::FinWait1(self),
        }
    }
}

impl FinWait2 {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::Fin => State::TimeWait(TimeWait),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::Close | Signal::Syn | Signal::AckOfSyn | Signal::AckOfFin => {
                State::FinWait2(self)
            }
        }
    }
}

impl CloseWait {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::Close => State::LastAck(LastAck),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::Syn | Signal::AckOfSyn | Signal::AckOfFin | Signal::Fin => {
                State::CloseWait(self)
            }
        }
    }
}

impl Closing {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::AckOfFin => State::TimeWait(TimeWait),
            Signal::Reset | Signal::Abort | Signal::Deadline => State::Closed(Closed),
            Signal::Close | Signal::Syn | Signal::AckOfSyn | Signal::Fin => State::Closing(self),
        }
    }
}

impl LastAck {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::AckOfFin | Signal::Reset | Signal::Abort | Signal::Deadline => {
                State::Closed(Closed)
            }
            Signal::Close | Signal::Syn | Signal::AckOfSyn | Signal::Fin => State::LastAck(self),
        }
    }
}

impl TimeWait {
    const fn on(self, signal: Signal) -> State {
        match signal {
            Signal::Abort | Signal::Deadline => State::Closed(Closed),
            // A RST is ignored: RFC 1337 §3, fix F1.
            Signal::Reset
            | Signal::Close
            | Signal::Syn
            | Signal::AckOfSyn
            | Signal::AckOfFin
            | Signal::Fin => State::TimeWait(self),
        }
    }
}

/// Where a completed handshake leads.
const fn opened(close: CloseCall) -> State {
    match close {
        CloseCall::None => State::Established(Established),
        CloseCall::Queued => State::FinWait1(FinWait1),
    }
}
