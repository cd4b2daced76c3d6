//! Packets dropped at random, by nftables at one end of a cable.
//!
//! Frames that XDP redirects never reach nftables, so a rule sits at the end that has no XDP program:
//! at ingress for what comes from weir, at egress for what goes to it. A sender's kernel would notice
//! a drop at egress and not take it for loss, so those packets are led to a cable that ends nowhere. Turn segmentation offloads off
//! ([`Offloads::WithoutSegmentation`](crate::Offloads)), else one drop takes up to 64 kB.

use crate::{Host, HostError};

/// Where on a device a rule sits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hook {
    /// What the device receives.
    Ingress,
    /// What it sends.
    Egress,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

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
pub struct Loss<'a> {
    host: &'a Host,
    table: String,
}

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
        let hook = hook.name();
        let table = format!("weir_loss_{device}_{hook}").replace(['.', '-'], "_");
        let chance = match share {
            PerMille::ALL => String::new(),
            PerMille(share) => format!("numgen random mod 1000 < {share}"),
        };
        let rules = format!(
            "create table netdev {table}\n\
             table netdev {table} {{\n\
             counter dropped {{ }}\n\
             chain drop_some {{\n\
             type filter hook {hook} device \"{device}\" priority 0; policy accept;\n\
             {matching} {chance} counter name dropped {verdict}\n\
             }}\n}}\n"
        );
        host.run_with_input("nft", &["-f", "-"], &rules)?;
        Ok(Self { host, table })
    }

    /// Packets dropped so far.
    ///
    /// # Errors
    /// `nft` refuses, for example because the namespace is gone.
    pub fn dropped(&self) -> Result<u64, HostError> {
        let listing =
            self.host.run("nft", &["list", "counter", "netdev", &self.table, "dropped"])?;
        parse_packets(&listing).ok_or_else(|| HostError::Io {
            what: format!("packets in {}", listing.trim()),
            source: std::io::ErrorKind::InvalidData.into(),
        })
    }
}

impl Drop for Loss<'_> {
    fn drop(&mut self) {
        // Gone with its namespace in any case.
        drop(self.host.run("nft", &["delete", "table", "netdev", &self.table]));
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

fn parse_packets(listing: &str) -> Option<u64> {
    let mut words = listing.split_whitespace().skip_while(|&word| word != "packets");
    words.nth(1)?.parse().ok()
}
