//! One nftables rule at one end of a cable.
//!
//! Frames that XDP redirects never reach nftables, so a rule sits at the end that has no XDP program:
//! at ingress for what comes from weir, at egress for what goes to it.

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

/// What a rule is, besides the packets it is for.
pub(crate) struct Text<'t> {
    /// What the rule is for, a word; there is one rule of a kind for each hook and device.
    pub(crate) kind: &'t str,
    /// When it has its turn: low numbers come first.
    pub(crate) priority: i32,
    /// Expressions that a packet must match.
    pub(crate) matching: &'t str,
    /// What becomes of such a packet.
    pub(crate) verdict: &'t str,
}

/// A rule that counts what it matches. Dropping it takes the rule away.
#[derive(Debug)]
pub(crate) struct Rule<'a> {
    host: &'a Host,
    table: String,
}

impl<'a> Rule<'a> {
    /// Puts a rule on `hook` of `device`.
    ///
    /// # Errors
    /// `nft` refuses or is missing, or there is a rule of this kind already.
    pub(crate) fn new(
        host: &'a Host,
        device: &str,
        hook: Hook,
        text: &Text<'_>,
    ) -> Result<Self, HostError> {
        let Text { kind, priority, matching, verdict } = text;
        let hook = hook.name();
        let table = format!("weir_{kind}_{device}_{hook}").replace(['.', '-'], "_");
        let rules = format!(
            "create table netdev {table}\n\
             table netdev {table} {{\n\
             counter matched {{ }}\n\
             chain only {{\n\
             type filter hook {hook} device \"{device}\" priority {priority}; policy accept;\n\
             {matching} counter name matched {verdict}\n\
             }}\n}}\n"
        );
        host.run_with_input("nft", &["-f", "-"], &rules)?;
        Ok(Self { host, table })
    }

    /// Packets that matched so far.
    ///
    /// # Errors
    /// `nft` refuses, for example because the namespace is gone.
    pub(crate) fn packets(&self) -> Result<u64, HostError> {
        let listing =
            self.host.run("nft", &["list", "counter", "netdev", &self.table, "matched"])?;
        parse_packets(&listing).ok_or_else(|| HostError::Io {
            what: format!("packets in {}", listing.trim()),
            source: std::io::ErrorKind::InvalidData.into(),
        })
    }
}

impl Drop for Rule<'_> {
    fn drop(&mut self) {
        // Gone with its namespace in any case.
        drop(self.host.run("nft", &["delete", "table", "netdev", &self.table]));
    }
}

fn parse_packets(listing: &str) -> Option<u64> {
    let mut words = listing.split_whitespace().skip_while(|&word| word != "packets");
    words.nth(1)?.parse().ok()
}
