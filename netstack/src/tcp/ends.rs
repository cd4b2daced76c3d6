//! The two ends of a connection, as small as they are.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::segment::{FourTuple, IpVersion};

/// An address in words of the machine's byte order, which are copied and compared faster than octets.
type Words = [u32; 4];

/// A [`FourTuple`] in 36 bytes instead of 64: IPv4 addresses as IPv6 ones that stand for them. No
/// interface has such an address as its own, so the local one tells the two families apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    local: Words,
    remote: Words,
    local_port: u16,
    remote_port: u16,
}

const _: () = assert!(size_of::<Ends>() == 36);

/// The addresses of two ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ips {
    V4 { local: Ipv4Addr, remote: Ipv4Addr },
    V6 { local: Ipv6Addr, remote: Ipv6Addr },
}

/// The ports of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) source: u16,
    pub(crate) destination: u16,
}

impl Ends {
    /// The same as `tuple`.
    #[inline]
    pub(crate) const fn of(tuple: &FourTuple) -> Self {
        Self {
            local: words(octets(tuple.local.ip())),
            remote: words(octets(tuple.remote.ip())),
            local_port: tuple.local.port(),
            remote_port: tuple.remote.port(),
        }
    }

    /// Of IPv4 addresses, as a packet that came in has them.
    #[inline(always)]
    pub(crate) const fn of_v4_packet(source: [u8; 4], destination: [u8; 4], ports: Ports) -> Self {
        Self {
            local: [0, 0, MAPPED, u32::from_ne_bytes(destination)],
            remote: [0, 0, MAPPED, u32::from_ne_bytes(source)],
            local_port: ports.destination,
            remote_port: ports.source,
        }
    }

    /// Of IPv6 addresses, as a packet that came in has them. The destination must not be
    /// [mapped](is_mapped).
    #[inline(always)]
    pub(crate) const fn of_v6_packet(
        source: [u8; 16],
        destination: [u8; 16],
        ports: Ports,
    ) -> Self {
        Self {
            local: words(destination),
            remote: words(source),
            local_port: ports.destination,
            remote_port: ports.source,
        }
    }

    /// Both addresses, the local one first.
    #[inline(always)]
    pub(crate) const fn addresses(&self) -> (&Words, &Words) {
        (&self.local, &self.remote)
    }

    /// Both ports in one number.
    #[inline(always)]
    pub(crate) const fn ports(&self) -> u32 {
        ((self.local_port as u32) << 16) | self.remote_port as u32
    }

    /// The same as a tuple.
    #[inline]
    pub(crate) const fn tuple(&self) -> FourTuple {
        let (local, remote) = match self.ips() {
            Ips::V4 { local, remote } => (IpAddr::V4(local), IpAddr::V4(remote)),
            Ips::V6 { local, remote } => (IpAddr::V6(local), IpAddr::V6(remote)),
        };
        FourTuple {
            local: SocketAddr::new(local, self.local_port),
            remote: SocketAddr::new(remote, self.remote_port),
        }
    }

    /// Whose addresses they are.
    #[inline(always)]
    pub(crate) const fn ip_version(&self) -> IpVersion {
        match self.local {
            [0, 0, MAPPED, _] => IpVersion::V4,
            _ => IpVersion::V6,
        }
    }

    /// Both addresses, by their family.
    #[inline]
    pub(crate) const fn ips(&self) -> Ips {
        match self.ip_version() {
            IpVersion::V4 => Ips::V4 { local: v4(self.local), remote: v4(self.remote) },
            IpVersion::V6 => Ips::V6 { local: v6(self.local), remote: v6(self.remote) },
        }
    }

    /// Our port.
    #[inline]
    pub(crate) const fn local_port(&self) -> u16 {
        self.local_port
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
#[inline(always)]
pub(crate) const fn is_mapped(octets: [u8; 16]) -> bool {
    matches!(octets, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..])
}

/// The address that octets are.
#[inline(always)]
const fn words(octets: [u8; 16]) -> Words {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
        u32::from_ne_bytes([i, j, k, l]),
        u32::from_ne_bytes([m, n, o, p]),
    ]
}

const fn v4([.., last]: Words) -> Ipv4Addr {
    let [a, b, c, d] = last.to_ne_bytes();
    Ipv4Addr::new(a, b, c, d)
}

const fn v6([first, second, third, last]: Words) -> Ipv6Addr {
    let [a, b, c, d] = first.to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    let [i, j, k, l] = third.to_ne_bytes();
    let [m, n, o, p] = last.to_ne_bytes();
    Ipv6Addr::from_octets([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// The third word of an IPv6 address that stands for an IPv4 one. RFC 4291 §2.5.5.2.
const MAPPED: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
