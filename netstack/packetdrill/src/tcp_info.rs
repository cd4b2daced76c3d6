//! `TCP_INFO`, from what the engine says of a connection.

use netstack::{ConnectionInfo, Span, TcpState};

/// Declares the fields once: the structure, and how they are found by name.
macro_rules! tcp_info {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)+) => {
        /// `struct tcp_info` of `linux/tcp.h`, up to `tcpi_delivery_rate`. What the engine does
        /// not tell is 0.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct TcpInfo {
            $($(#[$doc])* pub $field: $type,)+
        }

        impl TcpInfo {
            /// The field of that name.
            #[must_use]
            pub fn field(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($field) => Some(self.$field.into()),)+
                    _ => None,
                }
            }
        }
    };
}

tcp_info! {
    /// The state, as `tcp_states.h` numbers it.
    tcpi_state: u8,
    /// 0 open, 4 loss: after a timeout.
    tcpi_ca_state: u8,
    /// Timeouts in a row.
    tcpi_retransmits: u8,
    /// Probes without an answer.
    tcpi_probes: u8,
    /// Doublings of the timeout.
    tcpi_backoff: u8,
    /// What was negotiated.
    tcpi_options: u8,
    /// The two window scales.
    tcpi_wscale: u8,
    /// Flags of the rate sample.
    tcpi_flags: u8,
    /// The retransmission timeout in µs.
    tcpi_rto: u32,
    /// The delayed-ACK timeout in µs.
    tcpi_ato: u32,
    /// Payload of a full segment that we send.
    tcpi_snd_mss: u32,
    /// Payload of a full segment that the peer sends.
    tcpi_rcv_mss: u32,
    /// Segments in flight.
    tcpi_unacked: u32,
    /// Segments that the peer reported.
    tcpi_sacked: u32,
    /// Segments given up.
    tcpi_lost: u32,
    /// Segments sent again that are in flight.
    tcpi_retrans: u32,
    /// Forward acknowledged.
    tcpi_fackets: u32,
    /// ms since data was sent.
    tcpi_last_data_sent: u32,
    /// ms since an ACK was sent.
    tcpi_last_ack_sent: u32,
    /// ms since data came.
    tcpi_last_data_recv: u32,
    /// ms since an ACK came.
    tcpi_last_ack_recv: u32,
    /// The largest packet, in bytes.
    tcpi_pmtu: u32,
    /// The receiver's slow start threshold.
    tcpi_rcv_ssthresh: u32,
    /// SRTT in µs.
    tcpi_rtt: u32,
    /// RTTVAR in µs.
    tcpi_rttvar: u32,
    /// The slow start threshold in segments.
    tcpi_snd_ssthresh: u32,
    /// The congestion window in segments.
    tcpi_snd_cwnd: u32,
    /// The MSS that we told the peer.
    tcpi_advmss: u32,
    /// Segments that may be out of order before that is loss.
    tcpi_reordering: u32,
    /// The receiver's round trip in µs.
    tcpi_rcv_rtt: u32,
    /// The receive window.
    tcpi_rcv_space: u32,
    /// Segments sent again.
    tcpi_total_retrans: u32,
    /// Bytes a second.
    tcpi_pacing_rate: u64,
    /// Bytes a second.
    tcpi_max_pacing_rate: u64,
    /// Bytes that the peer acknowledged.
    tcpi_bytes_acked: u64,
    /// Bytes received in order.
    tcpi_bytes_received: u64,
    /// Segments sent.
    tcpi_segs_out: u32,
    /// Segments received.
    tcpi_segs_in: u32,
    /// Bytes queued and not sent.
    tcpi_notsent_bytes: u32,
    /// The smallest round trip in µs.
    tcpi_min_rtt: u32,
    /// Data segments received.
    tcpi_data_segs_in: u32,
    /// Data segments sent.
    tcpi_data_segs_out: u32,
    /// Bytes a second.
    tcpi_delivery_rate: u64,
}

/// The states' numbers in `tcp_states.h`, by their names there.
pub const STATES: [(&str, TcpState, u8); 11] = [
    ("TCP_ESTABLISHED", TcpState::Established, 1),
    ("TCP_SYN_SENT", TcpState::SynSent, 2),
    ("TCP_SYN_RECV", TcpState::SynReceived, 3),
    ("TCP_FIN_WAIT1", TcpState::FinWait1, 4),
    ("TCP_FIN_WAIT2", TcpState::FinWait2, 5),
    ("TCP_TIME_WAIT", TcpState::TimeWait, 6),
    ("TCP_CLOSE", TcpState::Closed, 7),
    ("TCP_CLOSE_WAIT", TcpState::CloseWait, 8),
    ("TCP_LAST_ACK", TcpState::LastAck, 9),
    ("TCP_LISTEN", TcpState::Listen, 10),
    ("TCP_CLOSING", TcpState::Closing, 11),
];

impl TcpInfo {
    /// Of a connection.
    #[must_use]
    pub fn of(info: &ConnectionInfo, receive_window_bytes: u32) -> Self {
        let mss = usize::from(info.mss_bytes).max(1);
        let segments = |bytes: usize| count(bytes.div_ceil(mss));
        Self {
            tcpi_state: number_of(info.state),
            tcpi_ca_state: if info.backoff > 0 { 4 } else { 0 },
            tcpi_retransmits: info.backoff,
            tcpi_backoff: info.backoff,
            tcpi_rto: micros(info.rto),
            tcpi_snd_mss: info.mss_bytes.into(),
            tcpi_unacked: segments(info.flight_bytes),
            tcpi_pmtu: info.path_mtu_bytes.into(),
            tcpi_rtt: info.srtt.map_or(0, micros),
            tcpi_rttvar: info.rttvar.map_or(0, micros),
            // Linux keeps the threshold of 'never' below 2^31.
            tcpi_snd_ssthresh: segments(info.ssthresh_bytes).min(0x7fff_ffff),
            tcpi_snd_cwnd: count(info.cwnd_bytes / mss),
            tcpi_rcv_space: receive_window_bytes,
            tcpi_total_retrans: info.retransmits,
            tcpi_bytes_acked: info.bytes_acked,
            tcpi_bytes_received: info.bytes_received,
            tcpi_notsent_bytes: count(info.send_queue_bytes.saturating_sub(info.flight_bytes)),
            ..Self::default()
        }
    }

    /// Of a socket that listens.
    #[must_use]
    pub fn listening() -> Self {
        Self { tcpi_state: number_of(TcpState::Listen), ..Self::default() }
    }

    /// Of a socket without a connection.
    #[must_use]
    pub fn closed() -> Self {
        Self { tcpi_state: number_of(TcpState::Closed), ..Self::default() }
    }
}

fn number_of(state: TcpState) -> u8 {
    STATES.iter().find(|(_, other, _)| *other == state).map_or(0, |(_, _, number)| *number)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn micros(span: Span) -> u32 {
    u32::try_from(span.as_nanos() / 1_000).unwrap_or(u32::MAX)
}
