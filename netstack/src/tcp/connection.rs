//! A connection: the transmission control block.

use alloc::boxed::Box;
use core::num::NonZeroU32;

use super::cold::Cold;
use super::congestion::Congestion;
use super::ecn::EcnState;
use super::ends::Ends;
use super::header::{IpFields, Route};
use super::isn::TimestampClock;
use super::outbound::Outbound;
use super::pmtud::Pmtud;
use super::recovery::{Path, Recovery, Reports};
use super::recv::Recv;
use super::rtt::RttEstimator;
use super::segment::{FourTuple, IpVersion};
use super::send::Send;
use super::send_buffer::SendBuffer;
use super::seq::{SeqNum, WindowScale, WindowSize};
use super::short::{CoarseInstant, wrapping_millis};
use super::state::{Signal, State};
use super::timers::TimerTable;
use super::train::Lane;
use crate::engine::config::{Limits, TcpConfig};
use crate::engine::drops::DropReason;
use crate::engine::event::{CloseReason, ListenerId};
use crate::engine::info::{Counters, Held};
use crate::engine::payload::{Buffer, Frame};
use crate::engine::reply::{Replies, Reply};
use crate::time::{Instant, Span};
use crate::wire::tcp_options::{SackPermitted, Timestamps};

/// What every step of a connection may use besides the connection.
pub(crate) struct Env<'a, F> {
    /// The time.
    pub(crate) now: Instant,
    /// Times and sizes.
    pub(crate) config: &'a TcpConfig,
    /// Limits.
    pub(crate) limits: &'a Limits,
    /// What happened.
    pub(crate) counters: &'a mut Counters,
    /// Memory by pool.
    pub(crate) held: &'a mut Held,
    /// Answers outside of connections.
    pub(crate) replies: &'a mut Replies<F>,
}

/// A connection. In this order, so that what a segment in order touches lies side by side.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Tcb<F, B> {
    // What every segment touches comes first.
    pub(crate) ends: Ends,
    pub(crate) send: Send,
    pub(crate) state: State,
    pub(crate) due: Due,
    pub(crate) notes: Notes,
    pub(crate) owner: Owner,
    /// Why it ended, once it has.
    pub(crate) end: Option<CloseReason>,
    /// The payload of a full segment that we send: without options that every segment carries.
    pub(crate) mss: u16,
    /// The payload of the largest segment that the peer sent, at most the MSS that we told it: when
    /// it has sent two, we ACK.
    pub(crate) rcv_mss: u16,
    pub(crate) recv: Recv<F>,
    pub(crate) options: Negotiated,
    /// When something was last heard of the peer.
    pub(crate) heard_at: Instant,
    /// When something was last sent, or an idle connection set out to.
    pub(crate) sent_at: Instant,
    pub(crate) timers: TimerTable,
    pub(crate) recovery: Cold<Recovery>,
    /// How the path MTU was found, where it is not the link's.
    pub(crate) pmtud: Option<Box<Pmtud>>,
    pub(crate) outbound: Cold<Outbound>,
    pub(crate) ecn: EcnState,
    pub(crate) queue: SendBuffer<B>,
    /// The way to the peer; `None` while its link address is asked for.
    pub(crate) route: Option<Route>,
    /// The largest IP packet that we send.
    pub(crate) path_mtu: u16,
    /// The largest segment that the peer takes, as its SYN said.
    pub(crate) peer_mss: u16,
    /// How data last left: what is not acknowledged yet must not be overtaken.
    pub(crate) lane: Lane,
    /// What the owner chose of the IP header.
    pub(crate) ip: IpFields,
    pub(crate) congestion: Congestion,
    pub(crate) rtt: RttEstimator,
    /// Who accepted it; `None` of an active open.
    pub(crate) listener: Option<ListenerId>,
    pub(crate) challenge: ChallengeLimit,
    /// For how long it may, in milliseconds, if not as configured.
    pub(super) user_timeout_ms: Option<NonZeroU32>,
    pub(crate) opened_at: CoarseInstant,
    pub(crate) stats: Stats,
}

/// What the handshake agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negotiated {
    /// Timestamps, if both sides send them.
    pub(crate) timestamps: Option<TimestampState>,
    /// Whether SACK may be used both ways.
    pub(crate) sack: SackPermitted,
}

/// The timestamps of a connection. RFC 7323 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampState {
    /// Our clock.
    pub(crate) clock: TimestampClock,
    /// TS.Recent.
    pub(crate) recent: u32,
    /// When it was taken.
    pub(crate) recent_at: CoarseInstant,
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: SeqNum,
}

/// What goes out in the next turn besides data and acknowledgments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// The SYN or the SYN-ACK.
    Syn,
    /// A tail loss probe.
    LossProbe,
    /// A window probe: whatever the window takes, or an old byte.
    WindowProbe,
    /// A keepalive probe.
    Keepalive,
}

/// Whether somebody still owns the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Its owner hears of it.
    Attached,
    /// The owner let go: it ends on its own.
    LetGo,
}

/// Things to tell the owner: a small set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes(u8);

impl Notes {
    /// The handshake is done.
    pub(crate) const OPENED: Self = Self(1);
    /// The receive queue is not empty any more.
    pub(crate) const READABLE: Self = Self(2);
    /// The peer's FIN was taken.
    pub(crate) const PEER_FINISHED: Self = Self(4);
    /// There is room for sending again.
    pub(crate) const WRITABLE: Self = Self(8);
    /// The owner was told that there is no room: not a thing to tell, but why to.
    pub(super) const BLOCKED: Self = Self(16);
    /// The next segment is to tell the user timeout: not a thing to tell the owner either.
    pub(super) const TELL_TIMEOUT: Self = Self(32);
    /// The owner chose the user timeout: no peer changes it.
    pub(super) const OWN_TIMEOUT: Self = Self(64);

    /// Adds one.
    pub(crate) const fn add(&mut self, note: Self) {
        self.0 |= note.0;
    }

    /// Whether one is there.
    pub(super) const fn has(self, note: Self) -> bool {
        self.0 & note.0 != 0
    }

    /// Takes one out; whether it was there.
    pub(crate) const fn take(&mut self, note: Self) -> bool {
        let there = self.0 & note.0 != 0;
        self.0 &= !note.0;
        there
    }
}

/// The challenge ACKs of the current second. RFC 5961 §7: per connection, because a host-wide
/// limit tells a stranger what others do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChallengeLimit {
    /// When that second began, in milliseconds. One that is taken for current because the clock has
    /// wrapped (49.7 days) was a second long as well.
    since_ms: u32,
    sent: u8,
}

impl ChallengeLimit {
    /// How many were sent in the second that is counted.
    pub(super) const fn sent(self) -> u8 {
        self.sent
    }
}

/// Counts for `info`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_retransmitted: u64,
    pub(crate) retransmits: u32,
    /// Keepalive probes or SYNs without an answer.
    pub(crate) unanswered: u8,
}

/// What a connection is made from.
pub(crate) struct TcbParts {
    pub(crate) tuple: FourTuple,
    pub(crate) state: State,
    pub(crate) route: Option<Route>,
    pub(crate) path_mtu: u16,
    pub(crate) listener: Option<ListenerId>,
    pub(crate) iss: SeqNum,
    pub(crate) options: Negotiated,
}

impl<F: Frame, B: Buffer> Tcb<F, B> {
    /// A connection before its first segment. `recv` is replaced when the peer's SYN is known.
    pub(crate) fn new(parts: TcbParts, recv: Recv<F>, env: &Env<'_, F>) -> Self {
        let TcbParts { tuple, state, route, path_mtu, listener, iss, options } = parts;
        let config = env.config;
        Self {
            state,
            send: Send::new(iss),
            recv,
            options,
            mss: DEFAULT_MSS,
            rcv_mss: DEFAULT_MSS,
            queue: SendBuffer::new(iss + 1),
            outbound: Cold::new(),
            recovery: Cold::new(),
            congestion: Congestion::new(config.congestion, u32::from(DEFAULT_MSS)),
            ecn: EcnState::NONE,
            rtt: RttEstimator::new(),
            timers: TimerTable::NONE,
            due: Due::Nothing,
            notes: Notes::default(),
            ends: Ends::of(&tuple),
            route,
            lane: Lane::default(),
            ip: config.ip,
            path_mtu,
            pmtud: None,
            peer_mss: DEFAULT_MSS,
            owner: Owner::Attached,
            listener,
            end: None,
            challenge: ChallengeLimit { since_ms: wrapping_millis(env.now), sent: 0 },
            heard_at: env.now,
            sent_at: env.now,
            user_timeout_ms: None,
            opened_at: CoarseInstant::of(env.now),
            stats: Stats::default(),
        }
    }

    /// Takes the MSS of the peer's SYN and computes what we send. RFC 9293 §3.7.1, RFC 6691.
    pub(crate) fn set_peer_mss(&mut self, mss: Option<u16>) {
        self.peer_mss = mss.unwrap_or_else(|| default_mss(self.ends.ip_version())).max(MSS_MIN);
        self.update_mss();
    }

    /// Computes the segment size from the path MTU and the peer's MSS.
    pub(crate) fn update_mss(&mut self) {
        let headers = ip_header_len(self.ends.ip_version()) + TCP_HEADER_LEN;
        let path = self.path_mtu.saturating_sub(headers);
        let options = if self.options.timestamps.is_some() { TIMESTAMPS_LEN } else { 0 };
        self.mss = self.peer_mss.min(path).saturating_sub(options).max(MSS_MIN / 2);
        self.congestion.set_mss(u32::from(self.mss));
    }

    /// Moves to another state through the one door, and sets what the new one needs.
    pub(crate) fn signal(&mut self, env: &Env<'_, F>, signal: Signal) {
        let next = self.state.on(signal);
        if next.name() == self.state.name() {
            self.state = next;
            return;
        }
        self.state = next;
        self.renew_deadline(env);
    }

    /// Ends the connection for `reason`; the engine takes it from there.
    pub(crate) fn finish(&mut self, env: &Env<'_, F>, signal: Signal, reason: CloseReason) {
        self.signal(env, signal);
        self.end.get_or_insert(reason);
    }

    /// Ends the connection with RST, where the peer knows of it.
    pub(crate) fn break_off(&mut self, env: &mut Env<'_, F>, reason: CloseReason) {
        if let Some(reset) = self.reset(env) {
            env.counters.resets_sent += 1;
            env.replies.push(Reply::Segment(reset), env.counters);
        }
        self.finish(env, Signal::Abort, reason);
    }

    /// Sets the deadline of the state: it starts anew with every progress of an orphan.
    pub(crate) fn renew_deadline(&mut self, env: &Env<'_, F>) {
        let config = env.config;
        let orphan = (self.owner == Owner::LetGo).then_some(config.orphan);
        let patience = match self.state {
            State::Closing(_) | State::LastAck(_) => Some(config.orphan),
            // Half-closed with an owner that still reads is a state to stay in.
            State::FinWait2(_) => orphan.map(|_| config.fin_wait_2),
            State::FinWait1(_) => orphan,
            // Handshakes have their own count, TIME-WAIT its record.
            State::Closed(_)
            | State::Listen(_)
            | State::SynSent(_)
            | State::SynReceived(_)
            | State::Established(_)
            | State::CloseWait(_)
            | State::TimeWait(_) => None,
        };
        self.timers.set_deadline(patience.map(|span| env.now + span));
    }

    /// Whether a challenge ACK may go out now; counts it. RFC 5961 §7.
    pub(crate) fn challenge(&mut self, env: &mut Env<'_, F>) {
        let now_ms = wrapping_millis(env.now);
        if now_ms.wrapping_sub(self.challenge.since_ms) >= 1_000 {
            self.challenge = ChallengeLimit { since_ms: now_ms, sent: 0 };
        }
        if self.challenge.sent >= env.config.challenge_acks_per_second {
            env.counters.challenge_acks_limited += 1;
            return;
        }
        self.challenge.sent += 1;
        env.counters.challenge_acks_sent += 1;
        self.recv.ack.at_once();
    }

    /// The timestamps of a segment that goes out now.
    pub(crate) fn timestamps(&self, now: Instant) -> Option<Timestamps> {
        let state = self.options.timestamps?;
        Some(Timestamps { value: state.clock.at(now), echo: state.recent })
    }

    /// How the peer reports what arrived out of order.
    pub(crate) const fn reports(&self) -> Reports {
        match self.options.sack {
            SackPermitted::Yes => Reports::Sack,
            SackPermitted::No => Reports::DuplicateAcks,
        }
    }

    /// The two ends.
    pub(crate) const fn tuple(&self) -> FourTuple {
        self.ends.tuple()
    }

    /// The retransmission timeout.
    pub(crate) fn rto(&self, config: &TcpConfig) -> Span {
        self.rtt.rto(config.rto_bounds())
    }

    /// Round-trip facts for loss detection.
    pub(crate) fn path(&self) -> Path {
        Path { srtt: self.rtt.srtt(), min_rtt: self.rtt.min_rtt(), mss: u32::from(self.mss) }
    }

    /// When the memory that an idle connection does not need is given back; `None` if it has none, or
    /// needs it. It moves with every segment.
    #[inline]
    pub(crate) fn rests_at(&self) -> Option<Instant> {
        let holds = self.recv.holds_spare()
            || self.queue.holds_spare()
            || self.outbound.holds_spare()
            || self.congestion.holds_spare()
            || self.recovery.holds_spare();
        holds.then(|| self.may_rest_at())
    }

    /// When that is, whether it has any or not.
    #[inline]
    pub(crate) fn may_rest_at(&self) -> Instant {
        self.heard_at.max(self.sent_at) + REST_AFTER
    }

    /// Gives that memory back, if the time has come.
    pub(crate) fn rest(&mut self, now: Instant) {
        if self.rests_at().is_some_and(|at| at <= now) {
            self.recv.rest();
            self.queue.rest();
            self.outbound.rest();
            self.congestion.rest();
            self.recovery.rest();
        }
    }

    /// Whether there may be something to send in this turn.
    pub(crate) fn wants_to_send(&self) -> bool {
        if self.end.is_some() {
            return false;
        }
        self.due != Due::Nothing
            || self.recv.ack.owed() == super::ack::Owed::Now
            || (self.state.may_send()
                && (self.outbound.scoreboard.lost_bytes() > 0
                    || self.send.snd_nxt.before(self.queue.end())
                    || self.send.fin_is_due(self.queue.end())))
    }
}

/// Bytes of the IP header of a connection's packets.
pub(crate) const fn ip_header_len(version: IpVersion) -> u16 {
    match version {
        IpVersion::V4 => 20,
        IpVersion::V6 => 40,
    }
}

/// The MSS of a peer that doesn't say. RFC 9293 §3.7.1.
pub(crate) const fn default_mss(version: IpVersion) -> u16 {
    match version {
        IpVersion::V4 => DEFAULT_MSS,
        IpVersion::V6 => DEFAULT_MSS_V6,
    }
}

/// The MSS that we tell a peer: what fits our link. RFC 6691: options are not subtracted.
pub(crate) const fn advertised_mss(version: IpVersion, mtu: u16) -> u16 {
    mtu.saturating_sub(ip_header_len(version) + TCP_HEADER_LEN)
}

/// The shift and the first window that we advertise for a receive window of that size.
pub(crate) fn window_to_offer(window_max: u32) -> (WindowScale, WindowSize) {
    // A SYN's window is never scaled. RFC 7323 §2.2.
    let first = window_max.min(u32::from(u16::MAX));
    (WindowScale::for_window(window_max), WindowSize::new(first))
}

/// What went wrong with a segment: it is dropped for that reason.
pub(crate) type Step = Result<(), DropReason>;

/// How long nothing is heard and sent before a connection counts as idle: longer than what a peer takes
/// to think, as a rule.
const REST_AFTER: Span = Span::from_secs(1);
/// The MSS of an IPv4 peer that doesn't say. RFC 9293 §3.7.1.
pub(crate) const DEFAULT_MSS: u16 = 536;
/// The same of IPv6.
const DEFAULT_MSS_V6: u16 = 1_220;
/// The smallest MSS that is believed: less makes no progress beside its headers.
const MSS_MIN: u16 = 88;
/// Bytes of a TCP header without options.
pub(crate) const TCP_HEADER_LEN: u16 = 20;
/// Bytes of the timestamps option with its padding.
const TIMESTAMPS_LEN: u16 = 12;
