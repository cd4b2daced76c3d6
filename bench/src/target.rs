//! What may be loaded: one's own machines, and what one says is one's own.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address that is neither this machine's nor a private network's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NotYours {
    address: SocketAddr,
    name: String,
}

impl fmt::Display for NotYours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, name } = self;
        write!(
            f,
            "{address} is neither a loopback nor a private address: a load on other people's servers is an \
             attack. If {name} is yours, say so: --i-own-this-target {name}"
        )
    }
}

/// Whether `address`, which goes by `name`, may be loaded. `owned`: what the user says is theirs.
///
/// # Errors
/// It may not, unless the user says so by name.
pub(crate) fn check(address: SocketAddr, name: &str, owned: &[String]) -> Result<(), NotYours> {
    if is_near(address.ip()) || owned.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(NotYours { address, name: name.to_owned() })
}

/// Loopback, link-local, private (RFC 1918, RFC 4193), shared (RFC 6598) and what is kept for
/// documentation and benchmarks (RFC 5737, RFC 3849, RFC 2544): nobody's on the internet.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let within = |network: [u8; 4], prefix: u32| {
                let mask = u32::MAX << (32 - prefix);
                address.to_bits() & mask == Ipv4Addr::from(network).to_bits() & mask
            };
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_documentation()
                || within([100, 64, 0, 0], 10)
                || within([198, 18, 0, 0], 15)
        }
        IpAddr::V6(address) => {
            let within = |network: Ipv6Addr, prefix: u32| {
                let mask = u128::MAX << (128 - prefix);
                address.to_bits() & mask == network.to_bits() & mask
            };
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || within(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32)
        }
    }
}

#[cfg(test)]
mod tests;
