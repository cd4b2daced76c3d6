//! The cable between two hosts.

use crate::{Host, HostError};

/// Which offloads an end of a [`Pair`] has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offloads {
    /// As the kernel makes a veth: segmentation by the receiver, partial checksums.
    Kernel,
    /// No segmentation (tso, gso, gro off): what crosses is what a wire would carry, so that one
    /// drop is one segment. Checksums stay partial.
    WithoutSegmentation,
    /// No segmentation, and every checksum is computed by the sender.
    Wire,
}

/// How a [`Pair`] is made.
#[derive(Clone, Debug)]
pub struct PairConfig {
    /// Receive and transmit queues of each end, at least 1.
    pub queues: u32,
    /// MTU of both ends in bytes.
    pub mtu_bytes: u32,
    /// Offloads of both ends; [`Host::set_offloads`] changes one end.
    pub offloads: Offloads,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self { queues: 1, mtu_bytes: 1500, offloads: Offloads::Kernel }
    }
}

/// A veth pair, both ends up. It lives as long as both hosts: removing one removes both ends.
#[derive(Debug)]
pub struct Pair(());

impl Pair {
    /// Joins `device_a` on `a` with `device_b` on `b`. Addresses: [`Host::add_address`].
    ///
    /// # Errors
    /// `ip` or `ethtool` refuses or is missing, or the kernel has no veth.
    pub fn new(
        a: &Host,
        device_a: &str,
        b: &Host,
        device_b: &str,
        config: &PairConfig,
    ) -> Result<Self, HostError> {
        let queues = config.queues.to_string();
        let mtu = config.mtu_bytes.to_string();
        let shape = ["mtu", &mtu, "numtxqueues", &queues, "numrxqueues", &queues];
        // Made inside both namespaces at once: no name appears outside, not even for a moment.
        let mut arguments = vec!["link", "add", "name", device_a];
        arguments.extend(shape);
        arguments.extend(["type", "veth", "peer", "name", device_b, "netns", b.name()]);
        arguments.extend(shape);
        a.ip(&arguments)?;
        for (host, device) in [(a, device_a), (b, device_b)] {
            host.set_offloads(device, config.offloads)?;
            host.ip(&["link", "set", "dev", device, "up"])?;
        }
        Ok(Self(()))
    }
}

impl Host {
    /// Sets the offloads of `device`. Nothing is done for [`Offloads::Kernel`].
    ///
    /// # Errors
    /// `ethtool` refuses or is missing.
    pub fn set_offloads(&self, device: &str, offloads: Offloads) -> Result<(), HostError> {
        let features: &[&str] = match offloads {
            Offloads::Kernel => return Ok(()),
            Offloads::WithoutSegmentation => &["tso", "off", "gso", "off", "gro", "off"],
            Offloads::Wire => &["tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off"],
        };
        let mut arguments = vec!["-K", device];
        arguments.extend(features);
        self.run("ethtool", &arguments)?;
        // TCP makes bursts whatever the device can do; they would be cut behind the egress hook.
        self.ip(&["link", "set", "dev", device, "gso_max_segs", "1"]).map(drop)
    }
}
