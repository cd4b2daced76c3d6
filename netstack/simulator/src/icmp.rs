//! What a router says about a packet that is too big.

/// Octets of the packet that an error quotes, at most.
const QUOTE_MAX: usize = 512;

/// The frame by which a router tells the sender of `frame` that its packet is larger than `mtu`.
/// RFC 792, RFC 1191 §4, RFC 4443 §3.2.
pub(crate) fn packet_too_big(frame: &[u8], mtu: u16) -> Vec<u8> {
    let packet = &frame[14..];
    let quote = &packet[..packet.len().min(QUOTE_MAX)];
    // Back to where it came from.
    let mut answer = [&frame[6..12], &frame[..6], &frame[12..14]].concat();
    let [mtu_high, mtu_low] = mtu.to_be_bytes();
    if packet[0] >> 4 == 4 {
        let message = [&[3, 4, 0, 0, 0, 0, mtu_high, mtu_low], quote].concat();
        let total_len = u16::try_from(20 + message.len()).expect("a quote is short");
        let [len_high, len_low] = total_len.to_be_bytes();
        let mut header = vec![0x45, 0, len_high, len_low, 0, 0, 0x40, 0, 64, 1, 0, 0];
        header.extend([&packet[16..20], &packet[12..16]].concat());
        set_checksum(&mut header, 10, 0);
        answer.extend(header);
        let at = answer.len();
        answer.extend(message);
        set_checksum(&mut answer[at..], 2, 0);
    } else {
        let message = [&[2, 0, 0, 0, 0, 0, mtu_high, mtu_low], quote].concat();
        let len = u16::try_from(message.len()).expect("a quote is short");
        let [len_high, len_low] = len.to_be_bytes();
        answer.extend([0x60, 0, 0, 0, len_high, len_low, 58, 64]);
        let addresses = [&packet[24..40], &packet[8..24]].concat();
        let pseudo_header = sum(&addresses) + u32::from(len) + 58;
        answer.extend(addresses);
        let at = answer.len();
        answer.extend(message);
        set_checksum(&mut answer[at..], 2, pseudo_header);
    }
    answer
}

/// Writes the Internet checksum of `bytes` into them at `at`, where they are 0. RFC 1071.
fn set_checksum(bytes: &mut [u8], at: usize, start: u32) {
    let mut sum = start + sum(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).expect("folded");
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The sum of the 16-bit words of `bytes`, not folded.
fn sum(bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    bytes.chunks(2).map(word).sum()
}
