//! The two ends of a connection, as small as they are.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::segment::{FourTuple, IpVersion};

/// A [`FourTuple`] in 36 bytes instead of 64: IPv4 addresses as IPv6 ones that stand for them. No
/// interface has such an address as its own, so the local one tells the two families apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    local: [u8; 16],
    remote: [u8; 16],
    local_port: u16,
    remote_port: u16,
}

const _: () = assert!(size_of::<Ends>() == 36);

impl Ends {
    /// The same as `tuple`.
    #[inline]
    pub(crate) const fn of(tuple: &FourTuple) -> Self {
        Self {
            local: octets(tuple.local.ip()),
            remote: octets(tuple.remote.ip()),
            local_port: tuple.local.port(),
            remote_port: tuple.remote.port(),
        }
    }

    /// The same as a tuple.
    #[inline]
    pub(crate) const fn tuple(&self) -> FourTuple {
        let (local, remote) = match self.ip_version() {
            IpVersion::V4 => (v4(self.local), v4(self.remote)),
            IpVersion::V6 => (v6(self.local), v6(self.remote)),
        };
        FourTuple {
            local: SocketAddr::new(local, self.local_port),
            remote: SocketAddr::new(remote, self.remote_port),
        }
    }

    /// Whose addresses they are.
    #[inline]
    pub(crate) const fn ip_version(&self) -> IpVersion {
        if is_mapped(self.local) { IpVersion::V4 } else { IpVersion::V6 }
    }

    /// The peer's port.
    #[inline]
    pub(crate) const fn remote_port(&self) -> u16 {
        self.remote_port
    }
}

impl core::fmt::Debug for Ends {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.tuple().fmt(f)
    }
}

/// An address in 16 octets.
#[inline]
pub(crate) const fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Whether an IPv6 address stands for an IPv4 one. RFC 4291 §2.5.5.2.
pub(crate) const fn is_mapped(octets: [u8; 16]) -> bool {
    matches!(octets, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..])
}

const fn v4(octets: [u8; 16]) -> IpAddr {
    let [.., a, b, c, d] = octets;
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(octets: [u8; 16]) -> IpAddr {
    IpAddr::V6(core::net::Ipv6Addr::from_octets(octets))
}
