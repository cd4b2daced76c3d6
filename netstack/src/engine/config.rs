//! What the owner of an engine decides: its interface, its times, its sizes.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::tcp::accecn::EcnOption;
use crate::tcp::congestion::CongestionAlgorithm;
use crate::tcp::ecn::{EcnBackoff, EcnFeedback, EcnMode, EcnPolicy};
use crate::tcp::ends::is_mapped;
use crate::tcp::header::IpFields;
use crate::tcp::pmtud::MtuProbing;
use crate::tcp::rtt::RtoBounds;
use crate::tcp::user_timeout::UserTimeoutOption;
use crate::time::Span;
use crate::wire::checksum::ChecksumPolicy;
use crate::wire::ethernet::MacAddress;

/// Everything an engine is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The link and the addresses on it.
    pub interface: Interface,
    /// Times and sizes of every connection.
    pub tcp: TcpConfig,
    /// How much of everything there may be.
    pub limits: Limits,
    /// The secret of this process: initial sequence numbers, timestamp offsets, ports and table
    /// hashes are keyed by it. Random bytes from the operating system; a test passes its own.
    pub seed: [u8; 32],
}

/// The link that frames come from and go to.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Our link address.
    pub mac: MacAddress,
    /// The largest IP packet that the link carries, in bytes: 1280 to 65535.
    pub mtu_bytes: u16,
    /// The addresses that are ours, each with the length of its network's prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Where IPv4 packets go that are not for our networks.
    pub gateway_v4: Option<Ipv4Addr>,
    /// Where IPv6 packets go that are not for our networks.
    pub gateway_v6: Option<Ipv6Addr>,
    /// Who answers for the addresses.
    pub owner: AddressOwner,
    /// Which TCP checksums are taken.
    pub checksum: ChecksumPolicy,
}

/// Who answers ARP, neighbour solicitations and echo requests for our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOwner {
    /// The kernel: the engine says nothing but TCP, and replies go to the link address and the
    /// VLAN that a frame came from.
    Kernel,
    /// The engine: it answers ARP, neighbour solicitations and echo requests, and it resolves
    /// neighbours for active opens.
    Engine,
}

/// Times and sizes of every connection.
#[derive(Clone, Copy, Debug)]
pub struct TcpConfig {
    /// The receive window: what a peer may send ahead of the owner, in bytes.
    pub receive_window_bytes: u32,
    /// What may be queued for sending while the congestion window is small, in bytes.
    pub send_queue_bytes_min: usize,
    /// What may be queued for sending at most; between the two it is twice the window.
    pub send_queue_bytes_max: usize,
    /// The longest train, in bytes of payload: at most 65,535 less the headers.
    pub train_bytes_max: usize,
    /// How long an acknowledgment may wait for another segment or for data. RFC 1122 §4.2.3.2.
    pub delayed_ack: Span,
    /// The shortest retransmission timeout.
    pub rto_min: Span,
    /// The longest retransmission timeout and the longest time between window probes.
    pub rto_max: Span,
    /// The retransmission timeout before the first sample. RFC 6298 §2 (2.1).
    pub rto_initial: Span,
    /// How often a SYN is sent again before an active open fails.
    pub syn_retransmits_max: u8,
    /// How often a SYN-ACK is sent again before a half-open connection is forgotten.
    pub syn_ack_retransmits_max: u8,
    /// How long data may stay unacknowledged, or a window closed, before the connection is given
    /// up. RFC 9293 §3.8.3, RFC 5482.
    pub user_timeout: Span,
    /// Whether that is told to peers, and theirs heeded. RFC 5482.
    pub user_timeout_option: UserTimeoutOption,
    /// Probing of silent peers; `None` is off.
    pub keepalive: Option<Keepalive>,
    /// How long FIN-WAIT-2 may last when the owner has let go.
    pub fin_wait_2: Span,
    /// How long FIN-WAIT-1, CLOSING and LAST-ACK may last, and any state whose owner let go.
    pub orphan: Span,
    /// How long TIME-WAIT lasts: 2 MSL. RFC 9293 §3.10.8.
    pub time_wait: Span,
    /// How many challenge ACKs one connection sends a second. RFC 5961 §7.
    pub challenge_acks_per_second: u8,
    /// The smallest path MTU that an ICMP error can bring an IPv4 connection to.
    pub path_mtu_min_v4: u16,
    /// The IPv4 packet that nearly every path takes: what is left when larger ones vanish. IPv6 has
    /// its minimum of 1280.
    pub path_mtu_base_v4: u16,
    /// How long a path MTU is believed that is smaller than the link's. RFC 1191 §6.3, RFC 8201 §4.
    pub path_mtu_age: Span,
    /// Whether the path MTU is also found by trying. RFC 4821.
    pub mtu_probing: MtuProbing,
    /// Whether small segments wait for acknowledgments.
    pub nagle: Nagle,
    /// How the congestion window grows and shrinks.
    pub congestion: CongestionAlgorithm,
    /// Which connections spread what they send over the round trip.
    pub pacing: Pacing,
    /// When SYNs are answered with cookies. RFC 4987 §3.6.
    pub syn_cookies: SynCookies,
    /// Whether routers may mark packets instead of dropping them. RFC 3168.
    pub ecn: EcnMode,
    /// How marks are told, where the peer can do it too.
    pub ecn_feedback: EcnFeedback,
    /// Whether accurate feedback also tells bytes, in an option. RFC 9768 §3.2.3.
    pub ecn_option: EcnOption,
    /// How far the congestion window shrinks for a mark.
    pub ecn_backoff: EcnBackoff,
    /// Class and hop limit of what is sent. RFC 9293 §3.9.1.
    pub ip: IpFields,
}

/// When a SYN is answered with a cookie, for which nothing is kept. RFC 4987 §3.6.
///
/// A connection that began with a cookie has all that was negotiated but for a segment size rounded
/// down. What it lacks is a SYN-ACK that is sent again, and an answer but RST to a segment that
/// overtakes the handshake's last ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynCookies {
    /// Never: SYNs beyond the limit of half-open connections are dropped.
    Off,
    /// When there are as many half-open connections as may be, of the listener or of all.
    BeyondLimit,
    /// Always: there are no half-open connections but those that reuse TIME-WAIT.
    Always,
}

/// Which connections are paced: they send by a rate, about a millisecond's worth at a time, and not
/// the whole window at once.
///
/// What it does for CUBIC depends on the path's queue. In the simulator, 20 s at 20 Mbit/s and 40 ms,
/// a queue of one product dropped 39 frames of a paced sender and 58 of another, a queue of a tenth
/// 59 and 22, because a burst ends slow start sooner; there pacing brought 7 % more through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Those whose congestion control is nothing without it: BBR.
    AsNeeded,
    /// All: others by twice the window a round trip in slow start, and 1.2 times after it.
    Always,
}

/// Whether a segment shorter than the MSS waits while data is in flight. RFC 9293 §3.7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nagle {
    /// It waits.
    On,
    /// It is sent at once.
    Off,
}

/// When silent peers are probed. RFC 9293 §3.8.4.
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Span,
    /// Time between probes.
    pub interval: Span,
    /// Probes without an answer before the connection is given up.
    pub probes_max: u8,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            receive_window_bytes: 1 << 20,
            send_queue_bytes_min: 128 << 10,
            send_queue_bytes_max: 4 << 20,
            train_bytes_max: 64_000,
            delayed_ack: Span::from_millis(40),
            rto_min: Span::from_millis(200),
            rto_max: Span::from_secs(60),
            rto_initial: Span::from_secs(1),
            syn_retransmits_max: 5,
            syn_ack_retransmits_max: 5,
            user_timeout: Span::from_secs(300),
            user_timeout_option: UserTimeoutOption::Off,
            keepalive: None,
            fin_wait_2: Span::from_secs(60),
            orphan: Span::from_secs(60),
            time_wait: Span::from_secs(60),
            challenge_acks_per_second: 10,
            path_mtu_min_v4: 552,
            path_mtu_base_v4: 1_064,
            path_mtu_age: Span::from_secs(600),
            mtu_probing: MtuProbing::AfterBlackHole,
            nagle: Nagle::Off,
            congestion: CongestionAlgorithm::Cubic,
            pacing: Pacing::AsNeeded,
            syn_cookies: SynCookies::BeyondLimit,
            ecn: EcnMode::Passive,
            ecn_feedback: EcnFeedback::Classic,
            ecn_option: EcnOption::On,
            ecn_backoff: EcnBackoff::AsLoss,
            ip: IpFields::DEFAULT,
        }
    }
}

impl Default for Keepalive {
    /// Two hours of silence, then nine probes in eleven minutes. RFC 9293 §3.8.4.
    fn default() -> Self {
        Self { idle: Span::from_secs(7_200), interval: Span::from_secs(75), probes_max: 9 }
    }
}

/// How much of everything there may be. Each limit has an answer and a counter.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections past the handshake; a handshake's last ACK beyond it is dropped.
    pub connections_max: u32,
    /// Half-open connections of all listeners; a SYN beyond it is answered with a cookie, or dropped
    /// where [`TcpConfig::syn_cookies`] are off.
    pub half_open_max: u32,
    /// Records of TIME-WAIT; beyond it a connection skips the state.
    pub time_wait_max: u32,
    /// Received frames that one connection may hold; beyond it payload is copied out of them.
    pub frames_per_connection_max: u16,
    /// Bytes that wait out of order on one connection, counted as the frames that hold them.
    pub out_of_order_bytes_max: u32,
    /// What a received frame takes up, whatever its length: the pool's chunk size.
    pub frame_bytes: u32,
    /// Separate ranges that wait out of order on one connection.
    pub out_of_order_ranges_max: u16,
    /// Ranges that the scoreboard of one connection keeps.
    pub scoreboard_ranges_max: u16,
    /// Answers outside of connections (RST, SYN-ACK, ARP, echo) that wait for the link.
    pub replies_max: u16,
    /// Neighbours whose link address is kept.
    pub neighbors_max: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1 << 16,
            half_open_max: 1 << 12,
            time_wait_max: 1 << 16,
            frames_per_connection_max: 64,
            out_of_order_bytes_max: 2 << 20,
            frame_bytes: 2048,
            out_of_order_ranges_max: 64,
            scoreboard_ranges_max: 512,
            replies_max: 1024,
            neighbors_max: 1024,
        }
    }
}

/// A configuration that no engine can run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ConfigError {
    /// The interface has no address.
    NoAddress,
    /// A multicast, broadcast or unspecified address.
    AddressNotUnicast(IpAddr),
    /// A prefix longer than the address.
    PrefixTooLong(IpAddr),
    /// A link address that is a group's.
    MacNotUnicast,
    /// An MTU below 1280, with which IPv6 can't work.
    MtuTooSmall,
    /// A train of more than 65,535 bytes less the headers, or of none.
    TrainBytesMax,
    /// A receive window of zero, or of more than 2^30 bytes.
    ReceiveWindow,
    /// `rto_min` of zero, or not `rto_min <= rto_initial <= rto_max`.
    RtoBounds,
    /// An acknowledgment that is delayed for half a second or more. RFC 9293 §3.8.6.3.
    DelayedAck,
    /// Limits of the user timeout that are not `rto_max < least <= most`.
    UserTimeoutLimits,
    /// A limit of zero.
    LimitIsZero,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the interface has no address"),
            Self::AddressNotUnicast(address) => write!(f, "{address} is not a unicast address"),
            Self::PrefixTooLong(address) => write!(f, "the prefix of {address} is too long"),
            Self::MacNotUnicast => f.write_str("the link address is a group address"),
            Self::MtuTooSmall => f.write_str("the MTU is below 1280 bytes"),
            Self::TrainBytesMax => f.write_str("train_bytes_max is not within 1 to 65400"),
            Self::ReceiveWindow => f.write_str("receive_window_bytes is not within 1 to 2^30"),
            Self::RtoBounds => f.write_str("not 0 < rto_min <= rto_initial <= rto_max"),
            Self::DelayedAck => f.write_str("delayed_ack is not below 500 ms"),
            Self::UserTimeoutLimits => f.write_str("not rto_max < least <= most user timeout"),
            Self::LimitIsZero => f.write_str("a limit is zero"),
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// The default times, sizes and limits on an interface. `seed`: random bytes.
    #[must_use]
    pub fn new(interface: Interface, seed: [u8; 32]) -> Self {
        Self { interface, tcp: TcpConfig::default(), limits: Limits::default(), seed }
    }

    /// Whether an engine can run with this.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.interface.validate()?;
        self.tcp.validate()?;
        self.limits.validate()
    }
}

impl Interface {
    /// An interface with one address that the engine owns, and an MTU of 1500 bytes. The rest can
    /// be changed in the fields.
    #[must_use]
    pub fn new(mac: MacAddress, address: IpAddr, prefix_len: u8) -> Self {
        Self {
            mac,
            mtu_bytes: 1500,
            addresses: vec![(address, prefix_len)],
            gateway_v4: None,
            gateway_v6: None,
            owner: AddressOwner::Engine,
            checksum: ChecksumPolicy::Verify,
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if self.addresses.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        for &(address, prefix) in &self.addresses {
            let bits = match address {
                IpAddr::V4(_) => 32,
                IpAddr::V6(_) => 128,
            };
            if prefix > bits {
                return Err(ConfigError::PrefixTooLong(address));
            }
            // What stands for an IPv4 address in IPv6 is no address of a host. RFC 4291 §2.5.5.2.
            if !is_unicast(address) || matches!(address, IpAddr::V6(v6) if is_mapped(v6.octets())) {
                return Err(ConfigError::AddressNotUnicast(address));
            }
        }
        if !self.mac.is_station() {
            return Err(ConfigError::MacNotUnicast);
        }
        if self.mtu_bytes < MTU_BYTES_MIN {
            return Err(ConfigError::MtuTooSmall);
        }
        Ok(())
    }

    /// Whether `address` is on one of our networks.
    pub(crate) fn is_on_link(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|&(own, prefix)| match (own, address) {
            (IpAddr::V4(own), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                own.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                own.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        })
    }

    /// Whether `address` is one of ours.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|&(own, _)| own == address)
    }
}

impl TcpConfig {
    /// How handshakes decide on ECN.
    pub(crate) const fn ecn_policy(&self) -> EcnPolicy {
        EcnPolicy { mode: self.ecn, feedback: self.ecn_feedback, option: self.ecn_option }
    }

    /// Bounds of the retransmission timeout.
    pub(crate) const fn rto_bounds(&self) -> RtoBounds {
        RtoBounds { initial: self.rto_initial, min: self.rto_min, max: self.rto_max }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=TRAIN_BYTES_LIMIT).contains(&self.train_bytes_max) {
            return Err(ConfigError::TrainBytesMax);
        }
        if !(1..=1 << 30).contains(&self.receive_window_bytes) {
            return Err(ConfigError::ReceiveWindow);
        }
        let ordered = self.rto_min <= self.rto_initial && self.rto_initial <= self.rto_max;
        if self.rto_min.is_zero() || !ordered {
            return Err(ConfigError::RtoBounds);
        }
        if let UserTimeoutOption::On { least, most } = self.user_timeout_option
            && (least <= self.rto_max || least > most)
        {
            return Err(ConfigError::UserTimeoutLimits);
        }
        if self.delayed_ack >= DELAYED_ACK_LIMIT {
            return Err(ConfigError::DelayedAck);
        }
        Ok(())
    }
}

impl Limits {
    fn validate(&self) -> Result<(), ConfigError> {
        let Self {
            connections_max,
            half_open_max,
            time_wait_max,
            frames_per_connection_max,
            out_of_order_bytes_max,
            frame_bytes,
            out_of_order_ranges_max,
            scoreboard_ranges_max,
            replies_max,
            neighbors_max,
        } = *self;
        let wide =
            [connections_max, half_open_max, time_wait_max, out_of_order_bytes_max, frame_bytes];
        let narrow = [
            frames_per_connection_max,
            out_of_order_ranges_max,
            scoreboard_ranges_max,
            replies_max,
            neighbors_max,
        ];
        if wide.contains(&0) || narrow.contains(&0) {
            return Err(ConfigError::LimitIsZero);
        }
        Ok(())
    }
}

/// Whether a host can have `address`.
pub(crate) fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast()),
    }
}

/// Where to wait for connections, and how many.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// The local address; the unspecified address means every address of the interface of its
    /// family.
    pub address: SocketAddr,
    /// Half-open connections of this listener; a SYN beyond it is answered with a cookie, or dropped
    /// where [`TcpConfig::syn_cookies`] are off.
    pub half_open_max: u32,
    /// Connections of this listener; a SYN beyond it is dropped.
    pub connections_max: u32,
    /// What the owner calls it: the engine only gives it back.
    pub name: u32,
}

impl Listen {
    /// Waits at `address` with the usual limits: 1,024 half-open connections, any number of others.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, half_open_max: 1024, connections_max: u32::MAX, name: 0 }
    }
}

/// Both ends of a connection to open.
#[derive(Clone, Copy, Debug)]
pub struct Connect {
    /// The local end; port 0 lets the engine choose one by RFC 6056.
    pub local: SocketAddr,
    /// The remote end.
    pub remote: SocketAddr,
}

/// The smallest MTU: IPv6's. RFC 8200 §5.
const MTU_BYTES_MIN: u16 = 1280;
/// What an IP packet can carry below the largest headers (60 + 60, rounded up).
const TRAIN_BYTES_LIMIT: usize = 65_400;
/// No acknowledgment is delayed for so long. RFC 9293 §3.8.6.3.
const DELAYED_ACK_LIMIT: Span = Span::from_millis(500);
