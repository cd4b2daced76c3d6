//! What the RFCs leave to an implementation, and how the judged one has it.

use crate::segment::Time;

/// Times and sizes of a host.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// The MTU of its link.
    pub mtu: usize,
    /// The whole receive window.
    pub window: i64,
    /// The retransmission timeout's bounds, and its first value.
    pub rto_min: Time,
    /// See [`Profile::rto_min`].
    pub rto_max: Time,
    /// See [`Profile::rto_min`].
    pub rto_initial: Time,
    /// How long an acknowledgment waits: at most 500 ms. RFC 9293 §3.8.6.3.
    pub delayed_ack: Time,
    /// Retransmissions of a SYN.
    pub syn_retries: u32,
    /// Retransmissions of a SYN-ACK.
    pub syn_ack_retries: u32,
    /// How long data may stay unacknowledged.
    pub user_timeout: Time,
    /// Silence before a keepalive probe, time between probes, probes; `None` is off.
    pub keepalive: Option<(Time, Time, u32)>,
    /// The deadline of closing states, and of FIN-WAIT-2 without a user.
    pub close_timeout: Time,
    /// 2 MSL.
    pub time_wait: Time,
    /// Challenge ACKs in a second of one connection. RFC 5961 §7.
    pub challenges: u32,
    /// Whether short segments wait. RFC 9293 §3.7.4.
    pub nagle: bool,
    /// How many buffers of the user's one segment is gathered from.
    pub gather: usize,
    /// How late a timer may fire, and how long a host may take to run.
    pub slack: Time,
    /// Whether a table may have been full, so that a SYN, an ACK or a record was dropped.
    pub crowded: bool,
    /// Whether an ACK may shrink the congestion window's inflation to a rate: BBR.
    pub paced: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            mtu: 1500,
            window: 1 << 20,
            rto_min: Time::from_millis(200),
            rto_max: Time::from_secs(60),
            rto_initial: Time::from_secs(1),
            delayed_ack: Time::from_millis(40),
            syn_retries: 5,
            syn_ack_retries: 5,
            user_timeout: Time::from_secs(300),
            keepalive: None,
            close_timeout: Time::from_secs(60),
            time_wait: Time::from_secs(60),
            challenges: 10,
            nagle: false,
            gather: usize::MAX,
            slack: Time::from_millis(1),
            crowded: false,
            paced: false,
        }
    }
}

impl Profile {
    /// How long a handshake is certain to last before it is given up.
    #[must_use]
    pub fn syn_ack_life(&self) -> Time {
        let mut life = Time::ZERO;
        let mut wait = self.rto_initial;
        for _ in 0..=self.syn_ack_retries {
            life += wait.min(self.rto_max);
            wait *= 2;
        }
        life
    }
}
