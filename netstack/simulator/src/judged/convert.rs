//! From the engine's types to the model's.

use std::time::Duration;

use netstack::{
    Config, CongestionAlgorithm, ConnectionInfo, Nagle, Span, SynCookies, TcpState, Transmitted,
};
use netstack_model::{Event, Link, Profile, State, Time, View};

/// A point in time.
pub(super) const fn time(now: netstack::Instant) -> Time {
    Duration::from_nanos(now.as_nanos())
}

/// A span.
const fn span(span: Span) -> Time {
    Duration::from_nanos(span.as_nanos())
}

/// A number of octets.
pub(super) fn octets(count: usize) -> i64 {
    i64::try_from(count).expect("it fits in memory")
}

/// What the configuration chose.
pub(super) fn profile(config: &Config) -> Profile {
    let (tcp, limits) = (&config.tcp, &config.limits);
    Profile {
        mtu: usize::from(config.interface.mtu_bytes),
        window: i64::from(tcp.receive_window_bytes),
        rto_min: span(tcp.rto_min),
        rto_max: span(tcp.rto_max),
        rto_initial: span(tcp.rto_initial),
        delayed_ack: span(tcp.delayed_ack),
        syn_retries: u32::from(tcp.syn_retransmits_max),
        syn_ack_retries: u32::from(tcp.syn_ack_retransmits_max),
        user_timeout: span(tcp.user_timeout),
        keepalive: tcp.keepalive.map(|keepalive| {
            (span(keepalive.idle), span(keepalive.interval), u32::from(keepalive.probes_max))
        }),
        close_timeout: span(tcp.orphan).min(span(tcp.fin_wait_2)),
        time_wait: span(tcp.time_wait),
        challenges: u32::from(tcp.challenge_acks_per_second),
        nagle: tcp.nagle == Nagle::On,
        gather: 48,
        slack: Duration::from_millis(1),
        // A cookie keeps nothing: what the peer says of the SYN decides later.
        crowded: tcp.syn_cookies == SynCookies::Always
            || limits.time_wait_max < 1_000
            || limits.connections_max < 1_000
            || limits.half_open_max < 1_000
            || limits.out_of_order_ranges_max < 10,
        paced: tcp.congestion == CongestionAlgorithm::Bbr,
    }
}

/// What the engine shows of a connection.
pub(super) fn view(info: &ConnectionInfo) -> View {
    View {
        state: state(info.state),
        snd_una: info.snd_una,
        snd_nxt: info.snd_nxt,
        rcv_nxt: info.rcv_nxt,
        snd_wnd: i64::from(info.send_window_bytes),
        rcv_wnd: i64::from(info.receive_window_bytes),
        mss: i64::from(info.mss_bytes),
        path_mtu: usize::from(info.path_mtu_bytes),
        cwnd: octets(info.cwnd_bytes),
        ssthresh: octets(info.ssthresh_bytes),
        flight: octets(info.flight_bytes),
        srtt: info.srtt.map(span),
        rttvar: info.rttvar.map(span),
        rto: span(info.rto),
        backoff: u32::from(info.backoff),
        timer: info.timer.map(|(_, at)| time(at)),
    }
}

const fn state(state: TcpState) -> State {
    match state {
        TcpState::Closed => State::Closed,
        TcpState::Listen => State::Listen,
        TcpState::SynSent => State::SynSent,
        TcpState::SynReceived => State::SynReceived,
        TcpState::Established => State::Established,
        TcpState::FinWait1 => State::FinWait1,
        TcpState::FinWait2 => State::FinWait2,
        TcpState::CloseWait => State::CloseWait,
        TcpState::Closing => State::Closing,
        TcpState::LastAck => State::LastAck,
        TcpState::TimeWait => State::TimeWait,
    }
}

/// What the owner is told; `None` of what is only a hint.
pub(super) const fn event(event: &netstack::Event) -> Option<Event> {
    match event {
        netstack::Event::Accepted { .. } | netstack::Event::Connected { .. } => Some(Event::Opened),
        netstack::Event::PeerFinished { .. } => Some(Event::PeerFinished),
        netstack::Event::Readable { .. }
        | netstack::Event::Writable { .. }
        | netstack::Event::Closed { .. } => None,
    }
}

/// How far the link came.
pub(super) const fn link(transmitted: Transmitted) -> Link {
    match transmitted {
        Transmitted::Done => Link::Drained,
        Transmitted::LinkFull => Link::Full,
    }
}

/// Whether a frame carries ICMP over IPv4 or IPv6.
pub(super) fn is_icmp(frame: &[u8]) -> bool {
    match frame.get(12..14) {
        Some([0x08, 0x00]) => frame.get(23) == Some(&1),
        Some([0x86, 0xdd]) => frame.get(20) == Some(&58),
        _ => false,
    }
}
