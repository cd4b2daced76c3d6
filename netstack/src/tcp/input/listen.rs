//! LISTEN, and SYN-RECEIVED before there is a connection. RFC 9293 §3.10.7.2, RFC 4987.
//!
//! A SYN makes a small entry, nothing more; the connection comes with the handshake's last ACK,
//! and then takes that segment as every other: its text and its FIN count.

use super::sequence::is_before;
use crate::engine::config::TcpConfig;
use crate::engine::drops::DropReason;
use crate::engine::event::ListenerId;
use crate::engine::payload::{Buffer, Frame};
use crate::tcp::connection::{
    Env, Negotiated, Tcb, TcbParts, TimestampState, advertised_mss, window_to_offer,
};
use crate::tcp::ecn::{EcnOffer, EcnState};
use crate::tcp::ends::Ends;
use crate::tcp::header::{Outgoing, Route};
use crate::tcp::isn::TimestampClock;
use crate::tcp::recv::{Recv, RecvParts};
use crate::tcp::segment::{Control, FourTuple, Options, Segment};
use crate::tcp::seq::{SeqNum, WindowScale, WindowSize};
use crate::tcp::short::CoarseInstant;
use crate::tcp::state::{CloseCall, Origin, State, SynReceived};
use crate::time::Instant;
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SynOptions, Timestamps};

/// A connection of which only the SYN has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfOpen {
    pub(crate) tuple: FourTuple,
    pub(crate) route: Route,
    pub(crate) listener: ListenerId,
    pub(crate) iss: SeqNum,
    pub(crate) irs: SeqNum,
    /// The peer's options.
    pub(crate) options: SynOptions,
    pub(crate) ecn: EcnOffer,
    pub(crate) clock: TimestampClock,
    pub(crate) opened_at: Instant,
    pub(crate) retransmits: u8,
    /// Challenge ACKs since the last SYN-ACK.
    pub(crate) challenges: u8,
    /// Whether the SYN-ACK that goes out is the first one.
    pub(crate) answer: Answer,
}

/// Which SYN-ACK one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The first.
    First,
    /// One that is sent again, for time or for the SYN's sake.
    Again,
}

/// What a segment means to a half-open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HalfOpenStep {
    /// The SYN again: so is the SYN-ACK.
    Repeat,
    /// The handshake's last ACK: a connection begins with it.
    Complete,
    /// An exact RST: it is forgotten.
    Reset,
    /// An ACK of what was never sent: answered with RST.
    Refuse,
    /// Outside of the window, or a SYN that is not the first: answered with an ACK.
    Challenge(DropReason),
    /// Dropped.
    Drop(DropReason),
}

impl HalfOpen {
    /// What `segment` means: RFC 9293 §3.10.7.4 for SYN-RECEIVED, RFC 5961 §3 and §4.
    pub(crate) fn step(&self, segment: &Segment, config: &TcpConfig) -> HalfOpenStep {
        let rcv_nxt = self.irs + 1;
        let (_, window) = window_to_offer(config.receive_window_bytes);
        match segment.control {
            Control::Syn if segment.seq == self.irs && segment.ack.is_none() => {
                return HalfOpenStep::Repeat;
            }
            Control::Syn => return HalfOpenStep::Challenge(DropReason::SynInSynchronized),
            Control::Rst if segment.seq == rcv_nxt => return HalfOpenStep::Reset,
            Control::Rst if segment.seq.in_window(rcv_nxt, window) => {
                return HalfOpenStep::Challenge(DropReason::ResetNotExact);
            }
            Control::Rst => return HalfOpenStep::Drop(DropReason::ResetNotExact),
            Control::None | Control::Fin => {}
        }
        // The connection would refuse it, and then wait for another last ACK without a timer.
        if let (Some(syn), Some(now)) = (self.options.timestamps, segment.timestamps())
            && is_before(now.value, syn.value)
        {
            return HalfOpenStep::Challenge(DropReason::Paws);
        }
        if !segment.seq.in_window(rcv_nxt, window) {
            return HalfOpenStep::Challenge(DropReason::OutsideWindow);
        }
        match segment.ack {
            None => HalfOpenStep::Drop(DropReason::NoAck),
            Some(ack) if ack == self.iss + 1 => HalfOpenStep::Complete,
            Some(_) => HalfOpenStep::Refuse,
        }
    }

    /// The SYN-ACK: it offers what the SYN had.
    pub(crate) fn syn_ack(&self, now: Instant, config: &TcpConfig, mtu: u16) -> Outgoing {
        let (scale, first) = window_to_offer(config.receive_window_bytes);
        let options = SynOptions {
            mss: Some(advertised_mss(self.tuple.ip_version(), mtu)),
            window_scale: self.options.window_scale.map(|_| scale),
            sack_permitted: self.options.sack_permitted,
            timestamps: self
                .options
                .timestamps
                .map(|theirs| Timestamps { value: self.clock.at(now), echo: theirs.value }),
            // It may be what gets SYN-ACKs lost. RFC 9768 §3.2.3.2.2.
            accecn: match self.answer {
                Answer::First => self.ecn.option(config.ecn_policy()),
                Answer::Again => None,
            },
        };
        Outgoing {
            route: self.route,
            ends: Ends::of(&self.tuple),
            seq: self.iss,
            ack: self.irs + 1,
            flags: Flags::SYN | Flags::ACK | self.ecn.syn_ack_flags(self.retransmits),
            window: first.to_wire(WindowScale::ZERO),
            options: Options::Syn(options),
            ecn: Ecn::NotEct,
            ip: config.ip,
        }
    }

    /// An ACK that says what is expected.
    pub(crate) fn challenge(&self, now: Instant, config: &TcpConfig, mtu: u16) -> Outgoing {
        let mut outgoing = self.syn_ack(now, config, mtu);
        outgoing.seq = self.iss + 1;
        outgoing.flags = Flags::ACK | self.ecn.ack_flags();
        // Without SYN the window is scaled, if both sides scale.
        let (scale, first) = window_to_offer(config.receive_window_bytes);
        if self.options.window_scale.is_some() {
            outgoing.window = first.to_wire(scale);
        }
        let timestamps = match outgoing.options {
            Options::Syn(options) => options.timestamps,
            Options::Other(options) => options.timestamps,
        };
        let options = crate::wire::tcp_options::SegmentOptions { timestamps, ..Default::default() };
        outgoing.options = Options::Other(options);
        outgoing
    }

    /// The connection in SYN-RECEIVED; it takes the last ACK as its first segment.
    pub(crate) fn open<F: Frame, B: Buffer>(&self, env: &Env<'_, F>, path_mtu: u16) -> Tcb<F, B> {
        let options = Negotiated {
            timestamps: self.options.timestamps.map(|theirs| TimestampState {
                clock: self.clock,
                recent: theirs.value,
                recent_at: CoarseInstant::of(self.opened_at),
                last_ack_sent: self.irs + 1,
            }),
            sack: self.options.sack_permitted,
        };
        let state = SynReceived { origin: Origin::Passive, close: CloseCall::None };
        let parts = TcbParts {
            tuple: self.tuple,
            state: State::SynReceived(state),
            route: Some(self.route),
            path_mtu,
            listener: Some(self.listener),
            iss: self.iss,
            options,
        };
        let recv = receive_half(self.irs, self.options.window_scale, env.config);
        let mut tcb = Tcb::new(parts, recv, env);
        tcb.send.snd_nxt = self.iss + 1;
        tcb.send.scale = self.options.window_scale.unwrap_or(WindowScale::ZERO);
        tcb.stats.unanswered = self.retransmits;
        tcb.opened_at = CoarseInstant::of(self.opened_at);
        tcb.ecn = EcnState::passive(self.ecn, env.config.ecn_policy(), self.retransmits);
        // The SYN-ACK's round trip is a sample if it was sent once.
        tcb.sent_at = self.opened_at;
        tcb.set_peer_mss(self.options.mss);
        tcb
    }
}

/// The receive half after a SYN from a peer with that window scale option.
pub(crate) fn receive_half<F: Frame>(
    irs: SeqNum,
    peer_scale: Option<WindowScale>,
    config: &TcpConfig,
) -> Recv<F> {
    let (scale, advertised) = window_to_offer(config.receive_window_bytes);
    let parts = match peer_scale {
        Some(_) => RecvParts { irs, scale, window_max: config.receive_window_bytes, advertised },
        None => {
            let window_max = config.receive_window_bytes.min(u32::from(u16::MAX));
            let advertised = WindowSize::new(window_max);
            RecvParts { irs, scale: WindowScale::ZERO, window_max, advertised }
        }
    };
    Recv::new(parts)
}
