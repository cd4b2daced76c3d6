//! Packets dropped at random, by nftables at one end of a cable.
//!
//! A sender's kernel would notice a drop at egress and not take it for loss, so those packets are led
//! to a cable that ends nowhere. Turn segmentation offloads off ([`Offloads::WithoutSegmentation`]),
//! else one drop takes up to 64 kB.
//!
//! [`Offloads::WithoutSegmentation`]: crate::Offloads::WithoutSegmentation

use crate::rule::{Rule, Text};
use crate::{Hook, Host, HostError};

/// A share of packets in thousandths, 0 to 1000.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PerMille(u16);

impl PerMille {
    /// Every packet.
    pub const ALL: Self = Self(1000);

    /// `None` above 1000.
    #[must_use]
    pub fn new(value: u16) -> Option<Self> {
        (value <= 1000).then_some(Self(value))
    }
}

/// Where packets that are lost at egress go: one end of a veth pair. Nobody listens at the other.
const NOWHERE: [&str; 2] = ["nowhere0", "nowhere1"];

/// A rule that drops packets on one device of a host. Dropping it takes the rule away.
#[derive(Debug)]
pub struct Loss<'a>(Rule<'a>);

impl<'a> Loss<'a> {
    /// Drops `share` of the packets that pass `hook` of `device` and match `matching`, an nftables
    /// expression (`"tcp dport 443"`; empty: all packets). One rule per hook and device.
    ///
    /// # Errors
    /// `nft` refuses or is missing, or there is a rule already.
    pub fn new(
        host: &'a Host,
        device: &str,
        hook: Hook,
        share: PerMille,
        matching: &str,
    ) -> Result<Self, HostError> {
        let verdict = match hook {
            Hook::Ingress => "drop".to_owned(),
            Hook::Egress => {
                make_nowhere(host)?;
                format!("fwd to \"{}\"", NOWHERE[0])
            }
        };
        let matching = match share {
            PerMille::ALL => matching.to_owned(),
            PerMille(share) => format!("{matching} numgen random mod 1000 < {share}"),
        };
        let text = Text { kind: "loss", priority: 0, matching: &matching, verdict: &verdict };
        Ok(Self(Rule::new(host, device, hook, &text)?))
    }

    /// Packets dropped so far.
    ///
    /// # Errors
    /// `nft` refuses, for example because the namespace is gone.
    pub fn dropped(&self) -> Result<u64, HostError> {
        self.0.packets()
    }
}

/// Lays the cable that ends nowhere, if the host has none yet. It goes with the host.
fn make_nowhere(host: &Host) -> Result<(), HostError> {
    let [near, far] = NOWHERE;
    if host.ip(&["link", "show", "dev", near]).is_ok() {
        return Ok(());
    }
    host.ip(&["link", "add", "name", near, "type", "veth", "peer", "name", far])?;
    // No addresses, so that nothing but lost packets is sent there.
    for device in NOWHERE {
        host.ip(&["link", "set", "dev", device, "addrgenmode", "none", "up"])?;
    }
    Ok(())
}
