//! ARP for IPv4 over Ethernet. RFC 826, RFC 5227.

use core::net::Ipv4Addr;

use super::ethernet::MacAddress;
use super::{WireError, array_at, put, u16_at};

/// Length of an ARP packet.
pub(crate) const LEN: usize = 28;

/// Hardware type, protocol type and address lengths of Ethernet over IPv4.
const PREFIX: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What an ARP packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArpOperation {
    /// Who has the target address?
    Request,
    /// The sender has the sender address.
    Reply,
}

/// An ARP packet as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    /// Question or answer.
    pub(crate) operation: ArpOperation,
    /// Hardware address of who sends this.
    pub(crate) sender_mac: MacAddress,
    /// Address of who sends this; unspecified in a probe.
    pub(crate) sender_ip: Ipv4Addr,
    /// Hardware address of whom it is about; zero in a request.
    pub(crate) target_mac: MacAddress,
    /// Address of whom it is about.
    pub(crate) target_ip: Ipv4Addr,
}

impl Arp {
    /// Parses a packet; what a short frame was padded with is ignored.
    ///
    /// # Errors
    /// [`WireError::ArpMalformed`]: short, not Ethernet over IPv4, an unknown operation, or a
    /// sender that is no station.
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, WireError> {
        Self::parse_option(packet).ok_or(WireError::ArpMalformed)
    }

    /// As [`Arp::parse`].
    fn parse_option(packet: &[u8]) -> Option<Self> {
        if array_at::<6>(packet, 0)? != PREFIX {
            return None;
        }
        let operation = match u16_at(packet, 6)? {
            1 => ArpOperation::Request,
            2 => ArpOperation::Reply,
            _ => return None,
        };
        let arp = Self {
            operation,
            sender_mac: MacAddress(array_at(packet, 8)?),
            sender_ip: Ipv4Addr::from(array_at::<4>(packet, 14)?),
            target_mac: MacAddress(array_at(packet, 18)?),
            target_ip: Ipv4Addr::from(array_at::<4>(packet, 24)?),
        };
        let sender = arp.sender_ip;
        let sane = arp.sender_mac.is_station() && !sender.is_multicast() && !sender.is_broadcast();
        sane.then_some(arp)
    }

    /// Writes the packet; gives its length, or `None` when `out` is too short.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let operation: u16 = match self.operation {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
        };
        put(out, 0, &PREFIX)?;
        put(out, 6, &operation.to_be_bytes())?;
        put(out, 8, &self.sender_mac.0)?;
        put(out, 14, &self.sender_ip.octets())?;
        put(out, 18, &self.target_mac.0)?;
        put(out, 24, &self.target_ip.octets())?;
        Some(LEN)
    }
}
