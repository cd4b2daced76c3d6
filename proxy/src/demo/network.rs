//! The demo's two hosts: a client and an edge, joined by a veth pair.

use hosts::{Host, HostError, Offloads, Pair, PairConfig};

/// The edge's addresses, from the ranges that are set aside for documentation (RFC 5737, RFC 3849).
pub(super) const EDGE_V4: &str = "192.0.2.1";
/// The same for IPv6.
pub(super) const EDGE_V6: &str = "2001:db8::1";
/// The edge's interface.
pub(super) const EDGE_DEVICE: &str = "edge0";
const CLIENT_DEVICE: &str = "client0";

/// A client and an edge.
pub(super) struct Network {
    /// Where curl runs.
    pub(super) client: Host,
    /// Where weir and the backends run.
    pub(super) edge: Host,
    _cable: Pair,
}

impl Network {
    /// Makes both hosts and the cable between them.
    pub(super) fn new() -> Result<Self, HostError> {
        let client = Host::new("client")?;
        let edge = Host::new("edge")?;
        // The client's checksums are computed, as a wire would carry them.
        let config = PairConfig { offloads: Offloads::Wire, ..PairConfig::default() };
        let cable = Pair::new(&client, CLIENT_DEVICE, &edge, EDGE_DEVICE, &config)?;
        client.add_address(CLIENT_DEVICE, "192.0.2.2/24")?;
        client.add_address(CLIENT_DEVICE, "2001:db8::2/64")?;
        edge.add_address(EDGE_DEVICE, &format!("{EDGE_V4}/24"))?;
        edge.add_address(EDGE_DEVICE, &format!("{EDGE_V6}/64"))?;
        Ok(Self { client, edge, _cable: cable })
    }
}
