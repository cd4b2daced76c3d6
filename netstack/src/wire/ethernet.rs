//! Ethernet II frames with at most one 802.1Q tag.

use core::fmt;

use super::{WireError, array_at, put, u16_at};

/// Length of a header without a tag.
pub(crate) const HEADER_LEN: usize = 14;
/// Length of one VLAN tag.
pub(crate) const VLAN_TAG_LEN: usize = 4;

/// EtherType of a VLAN tag.
const TPID_8021Q: u16 = 0x8100;
/// EtherType of an outer provider tag.
const TPID_8021AD: u16 = 0x88a8;

/// A hardware address.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Every station on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// No address: what ARP carries where one is asked for.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether a frame to this address is for one station only.
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0
    }

    /// Whether this can be a station's own address: unicast and not all zero.
    #[must_use]
    pub fn is_station(self) -> bool {
        self.is_unicast() && self != Self::ZERO
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The control word of an 802.1Q tag: priority, drop eligibility and VLAN id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VlanTag(pub u16);

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EtherType {
    /// IPv4.
    Ipv4,
    /// ARP.
    Arp,
    /// IPv6.
    Ipv6,
}

impl EtherType {
    /// The type that the wire's number means.
    pub(crate) const fn from_wire(raw: u16) -> Option<Self> {
        match raw {
            0x0800 => Some(Self::Ipv4),
            0x0806 => Some(Self::Arp),
            0x86dd => Some(Self::Ipv6),
            _ => None,
        }
    }

    /// The number for the wire.
    pub(crate) const fn to_wire(self) -> u16 {
        match self {
            Self::Ipv4 => 0x0800,
            Self::Arp => 0x0806,
            Self::Ipv6 => 0x86dd,
        }
    }
}

/// An Ethernet header as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ethernet {
    /// The station the frame is for.
    pub(crate) destination: MacAddress,
    /// The station that sent it.
    pub(crate) source: MacAddress,
    /// The tag, if there is one.
    pub(crate) vlan: Option<VlanTag>,
    /// What follows.
    pub(crate) ether_type: EtherType,
}

impl Ethernet {
    /// Parses the header at the start of `frame`.
    ///
    /// # Errors
    /// Too short, tagged twice, or carrying a protocol that is not ours.
    pub(crate) fn parse(frame: &[u8]) -> Result<Self, WireError> {
        let truncated = WireError::EthernetTruncated;
        let destination = MacAddress(array_at(frame, 0).ok_or(truncated)?);
        let source = MacAddress(array_at(frame, 6).ok_or(truncated)?);
        let mut ether_type = u16_at(frame, 12).ok_or(truncated)?;
        let mut vlan = None;
        if ether_type == TPID_8021Q {
            vlan = Some(VlanTag(u16_at(frame, 14).ok_or(truncated)?));
            ether_type = u16_at(frame, 16).ok_or(truncated)?;
        }
        if ether_type == TPID_8021Q || ether_type == TPID_8021AD {
            return Err(WireError::EthernetVlanNested);
        }
        let ether_type = EtherType::from_wire(ether_type).ok_or(WireError::EtherTypeUnknown)?;
        Ok(Self { destination, source, vlan, ether_type })
    }

    /// Length of this header on the wire.
    pub(crate) const fn len(&self) -> usize {
        match self.vlan {
            Some(_) => HEADER_LEN + VLAN_TAG_LEN,
            None => HEADER_LEN,
        }
    }

    /// Writes the header; gives its length, or `None` when `out` is too short.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        put(out, 0, &self.destination.0)?;
        put(out, 6, &self.source.0)?;
        let mut at = 12;
        if let Some(VlanTag(control)) = self.vlan {
            put(out, at, &TPID_8021Q.to_be_bytes())?;
            put(out, at + 2, &control.to_be_bytes())?;
            at += VLAN_TAG_LEN;
        }
        put(out, at, &self.ether_type.to_wire().to_be_bytes())?;
        Some(self.len())
    }
}
