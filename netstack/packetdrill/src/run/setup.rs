//! The options at the start of a script.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use netstack::{Instant, Span};

use super::Player;
use super::numbers::Numbers;
use crate::flags::HostConfig;
use crate::host::Host;
use crate::script::{ScriptOption, SyntaxError};

/// When a script begins, on the engine's clock.
const START: Instant = Instant::from_millis(1_000);
/// How far a time may be off: packetdrill's default.
const TOLERANCE_US: i64 = 4_000;
/// The port of a listener and of the peer that is connected to: packetdrill's default.
const PORT: u16 = 8080;
/// The port that the peer connects from.
const PEER_PORT: u16 = 54_321;

impl Player {
    /// A run that has not begun.
    pub(super) fn new(options: &[ScriptOption], numbers: Numbers) -> Result<Self, SyntaxError> {
        let mut config = HostConfig::new();
        let mut tolerance_us = TOLERANCE_US;
        let (mut bind_port, mut connect_port) = (PORT, PORT);
        for option in options {
            let ScriptOption { line, name, value } = option;
            let wrong = |what: String| SyntaxError::new(*line, format!("--{name}: {what}"));
            let number = || value.parse().map_err(|_| wrong(format!("'{value}' is no number")));
            match name.as_str() {
                "so_flags" => config.apply(value).map_err(wrong)?,
                "mtu" => config.apply(&format!("mtu={value}")).map_err(wrong)?,
                "ip_version" if value == "ipv4" => {}
                "ip_version" if value == "ipv6" => config.use_ipv6(),
                "tolerance_usecs" => tolerance_us = i64::from(number()?),
                "bind_port" => bind_port = port(number()?).map_err(wrong)?,
                "connect_port" => connect_port = port(number()?).map_err(wrong)?,
                _ => return Err(wrong("this option is not among ours".to_owned())),
            }
        }
        let start = START + Span::from_micros(numbers.start_shift_us());
        let (local, remote) = (config.local, config.remote);
        let line = options.last().map_or(1, |option| option.line);
        let host = Host::new(config, start)
            .map_err(|error| SyntaxError::new(line, format!("no engine can run so: {error}")))?;
        Ok(Self {
            host,
            numbers,
            start,
            previous_us: 0,
            tolerance_us,
            descriptors: BTreeMap::new(),
            last_used: None,
            local: SocketAddr::new(local, bind_port),
            remote: SocketAddr::new(remote, PEER_PORT),
            connect_port,
            waiting: None,
        })
    }
}

fn port(number: u32) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| format!("{number} is no port"))
}
