//! ICMP errors about a segment. RFC 792, RFC 4443.

use super::ip::{Carried, Ecn, checksum, upper_checksum, wrap};
use super::segment::Segment;
use std::net::IpAddr;

/// An ICMP or ICMPv6 error that quotes a segment of the host it is sent to.
#[derive(Clone, Debug)]
pub struct IcmpError {
    /// Who reports.
    pub source: IpAddr,
    /// Type and code.
    pub kind: (u8, u8),
    /// The MTU that a 'packet too big' names; 0 in others.
    pub mtu: u32,
    /// The segment that is quoted.
    pub quoted: Segment,
}

/// The largest part of the packet that an error quotes: RFC 792 asks for 8 bytes behind the IP
/// header, RFC 1812 §4.3.2.3 for more.
const QUOTED_BYTES_MAX: usize = 576;

impl IcmpError {
    /// The IP packet that carries it.
    #[must_use]
    pub fn to_packet(&self) -> Vec<u8> {
        let (protocol, mtu) =
            if self.source.is_ipv4() { (1, self.mtu & 0xffff) } else { (58, self.mtu) };
        let mut body = vec![self.kind.0, self.kind.1, 0, 0];
        body.extend_from_slice(&mtu.to_be_bytes());
        let quoted = self.quoted.to_packet();
        body.extend_from_slice(&quoted[..quoted.len().min(QUOTED_BYTES_MAX)]);
        let destination = self.quoted.source.ip();
        let (source, ecn) = (self.source, Ecn::NotEct);
        let sum = match source {
            IpAddr::V4(_) => checksum(0, &body),
            IpAddr::V6(_) => {
                upper_checksum(&Carried { source, destination, protocol, ecn, body: &body })
            }
        };
        body[2..4].copy_from_slice(&sum.to_be_bytes());
        wrap(Carried { source, destination, protocol, ecn, body: &body })
    }
}
