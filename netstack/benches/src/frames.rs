//! Segments of peers, written by hand over Ethernet and IPv4.

use std::net::Ipv4Addr;

use crate::world::Checksums;

/// The MAC address of the host that is measured.
pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// That of the router, from which all peers' frames come.
pub(crate) const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The address of the host.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The address of the router.
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
/// The host's port.
pub(crate) const PORT: u16 = 443;
/// Payload of a data segment without timestamps; with them it is 12 bytes less.
pub const PAYLOAD_BYTES: usize = 1_460;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;

/// Where the IP and TCP headers begin.
const IP_AT: usize = 14;
pub(crate) const TCP_AT: usize = 34;

/// Whether the peers' segments carry timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Options {
    /// No options.
    None,
    /// Timestamps, as almost every peer on the internet has them.
    Timestamps,
    /// SACK was agreed on.
    Sack,
}

/// One segment of a peer.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) peer: u32,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) payload_len: usize,
}

/// Writes segments.
#[derive(Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) options: Options,
    pub(crate) checksums: Checksums,
    /// The peers' clock.
    pub(crate) ts_value: u32,
}

impl Writer {
    /// Payload of a full segment.
    pub(crate) const fn payload_len(self) -> usize {
        match self.options {
            Options::None | Options::Sack => PAYLOAD_BYTES,
            Options::Timestamps => PAYLOAD_BYTES - 12,
        }
    }

    /// Puts a segment into `frame`, whatever was there.
    pub(crate) fn write(self, segment: Segment, frame: &mut Vec<u8>) {
        let mut options = [1; 16];
        let options = match (segment.flags & SYN != 0, self.options) {
            (true, Options::Sack) => {
                options[..12].copy_from_slice(&[2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 1]);
                &options[..12]
            }
            (true, Options::None) => {
                options[..8].copy_from_slice(&[2, 4, 5, 180, 1, 3, 3, 7]);
                &options[..8]
            }
            (true, Options::Timestamps) => {
                options[..8].copy_from_slice(&[2, 4, 5, 180, 8, 10, 0, 0]);
                options[6..10].copy_from_slice(&self.ts_value.to_be_bytes());
                options[10..].copy_from_slice(&[0, 0, 0, 0, 1, 1]);
                &options[..16]
            }
            (false, Options::None | Options::Sack) => &options[..0],
            (false, Options::Timestamps) => {
                options[2..4].copy_from_slice(&[8, 10]);
                options[4..8].copy_from_slice(&self.ts_value.to_be_bytes());
                options[8..12].copy_from_slice(&[0; 4]);
                &options[..12]
            }
        };
        self.write_with(segment, options, frame);
    }

    /// The same with these options.
    pub(crate) fn write_with(self, segment: Segment, options: &[u8], frame: &mut Vec<u8>) {
        let Segment { peer, seq, ack, flags, payload_len } = segment;
        let tcp_len = 20 + options.len() + payload_len;
        frame.resize(TCP_AT + tcp_len, 0x5a);
        frame[..6].copy_from_slice(&HOST_MAC);
        frame[6..12].copy_from_slice(&ROUTER_MAC);
        frame[12..IP_AT].copy_from_slice(&[8, 0]);
        let ip = &mut frame[IP_AT..TCP_AT];
        ip.copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        ip[2..4].copy_from_slice(&low_16(20 + tcp_len).to_be_bytes());
        // 65,536 ports of one address are too few: each peer has an address of its own.
        ip[12..16].copy_from_slice(&(0x0a00_0000 + peer).to_be_bytes());
        ip[16..].copy_from_slice(&HOST.octets());
        let sum = !fold(words(ip));
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let tcp = &mut frame[TCP_AT..];
        tcp[..2].copy_from_slice(&40_000u16.to_be_bytes());
        tcp[2..4].copy_from_slice(&PORT.to_be_bytes());
        tcp[4..8].copy_from_slice(&seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&ack.to_be_bytes());
        tcp[12] = u8::try_from((20 + options.len()) << 2).expect("a header");
        tcp[13] = flags;
        tcp[14..20].copy_from_slice(&[0xff, 0xff, 0, 0, 0, 0]);
        tcp[20..20 + options.len()].copy_from_slice(options);
        let pseudo = words(&frame[IP_AT + 12..TCP_AT]) + 6 + tcp_len as u64;
        let sum = match self.checksums {
            Checksums::Full => !fold(pseudo + words(&frame[TCP_AT..])),
            Checksums::Partial => fold(pseudo),
        };
        frame[TCP_AT + 16..TCP_AT + 18].copy_from_slice(&sum.to_be_bytes());
    }
}

/// An ARP request of the router's: it tells its address.
pub(crate) fn arp_request() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(ROUTER_MAC);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(ROUTER_MAC);
    frame.extend(ROUTER.octets());
    frame.extend([0; 6]);
    frame.extend(HOST.octets());
    frame
}

/// The peer that a segment of the host's goes to, and its sequence number.
pub(crate) fn addressed(frame: &[u8]) -> (u32, u32) {
    let number = |at: usize| {
        let octets = frame[at..at + 4].try_into().expect("four octets");
        u32::from_be_bytes(octets)
    };
    (number(IP_AT + 16) - 0x0a00_0000, number(TCP_AT + 4))
}

/// The sum of 16-bit words, a last odd octet padded.
fn words(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<2>();
    let sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    sum + rest.first().map_or(0, |last| u64::from(*last) << 8)
}

/// A sum in 16 bits, with end-around carries.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    low_16(usize::try_from(sum).expect("16 bits"))
}

fn low_16(number: usize) -> u16 {
    u16::try_from(number).expect("16 bits")
}
