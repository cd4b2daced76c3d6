//! Two hosts, and the one between them.

use hosts::{Host, Offloads, Pair, PairConfig};
use netstack_simulator::{Cable, Counts, Impairments};

use crate::{Forwarder, ForwarderError, PacketSocket};

/// The device of either host that leads to the other.
const OUTER: &str = "eth0";
/// The devices of the host between them.
const INNER: [&str; 2] = ["near", "far"];

/// How two hosts are joined.
#[derive(Clone, Debug)]
pub struct PathConfig {
    /// MTU of all devices in bytes. A smaller one on the way: [`Impairments::strait`].
    pub mtu_bytes: u32,
    /// What frames meet that come from the first host, and from the second.
    pub ways: [Impairments; 2],
    /// Decides which frames meet what.
    pub seed: u64,
}

impl Default for PathConfig {
    fn default() -> Self {
        Self { mtu_bytes: 1500, ways: [Impairments::NONE; 2], seed: 1 }
    }
}

/// A path between two hosts, by way of a third. It passes frames while it lives.
#[derive(Debug)]
pub struct Path {
    // Fields are dropped in this order: nothing is sent to devices that are gone.
    forwarder: Forwarder,
    _cables: [Pair; 2],
    middle: Host,
}

impl Path {
    /// Gives both hosts an `eth0` without offloads, and joins them. They must not have one yet.
    ///
    /// # Errors
    /// What it takes is missing: root, `ip`, `ethtool`, veth.
    pub fn new(first: &Host, second: &Host, config: &PathConfig) -> Result<Self, ForwarderError> {
        let middle = Host::new("between")?;
        // Nothing but the forwarder has a word to say there.
        middle.set_sysctl("net.ipv6.conf.default.disable_ipv6", "1")?;
        let pair = PairConfig {
            mtu_bytes: config.mtu_bytes,
            offloads: Offloads::Wire,
            ..PairConfig::default()
        };
        let [near, far] = INNER;
        let cables = [
            Pair::new(first, OUTER, &middle, near, &pair)?,
            Pair::new(second, OUTER, &middle, far, &pair)?,
        ];
        let sockets = [PacketSocket::open(&middle, near)?, PacketSocket::open(&middle, far)?];
        let forwarder = Forwarder::start(sockets, config.ways, config.seed)?;
        Ok(Self { forwarder, _cables: cables, middle })
    }

    /// The host between the two, to look at its devices `near` and `far`.
    #[must_use]
    pub const fn middle(&self) -> &Host {
        &self.middle
    }

    /// See [`Forwarder::change`].
    pub fn change(&self, change: impl FnOnce(&mut [Cable; 2])) {
        self.forwarder.change(change);
    }

    /// See [`Forwarder::counts`].
    #[must_use]
    pub fn counts(&self) -> [Counts; 2] {
        self.forwarder.counts()
    }

    /// See [`Forwarder::finish`].
    ///
    /// # Errors
    /// As there.
    pub fn finish(self) -> Result<[Counts; 2], ForwarderError> {
        self.forwarder.finish()
    }
}
