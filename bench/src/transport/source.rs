//! The addresses that a load comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most source addresses of a run: the XDP program's table of addresses has no room for more. Each has
/// 28,000 ports or more to every server.
pub(crate) const SOURCES_MAX: usize = 1024;

/// Addresses as `ADDRESS[/PREFIX]` says them: one, or those of a network without its first, and, where
/// that is a broadcast address, its last. Of a large network the first [`SOURCES_MAX`].
pub(crate) fn parse_source(text: &str) -> Result<Vec<IpAddr>, String> {
    let bad = || format!("{text:?} is no address and no network such as 10.9.0.0/16");
    let (address, prefix) = match text.split_once('/') {
        None => return Ok(vec![text.parse().map_err(|_| bad())?]),
        Some((address, prefix)) => (address, prefix.parse::<u32>().map_err(|_| bad())?),
    };
    let address: IpAddr = address.parse().map_err(|_| bad())?;
    let host_bits = bits(address).checked_sub(prefix).ok_or_else(bad)?;
    if host_bits == 0 {
        return Ok(vec![address]);
    }
    let count = u128::MAX.checked_shr(128 - host_bits).unwrap_or_default();
    // The network's own address is nobody's; of IPv4 the last one is everybody's.
    let last = if address.is_ipv4() && host_bits > 1 { count - 1 } else { count };
    let first = u128::from(host_bits > 1);
    let base = value(address) & !count;
    let at = |offset| with_value(address, base | offset);
    Ok((first..=last).take(SOURCES_MAX).map(at).collect())
}

/// How many leading bits two addresses share: the longest prefix that puts both on one network. None if
/// they are of different families.
pub(crate) fn common_prefix(one: IpAddr, other: IpAddr) -> Option<u8> {
    if one.is_ipv4() != other.is_ipv4() {
        return None;
    }
    let shift = 128 - bits(one);
    let differ = (value(one) ^ value(other)).checked_shl(shift).unwrap_or_default();
    u8::try_from(differ.leading_zeros().min(bits(one))).ok()
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn value(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address with this value, of the family of `like`.
fn with_value(like: IpAddr, value: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(value).unwrap_or(u32::MAX))),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(value)),
    }
}

#[cfg(test)]
mod tests;
