//! The configuration of a host, and how `--so_flags` and a script's options change it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netstack::{
    AddressOwner, ChecksumPolicy, Config, CongestionAlgorithm, EcnBackoff, EcnFeedback, EcnMode,
    EcnOption, Interface, Keepalive, MacAddress, Nagle, Span, SynCookies,
};

/// In which order a SYN's options are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionOrder {
    /// mss, sackOK, TS, nop, wscale: the engine's own.
    Linux,
    /// mss, nop, wscale, sackOK, TS.
    FreeBsd,
}

/// Everything that a host is made from.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The engine's part.
    pub engine: Config,
    /// How SYNs are rewritten on their way out.
    pub option_order: OptionOrder,
    /// Where an unbound socket is bound.
    pub local: IpAddr,
    /// The peer that scripts play.
    pub remote: IpAddr,
}

/// The engine's link address.
pub(crate) const OWN_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
/// The link address of everybody else.
pub(crate) const PEER_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);
/// packetdrill's own default addresses.
const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
const REMOTE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 2);
const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1);
const REMOTE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 2);

impl HostConfig {
    /// packetdrill's addresses, of both families, and the engine's defaults; IPv4 in use.
    #[must_use]
    pub fn new() -> Self {
        let interface = Interface {
            mac: OWN_MAC,
            mtu_bytes: 1500,
            addresses: vec![(LOCAL_V4.into(), 24), (LOCAL_V6.into(), 64)],
            gateway_v4: Some(GATEWAY_V4),
            gateway_v6: Some(GATEWAY_V6),
            owner: AddressOwner::Kernel,
            checksum: ChecksumPolicy::Verify,
        };
        Self {
            engine: Config::new(interface, [7; 32]),
            option_order: OptionOrder::Linux,
            local: LOCAL_V4.into(),
            remote: REMOTE_V4.into(),
        }
    }

    /// Uses IPv6 from here on.
    pub fn use_ipv6(&mut self) {
        self.local = LOCAL_V6.into();
        self.remote = REMOTE_V6.into();
    }

    /// Takes `key=value` pairs, a comma between them.
    ///
    /// # Errors
    /// Which pair is not understood, and what would be.
    pub fn apply(&mut self, flags: &str) -> Result<(), String> {
        flags
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
            .try_for_each(|pair| self.apply_one(pair))
    }

    fn apply_one(&mut self, pair: &str) -> Result<(), String> {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| format!("'{pair}' is no key=value"))?;
        if self.apply_time(key, value)? || self.apply_number(key, value)? {
            return Ok(());
        }
        let tcp = &mut self.engine.tcp;
        match (key, value) {
            ("options", "linux") => self.option_order = OptionOrder::Linux,
            ("options", "freebsd") => self.option_order = OptionOrder::FreeBsd,
            ("nagle", "on") => tcp.nagle = Nagle::On,
            ("nagle", "off") => tcp.nagle = Nagle::Off,
            ("ecn", "off") => tcp.ecn = EcnMode::Off,
            ("ecn", "passive") => tcp.ecn = EcnMode::Passive,
            ("ecn", "on") => tcp.ecn = EcnMode::On,
            ("ecn_feedback", "classic") => tcp.ecn_feedback = EcnFeedback::Classic,
            ("ecn_feedback", "accurate") => tcp.ecn_feedback = EcnFeedback::Accurate,
            ("ecn_option", "off") => tcp.ecn_option = EcnOption::Off,
            ("ecn_option", "on") => tcp.ecn_option = EcnOption::On,
            ("ecn_backoff", "loss") => tcp.ecn_backoff = EcnBackoff::AsLoss,
            ("ecn_backoff", "abe") => tcp.ecn_backoff = EcnBackoff::Alternative,
            ("congestion", "cubic") => tcp.congestion = CongestionAlgorithm::Cubic,
            ("congestion", "reno") => tcp.congestion = CongestionAlgorithm::NewReno,
            ("syn_cookies", "off") => tcp.syn_cookies = SynCookies::Off,
            ("syn_cookies", "beyond_limit") => tcp.syn_cookies = SynCookies::BeyondLimit,
            ("syn_cookies", "always") => tcp.syn_cookies = SynCookies::Always,
            ("keepalive", value) => tcp.keepalive = Some(keepalive(value)?),
            _ => return Err(format!("unknown flag '{pair}'; known are: {KNOWN}")),
        }
        Ok(())
    }

    /// Takes a flag that is a time; false if it is none of these.
    fn apply_time(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let tcp = &mut self.engine.tcp;
        let field = match key {
            "delayed_ack" => &mut tcp.delayed_ack,
            "rto_min" => &mut tcp.rto_min,
            "rto_max" => &mut tcp.rto_max,
            "rto_initial" => &mut tcp.rto_initial,
            "user_timeout" => &mut tcp.user_timeout,
            "fin_wait_2" => &mut tcp.fin_wait_2,
            "orphan" => &mut tcp.orphan,
            "time_wait" => &mut tcp.time_wait,
            _ => return Ok(false),
        };
        *field = span(value)?;
        Ok(true)
    }

    /// Takes a flag that is a number; false if it is none of these.
    fn apply_number(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let Config { interface, tcp, limits, .. } = &mut self.engine;
        match key {
            "receive_window" => tcp.receive_window_bytes = number(value)?,
            "send_queue_min" => tcp.send_queue_bytes_min = number(value)?,
            "send_queue_max" => tcp.send_queue_bytes_max = number(value)?,
            "syn_retransmits" => tcp.syn_retransmits_max = number(value)?,
            "syn_ack_retransmits" => tcp.syn_ack_retransmits_max = number(value)?,
            "challenge_acks" => tcp.challenge_acks_per_second = number(value)?,
            "path_mtu_min" => tcp.path_mtu_min_v4 = number(value)?,
            "mtu" => interface.mtu_bytes = number(value)?,
            "half_open_max" => limits.half_open_max = number(value)?,
            "connections_max" => limits.connections_max = number(value)?,
            "time_wait_max" => limits.time_wait_max = number(value)?,
            "out_of_order_ranges" => limits.out_of_order_ranges_max = number(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Default for HostConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`HostConfig::apply`] understands.
const KNOWN: &str = "options=linux|freebsd nagle=on|off ecn=off|passive|on \
    ecn_feedback=classic|accurate ecn_option=off|on ecn_backoff=loss|abe \
    congestion=cubic|reno syn_cookies=off|beyond_limit|always keepalive=IDLE/INTERVAL/PROBES \
    delayed_ack rto_min rto_max rto_initial user_timeout fin_wait_2 orphan time_wait (times: 40ms, \
    2s) receive_window send_queue_min send_queue_max syn_retransmits syn_ack_retransmits \
    challenge_acks path_mtu_min mtu half_open_max connections_max time_wait_max \
    out_of_order_ranges (numbers)";

/// A time: digits and `us`, `ms` or `s`.
fn span(value: &str) -> Result<Span, String> {
    let unit_at = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at(unit_at);
    let wrong = || format!("'{value}' is no time: digits and us, ms or s");
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    match unit {
        "us" => Ok(Span::from_micros(count)),
        "ms" => Ok(Span::from_millis(count)),
        "s" => Ok(Span::from_secs(count)),
        _ => Err(wrong()),
    }
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("'{value}' is no number here"))
}

/// `IDLE/INTERVAL/PROBES`.
fn keepalive(value: &str) -> Result<Keepalive, String> {
    let mut parts = value.split('/');
    let (Some(idle), Some(interval), Some(probes), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(format!("'{value}' is not IDLE/INTERVAL/PROBES"));
    };
    Ok(Keepalive { idle: span(idle)?, interval: span(interval)?, probes_max: number(probes)? })
}
