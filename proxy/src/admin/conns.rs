//! One connection as `weir conns` shows it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What is known of one client connection: TCP as `ss -ti` says it, TLS, and its backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionRow {
    /// Number of the worker that owns it.
    pub(crate) worker: u32,
    /// Name of the listener.
    pub(crate) listener: String,
    /// Our address.
    pub(crate) local: SocketAddr,
    /// The client's.
    pub(crate) remote: SocketAddr,
    /// Age in ms.
    pub(crate) age_ms: u64,
    /// TCP.
    pub(crate) tcp: TcpRow,
    /// TLS; `None` until the hello is complete.
    pub(crate) tls: Option<TlsRow>,
    /// The backend; `None` until there is one.
    pub(crate) backend: Option<BackendRow>,
}

/// The TCP half of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TcpRow {
    /// The state's name as in the metrics, such as `established`.
    pub(crate) state: String,
    /// Maximum segment size towards the client.
    pub(crate) mss_bytes: u32,
    /// Congestion window.
    pub(crate) cwnd_bytes: u64,
    /// Slow start threshold; `None`: none yet.
    pub(crate) ssthresh_bytes: Option<u64>,
    /// Sent and not acknowledged.
    pub(crate) flight_bytes: u64,
    /// The client's receive window.
    pub(crate) snd_wnd_bytes: u64,
    /// Ours.
    pub(crate) rcv_wnd_bytes: u64,
    /// Waiting to be sent or acknowledged.
    pub(crate) send_queue_bytes: u64,
    /// Received and not consumed.
    pub(crate) recv_queue_bytes: u64,
    /// Smoothed round trip time.
    pub(crate) srtt_us: Option<u64>,
    /// Its variation.
    pub(crate) rttvar_us: Option<u64>,
    /// Retransmission timeout.
    pub(crate) rto_us: u64,
    /// Segments sent again.
    pub(crate) retransmits: u64,
    /// Armed timers with the ms left.
    pub(crate) timers: Vec<(String, u64)>,
    /// Payload bytes received.
    pub(crate) received_bytes: u64,
    /// Payload bytes sent, retransmissions not counted.
    pub(crate) sent_bytes: u64,
}

/// The TLS half of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsRow {
    /// `handshake`, `established`, `closing`.
    pub(crate) state: String,
    /// Name of the virtual host.
    pub(crate) vhost: String,
    /// The server name that the client asked for, in canonical form.
    pub(crate) server_name: Option<String>,
    /// Such as `TLSv1.3`.
    pub(crate) version: Option<String>,
    /// Such as `TLS13_AES_128_GCM_SHA256`.
    pub(crate) cipher_suite: Option<String>,
    /// Such as `X25519MLKEM768`.
    pub(crate) group: Option<String>,
    /// The negotiated protocol.
    pub(crate) alpn: Option<String>,
    /// `full` or `resumed`.
    pub(crate) resumption: Option<String>,
}

/// The backend's part of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackendRow {
    /// Name of the pool.
    pub(crate) pool: String,
    /// Name of the server.
    pub(crate) server: String,
    /// `connecting`, `connected`, `half-closed`, `closed`.
    pub(crate) state: String,
    /// Bytes towards it.
    pub(crate) sent_bytes: u64,
    /// Bytes from it.
    pub(crate) received_bytes: u64,
}
