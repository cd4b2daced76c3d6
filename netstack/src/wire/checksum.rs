//! The Internet checksum. RFC 1071, RFC 1624.
//!
//! Sums run over 32-bit words, sixteen side by side, and are folded at the end: one's complement
//! addition does not care how wide the words are (RFC 1071 §2 (B)) nor in which order they come.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What to accept as a TCP checksum on input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumPolicy {
    /// The checksum must be right.
    #[default]
    Verify,
    /// Also accept exactly the pseudo-header's sum: what a virtual link carries when its other
    /// end leaves the checksum to an offload that never happens.
    VerifyOrPartial,
}

/// How a checksum that was accepted was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChecksumFound {
    /// It covers the packet.
    Full,
    /// It is only the pseudo-header's sum.
    Partial,
}

/// A one's complement sum in progress, over any number of slices of any lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checksum {
    /// The sum of the words so far, end-around carries not yet folded to 16 bits.
    sum: u64,
    /// Whether the octets so far are even in number: the next slice starts a word, or ends one.
    parity: Parity,
}

/// Where in a 16-bit word the next octet goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Parity {
    /// Its first half.
    #[default]
    Even,
    /// Its second half.
    Odd,
}

impl Checksum {
    /// An empty sum.
    pub(crate) const fn new() -> Self {
        Self { sum: 0, parity: Parity::Even }
    }

    /// A sum that holds the pseudo-header of a packet of `length` octets. The addresses must be
    /// of one family; a mixed pair sums as it is, which no receiver accepts.
    #[inline(always)]
    pub(crate) fn pseudo_header(
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        length: usize,
    ) -> Self {
        let mut sum = Self::new();
        sum.add_address(source);
        sum.add_address(destination);
        sum.add_u16(u16::from(protocol));
        sum.add_u32(u32::try_from(length).unwrap_or(u32::MAX));
        sum
    }

    /// The same, of the octets of both addresses side by side, as an IP header has them.
    #[inline(always)]
    pub(crate) fn pseudo_header_of<const N: usize>(addresses: &[u8; N], len: usize) -> Self {
        let (words, _) = addresses.as_chunks::<4>();
        let sum: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
        // A packet's length fits.
        let sum = sum + u64::from(super::ipv4::protocol::TCP) + len as u64;
        Self { sum, parity: Parity::Even }
    }

    /// Adds an address.
    #[inline(always)]
    fn add_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.add_v4(address),
            IpAddr::V6(address) => self.add_v6(address),
        }
    }

    /// Adds an IPv4 address.
    #[inline(always)]
    fn add_v4(&mut self, address: Ipv4Addr) {
        self.add_u32(address.to_bits());
    }

    /// Adds an IPv6 address.
    fn add_v6(&mut self, address: Ipv6Addr) {
        let [a, b, c, d, e, f, g, h] = address.segments();
        for word in [a, b, c, d, e, f, g, h] {
            self.add_u16(word);
        }
    }

    /// Adds a whole 16-bit word. Only at an even position.
    #[inline(always)]
    pub(crate) fn add_u16(&mut self, word: u16) {
        debug_assert_eq!(self.parity, Parity::Even, "words are added at even positions");
        self.add_word(u64::from(word));
    }

    /// Adds two 16-bit words. Only at an even position.
    #[inline(always)]
    pub(crate) fn add_u32(&mut self, word: u32) {
        debug_assert_eq!(self.parity, Parity::Even, "words are added at even positions");
        self.add_word(u64::from(word));
    }

    /// Adds `data`, which follows what was added before it, octet by octet.
    pub(crate) fn add(&mut self, data: &[u8]) {
        // A slice that starts in the middle of a word sums as if it were even, with its two
        // octets swapped: RFC 1071 §2 (B), byte order independence.
        let sum = sum_of(data);
        match self.parity {
            Parity::Even => self.add_word(sum),
            Parity::Odd => self.add_word(u64::from(fold(sum).swap_bytes())),
        }
        if data.len() % 2 == 1 {
            self.parity = match self.parity {
                Parity::Even => Parity::Odd,
                Parity::Odd => Parity::Even,
            };
        }
    }

    /// The sum as a packet carries it: complemented.
    pub(crate) fn finish(self) -> u16 {
        !fold(self.sum)
    }

    /// The sum, not complemented: what goes into the field when an offload adds the rest.
    #[inline(always)]
    pub(crate) fn partial(self) -> u16 {
        fold(self.sum)
    }

    /// Adds a word of any width up to 64 bits, with end-around carry.
    #[inline(always)]
    fn add_word(&mut self, word: u64) {
        let (sum, carry) = self.sum.overflowing_add(word);
        // Adding the carry can't overflow again: a sum that wrapped is at most 2^64 - 2.
        self.sum = sum.wrapping_add(u64::from(carry));
    }
}

/// The Internet checksum of `data`: for whoever writes packets, and to measure the loop.
#[must_use]
pub fn internet_checksum(data: &[u8]) -> u16 {
    !fold(sum_of(data))
}

/// Whether octets that contain their own checksum sum up right.
pub(crate) fn is_valid(data: &[u8]) -> bool {
    fold(sum_of(data)) == u16::MAX
}

/// Checks a transport checksum over `data`, whose field holds `field`, under `policy`.
/// `None` when it is not acceptable.
#[inline(always)]
pub(crate) fn verify(
    pseudo_header: Checksum,
    data: &[u8],
    field: u16,
    policy: ChecksumPolicy,
) -> Option<ChecksumFound> {
    // First, because it spares the sum of the data.
    if policy == ChecksumPolicy::VerifyOrPartial && pseudo_header.partial() == field {
        return Some(ChecksumFound::Partial);
    }
    let mut sum = pseudo_header;
    sum.add(data);
    (sum.partial() == u16::MAX).then_some(ChecksumFound::Full)
}

/// Whether an IPv4 header without options sums up right.
#[inline]
pub(super) fn is_valid_ipv4(header: &[u8; 20]) -> bool {
    let (words, _) = header.as_chunks::<4>();
    fold(words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum()) == u16::MAX
}

/// The checksum of an IPv4 header without options whose field is 0.
#[inline]
pub(super) fn of_ipv4(header: &[u8; 20]) -> u16 {
    let (words, _) = header.as_chunks::<4>();
    let sum = fold(words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum());
    !u16::from_be_bytes(sum.to_ne_bytes())
}

/// The checksum `field` after a 16-bit word under it changed. RFC 1624 §3, equation 3.
pub(crate) fn updated(field: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!field) + u64::from(!old) + u64::from(new))
}

/// The sum of whole blocks, in the machine's byte order. Of eight words at once the halves are summed
/// apart, which is what vector instructions do: 2^32 words would not overflow a sum.
fn sum_of_blocks(blocks: &[[u8; BLOCK_LEN]]) -> u64 {
    let (mut low, mut high) = ([0u64; 8], [0u64; 8]);
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for ((low, high), word) in low.iter_mut().zip(&mut high).zip(words) {
            let word = u64::from_ne_bytes(*word);
            *low += word & u64::from(u32::MAX);
            *high += word >> u32::BITS;
        }
    }
    low.iter().sum::<u64>() + high.iter().sum::<u64>()
}

/// The sum of `data` as big-endian words, a last odd octet padded with a zero behind it.
fn sum_of(data: &[u8]) -> u64 {
    let (blocks, rest) = data.as_chunks::<BLOCK_LEN>();
    let blocks = if blocks.is_empty() { 0 } else { sum_of_blocks(blocks) };
    let (words, rest) = rest.as_chunks::<4>();
    let mut last = [0u8; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let words = words.iter().chain([&last]).map(|word| u64::from(u32::from_ne_bytes(*word)));
    let sum = fold(blocks + words.sum::<u64>());
    // Summed in the machine's byte order; the swap to the network's may come last.
    u64::from(u16::from_be_bytes(sum.to_ne_bytes()))
}

/// Folds a sum to 16 bits with end-around carries.
#[inline(always)]
fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let [.., high, low] = sum.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// Octets that are summed at once.
const BLOCK_LEN: usize = 64;
