//! Packets counted by nftables at one end of a cable.

use crate::rule::{Rule, Text};
use crate::{Hook, Host, HostError};

/// A rule that counts packets on one device of a host, those included that a
/// [`Loss`](crate::Loss) drops. Dropping it takes the rule away.
#[derive(Debug)]
pub struct Count<'a>(Rule<'a>);

impl<'a> Count<'a> {
    /// Counts the packets that pass `hook` of `device` and match `matching`, an nftables expression
    /// (`"tcp flags & rst == rst"`). One for each hook and device.
    ///
    /// # Errors
    /// `nft` refuses or is missing, or there is one already.
    pub fn new(
        host: &'a Host,
        device: &str,
        hook: Hook,
        matching: &str,
    ) -> Result<Self, HostError> {
        let text = Text { kind: "count", priority: -10, matching, verdict: "" };
        Ok(Self(Rule::new(host, device, hook, &text)?))
    }

    /// Packets so far.
    ///
    /// # Errors
    /// `nft` refuses, for example because the namespace is gone.
    pub fn packets(&self) -> Result<u64, HostError> {
        self.0.packets()
    }
}
