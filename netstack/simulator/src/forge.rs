//! Segments that nobody sent, with right checksums and live sequence numbers.

use crate::random::Random;

/// A copy of a segment with something about it changed, and its checksum right again.
/// `None` for a frame that is no TCP segment over IPv4 or IPv6.
pub fn forged(frame: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let tcp_at = match (frame.get(12..14)?, frame.get(14)? >> 4) {
        ([0x08, 0x00], 4) if frame.get(23) == Some(&6) => 34,
        ([0x86, 0xdd], 6) if frame.get(20) == Some(&6) => 54,
        _ => return None,
    };
    let mut bytes = frame.to_vec();
    for _ in 0..random.within(1..4) {
        match random.within(0..7) {
            0 => add(&mut bytes, tcp_at + 4, random),
            1 => add(&mut bytes, tcp_at + 8, random),
            2 => bytes[tcp_at + 13] = random.pick(&[0x02, 0x12, 0x04, 0x14, 0x11, 0x10, 0x18, 0]),
            3 => bytes[tcp_at + 13] ^= 1 << random.within(0..8),
            4 => {
                bytes[tcp_at + 14..tcp_at + 16].copy_from_slice(&random.pick(&[[0; 2], [0xff; 2]]))
            }
            5 => {
                // Options and payload, whatever they are: anything.
                let at = random.within(tcp_at as u64 + 20..bytes.len() as u64 + 1);
                if let Some(byte) = bytes.get_mut(usize::try_from(at).expect("below a length")) {
                    *byte = random.within(0..256).to_le_bytes()[0];
                }
            }
            _ => bytes[tcp_at + 12] = random.pick(&[0x50, 0x80, 0x60, 0xf0]),
        }
    }
    fill_checksum(&mut bytes, tcp_at);
    Some(bytes)
}

/// Adds something to the 32-bit number at `at`: little, a window, half the circle, anything.
fn add(bytes: &mut [u8], at: usize, random: &mut Random) {
    let [a, b, c, d] = bytes[at..at + 4] else { return };
    let any = random.next_u64().to_le_bytes();
    let any = u32::from_le_bytes([any[0], any[1], any[2], any[3]]);
    let change = random.pick(&[1, u32::MAX, 1_448, 1_448u32.wrapping_neg(), 65_536, 1 << 31, any]);
    let number = u32::from_be_bytes([a, b, c, d]).wrapping_add(change);
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
}

/// Writes the TCP checksum, the plain way.
pub fn fill_checksum(bytes: &mut [u8], tcp_at: usize) {
    bytes[tcp_at + 16..tcp_at + 18].fill(0);
    let addresses_at = if tcp_at == 34 { 26 } else { 22 };
    let mut words = bytes[addresses_at..].to_vec();
    words.extend((words.len() % 2 == 1).then_some(0));
    let tcp_len = (bytes.len() - tcp_at) as u64;
    let words = words.chunks(2).map(|word| u64::from(u16::from_be_bytes([word[0], word[1]])));
    let mut sum = words.sum::<u64>() + 6 + tcp_len;
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [.., high, low] = (!sum).to_be_bytes();
    bytes[tcp_at + 16..tcp_at + 18].copy_from_slice(&[high, low]);
}
