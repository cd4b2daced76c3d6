//! What an engine shows of itself: counters, states, connections, memory.

use core::net::SocketAddr;

use super::drops::DropReason;
use super::event::CloseReason;
use crate::tcp::state::TcpState;
use crate::time::{Instant, Span};

/// Declares the plain counters of [`Counters`] with a name for metrics each.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $field:ident,)+) => {
        /// What happened since the engine's start. Plain numbers that only grow.
        #[derive(Clone, Debug)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $field: u64,)+
            /// By [`DropReason::index`].
            drops: [u64; DropReason::COUNT],
            /// By [`CloseReason::index`].
            closes: [u64; CloseReason::ALL.len()],
        }

        impl Default for Counters {
            fn default() -> Self {
                Self {
                    $($field: 0,)+
                    drops: [0; DropReason::COUNT],
                    closes: [0; CloseReason::ALL.len()],
                }
            }
        }

        impl Counters {
            /// Every plain counter with its name; drops and closes are apart.
            pub fn plain(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Frames handed to the engine.
    frames_received,
    /// Segments that passed the parser.
    segments_received,
    /// Payload bytes taken in order.
    bytes_received,
    /// Segments whose checksum was only the pseudo-header's sum, accepted by policy.
    checksums_partial,
    /// Trains given to the link.
    trains_sent,
    /// Segments sent, retransmissions included.
    segments_sent,
    /// Payload bytes sent for the first time.
    bytes_sent,
    /// Payload bytes sent again.
    bytes_retransmitted,
    /// Segments without payload that only acknowledge.
    acks_sent,
    /// Segments that were answered by the delayed-ACK timer.
    acks_delayed,
    /// Duplicate ACKs received.
    duplicate_acks_received,
    /// RSTs sent.
    resets_sent,
    /// RSTs that ended a connection.
    resets_received,
    /// Challenge ACKs sent. RFC 5961.
    challenge_acks_sent,
    /// Challenge ACKs that the connection's limit held back.
    challenge_acks_limited,
    /// Active opens.
    opens_active,
    /// SYNs that made a half-open connection.
    opens_passive,
    /// Half-open connections and answered cookies that became connections.
    accepts,
    /// Half-open connections given up.
    half_open_timeouts,
    /// Half-open connections that a RST ended.
    half_open_resets,
    /// SYNs that were answered with a cookie. RFC 4987 §3.6.
    syn_cookies_sent,
    /// Connections that began with the answer to a cookie.
    syn_cookies_accepted,
    /// ACKs without a flow, while answers were expected, that were none.
    syn_cookies_failed,
    /// SYN and SYN-ACK retransmissions.
    handshake_retransmits,
    /// Retransmission timeouts.
    retransmits_timeout,
    /// Ranges sent again by loss recovery (RACK or duplicate ACKs).
    retransmits_recovery,
    /// Tail loss probes. RFC 8985 §7.
    loss_probes,
    /// Tail loss probes that repaired a loss nothing else told of. RFC 8985 §7.4.
    loss_probes_repaired,
    /// D-SACK blocks received: what we sent arrived twice. RFC 2883.
    duplicates_sent,
    /// Recoveries entered.
    recoveries,
    /// Recoveries that timestamps showed to be for nothing. RFC 3522.
    recoveries_undone,
    /// Window probes. RFC 9293 §3.8.6.1.
    window_probes,
    /// Keepalive probes.
    keepalive_probes,
    /// Payload bytes that arrived ahead of a gap.
    out_of_order_bytes,
    /// D-SACK blocks for payload that arrived a second time. RFC 2883.
    duplicates_reported,
    /// Payload bytes that were copied out of their frames, because the connection held too many.
    copied_out_bytes,
    /// Connections that took TIME-WAIT's place before its time. RFC 6191.
    time_wait_reused,
    /// Connections that skipped TIME-WAIT, because there were too many records.
    time_wait_full,
    /// ARP requests, neighbour solicitations and echo requests answered.
    neighbor_and_echo_answers,
    /// ICMP errors that lowered a path MTU.
    path_mtu_lowered,
    /// Path MTUs that were raised again: by a probe, or because they had aged.
    path_mtu_raised,
    /// Paths on which packets seemed to vanish for their size.
    path_mtu_black_holes,
    /// Segments sent as probes for a larger path MTU. RFC 4821.
    path_mtu_probes,
    /// Of these, those that were lost or that a router refused.
    path_mtu_probes_lost,
    /// Connections whose handshake agreed on ECN. RFC 3168.
    ecn_negotiated,
    /// Data segments that a router marked.
    ecn_marks_received,
    /// Acknowledgments that echoed a mark.
    ecn_echoes_received,
    /// Reductions of a congestion window for a mark.
    ecn_reductions,
    /// Contradictions in our own state; each reset one connection.
    invariants_broken,
}

impl Counters {
    /// How often something received was not used for `reason`.
    #[must_use]
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.drops.get(reason.index()).copied().unwrap_or_default()
    }

    /// How many connections ended for `reason`, those whose owner had let go included.
    #[must_use]
    pub fn closes(&self, reason: CloseReason) -> u64 {
        self.closes.get(reason.index()).copied().unwrap_or_default()
    }

    /// Counts something received that is not used.
    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        if let Some(counter) = self.drops.get_mut(reason.index()) {
            *counter += 1;
        }
    }

    /// Counts a connection that ended.
    pub(crate) fn count_close(&mut self, reason: CloseReason) {
        if let Some(counter) = self.closes.get_mut(reason.index()) {
            *counter += 1;
        }
    }
}

/// How many connections are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts([u32; TcpState::ALL.len()]);

impl StateCounts {
    /// How many are in `state`.
    #[must_use]
    pub fn get(&self, state: TcpState) -> u32 {
        self.0.get(state.index()).copied().unwrap_or_default()
    }

    /// Every state with its count.
    pub fn iter(&self) -> impl Iterator<Item = (TcpState, u32)> {
        TcpState::ALL.into_iter().map(|state| (state, self.get(state)))
    }

    /// All of them together, the listener itself left out.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.iter().filter(|&(state, _)| state != TcpState::Listen).map(|(_, count)| count).sum()
    }

    /// One more in `state`.
    pub(crate) fn enter(&mut self, state: TcpState) {
        if let Some(count) = self.0.get_mut(state.index()) {
            *count += 1;
        }
    }

    /// One less in `state`.
    pub(crate) fn leave(&mut self, state: TcpState) {
        if let Some(count) = self.0.get_mut(state.index()) {
            debug_assert!(*count > 0, "a connection leaves a state that it never entered");
            *count = count.saturating_sub(1);
        }
    }
}

/// What an owner needs to choose the size of its next buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendView {
    /// The congestion window.
    pub cwnd_bytes: usize,
    /// What is on its way and not acknowledged.
    pub flight_bytes: usize,
    /// What is queued, on its way or not.
    pub queued_bytes: usize,
    /// What may be queued now.
    pub room_bytes: usize,
    /// The largest payload of a segment.
    pub mss_bytes: usize,
}

/// A connection as `ss -ti` shows it.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The state.
    pub state: TcpState,
    /// Time since the handshake's first segment, to within 134 ms.
    pub age: Span,
    /// SND.UNA, SND.NXT and RCV.NXT as the wire has them: tests hold them against what was sent.
    pub snd_una: u32,
    /// See [`ConnectionInfo::snd_una`].
    pub snd_nxt: u32,
    /// See [`ConnectionInfo::snd_una`].
    pub rcv_nxt: u32,
    /// The largest payload of a segment that we send.
    pub mss_bytes: u16,
    /// The largest IP packet that we send.
    pub path_mtu_bytes: u16,
    /// The congestion control algorithm.
    pub congestion: &'static str,
    /// What it is at: `slow_start`, `congestion_avoidance`, or a state of BBR.
    pub congestion_phase: &'static str,
    /// How fast it would send, in bytes a second: what a paced connection keeps to.
    pub pacing_rate: Option<u64>,
    /// The congestion window.
    pub cwnd_bytes: usize,
    /// The slow start threshold; `u32::MAX` before the first loss.
    pub ssthresh_bytes: usize,
    /// The smoothed round-trip time, once there was a sample.
    pub srtt: Option<Span>,
    /// Its variation, once there was a sample.
    pub rttvar: Option<Span>,
    /// The retransmission timeout, backoff included.
    pub rto: Span,
    /// What is on its way and not acknowledged.
    pub flight_bytes: usize,
    /// What is queued for sending, on its way or not.
    pub send_queue_bytes: usize,
    /// What was received in order and not taken by the owner.
    pub receive_queue_bytes: usize,
    /// What was received ahead of a gap.
    pub out_of_order_bytes: usize,
    /// The window that the peer gives us.
    pub send_window_bytes: u32,
    /// The window that we give the peer.
    pub receive_window_bytes: u32,
    /// Payload bytes sent for the first time.
    pub bytes_sent: u64,
    /// Payload bytes that the peer acknowledged.
    pub bytes_acked: u64,
    /// Payload bytes received in order.
    pub bytes_received: u64,
    /// Payload bytes sent again.
    pub bytes_retransmitted: u64,
    /// Segments sent again.
    pub retransmits: u32,
    /// Timeouts in a row without an acknowledgment.
    pub backoff: u8,
    /// How long the peer may owe an answer before the connection is given up.
    pub user_timeout: Span,
    /// Bytes of payload that came with each ECN field, where feedback is accurate.
    pub ecn_received: Option<EcnByteCounts>,
    /// The same of what we sent, as the peer's AccECN options tell it.
    pub ecn_told: Option<EcnByteCounts>,
    /// The timer that fires next, and when.
    pub timer: Option<(&'static str, Instant)>,
}

/// Bytes of payload by ECN field, modulo 2^32. RFC 9768 §3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnByteCounts {
    /// ECN-capable, codepoint 0.
    pub ect0: u32,
    /// ECN-capable, codepoint 1.
    pub ect1: u32,
    /// Marked.
    pub ce: u32,
}

/// Memory that an engine holds, by pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connections, their queues' own memory left out.
    pub tcbs: Pool,
    /// Half-open connections.
    pub half_open: Pool,
    /// Records of TIME-WAIT.
    pub time_wait: Pool,
    /// Timers that are armed.
    pub timers: Pool,
    /// Entries of the flow table.
    pub flow_table: Pool,
    /// Received frames with payload that the owner has not taken, in order or not.
    pub receive_frames: Pool,
    /// Payload that was copied out of its frames.
    pub copied_out: Pool,
    /// Of these two, what waits out of order.
    pub out_of_order: Pool,
    /// Buffers queued for sending.
    pub send_buffers: Pool,
    /// Answers that wait for the link.
    pub replies: Pool,
    /// Events that the owner has not taken.
    pub events: Pool,
    /// Neighbours whose link address is kept or asked for.
    pub neighbors: Pool,
}

/// A count of things and the bytes that they take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// How many.
    pub count: usize,
    /// How many bytes together.
    pub bytes: usize,
}

impl Pool {
    /// One more of `bytes`.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    /// One less of `bytes`.
    pub(crate) fn release(&mut self, bytes: usize) {
        debug_assert!(self.count > 0 && self.bytes >= bytes, "released more than was charged");
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
