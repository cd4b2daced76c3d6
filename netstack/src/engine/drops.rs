//! Every reason for which something received is not used, each with a counter.

use crate::wire::WireError;

/// Declares [`DropReason`] with the name of each variant, so that the list exists once.
macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// Why a frame, or a part of it, was not used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropReason {
            /// The frame was not understood.
            Wire(WireError),
            $($(#[$doc])* $variant,)*
        }

        impl DropReason {
            /// Every reason of ours, behind those of the parsers.
            const OWN: &'static [Self] = &[$(Self::$variant,)*];

            /// A name for metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Wire(error) => error.name(),
                    $(Self::$variant => $name,)*
                }
            }

            /// The position among the reasons of ours.
            const fn own_index(self) -> usize {
                #[repr(usize)]
                enum Own {
                    $($variant,)*
                }
                match self {
                    Self::Wire(_) => 0,
                    $(Self::$variant => Own::$variant as usize,)*
                }
            }
        }
    };
}

drop_reasons! {
    /// For a link address that is not ours.
    NotOurMac => "not_our_mac",
    /// For an IP address that is not ours.
    NotOurAddress => "not_our_address",
    /// A segment to a port where nobody waits; it was answered with RST unless it was one.
    NoListener => "no_listener",
    /// A RST for no connection.
    StrayReset => "stray_reset",
    /// An ACK that should have answered a SYN cookie and does not, or too late; it was answered with
    /// RST.
    BadCookie => "bad_cookie",
    /// A SYN beyond the limit of half-open connections, without cookies.
    HalfOpenFull => "half_open_full",
    /// A SYN, or a handshake's last ACK, beyond the limit of connections.
    ConnectionsFull => "connections_full",
    /// An answer had no room in the queue of replies.
    RepliesFull => "replies_full",
    /// Outside of the receive window. RFC 9293 §3.10.7.4, first.
    OutsideWindow => "outside_window",
    /// An old timestamp. RFC 7323 §5.
    Paws => "paws",
    /// A RST that is not exactly at RCV.NXT, or past the window. RFC 5961 §3.
    ResetNotExact => "reset_not_exact",
    /// A RST that was exact: it ended the connection.
    Reset => "reset",
    /// No SYN where only a SYN counts: in SYN-SENT.
    NoSyn => "no_syn",
    /// A SYN on a synchronized connection. RFC 5961 §4.
    SynInSynchronized => "syn_in_synchronized",
    /// A SYN that asks for other ECN feedback than the one before. RFC 9768 §3.1.5.
    EcnContradiction => "ecn_contradiction",
    /// No ACK bit where one is needed.
    NoAck => "no_ack",
    /// An ACK for what was never sent, or far too old. RFC 5961 §5.
    AckOutsideRange => "ack_outside_range",
    /// Payload that was received before.
    Duplicate => "duplicate",
    /// Payload past the end that the peer's FIN announced.
    PastFin => "past_fin",
    /// Payload after our side was closed for good; answered with RST.
    AfterClose => "after_close",
    /// Out-of-order payload beyond the limits.
    OutOfOrderFull => "out_of_order_full",
    /// A segment for a connection in TIME-WAIT that brings nothing.
    TimeWait => "time_wait",
    /// An ICMP error that quotes a sequence number that is not in flight. RFC 5927 §4.
    IcmpNotInFlight => "icmp_not_in_flight",
    /// An ICMP error that changes nothing.
    IcmpIgnored => "icmp_ignored",
    /// An ARP or neighbour message that changes nothing.
    NeighborIgnored => "neighbor_ignored",
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = WireError::ALL.len() + Self::OWN.len();

    /// Every reason, in the order of [`DropReason::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        WireError::ALL.iter().map(|&error| Self::Wire(error)).chain(Self::OWN.iter().copied())
    }

    /// The position in [`DropReason::all`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Wire(error) => error as usize,
            own => WireError::ALL.len() + own.own_index(),
        }
    }
}

impl From<WireError> for DropReason {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}
