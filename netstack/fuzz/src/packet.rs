//! Frames made and read the plain way, without the engine's code.

/// The engine's MAC address and the peer's.
pub(crate) const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// The engine's IPv4 address and the peer's.
pub(crate) const ADDRESSES: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];

/// Where TCP begins in the frames of this module.
pub(crate) const TCP_AT: usize = 34;

/// Flags of TCP.
pub(crate) mod flags {
    pub(crate) const FIN: u8 = 1;
    pub(crate) const SYN: u8 = 2;
    pub(crate) const RST: u8 = 4;
    pub(crate) const ACK: u8 = 16;
}

/// A segment from the peer to the engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) ports: [u16; 2],
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    /// At most 40 bytes; filled up to a multiple of 4 with the end of options.
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Segment {
    /// The frame, with right checksums.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let Self { ports: [from, to], seq, ack, flags, window, options, payload } = self;
        let mut options = options.clone();
        options.truncate(40);
        options.resize(options.len().next_multiple_of(4), 0);
        let mut bytes = Vec::with_capacity(TCP_AT + 20 + options.len() + payload.len());
        bytes.extend(MACS[0]);
        bytes.extend(MACS[1]);
        bytes.extend([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend(ADDRESSES[1]);
        bytes.extend(ADDRESSES[0]);
        bytes.extend(from.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend(seq.to_be_bytes());
        bytes.extend(ack.to_be_bytes());
        bytes.extend([(5 + options.len().to_le_bytes()[0] / 4) << 4, *flags]);
        bytes.extend(window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(options);
        bytes.extend(payload);
        mend(&mut bytes);
        bytes
    }

    /// What the engine sent; `None` of what is no TCP segment over IPv4.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        if frame.get(12..14)? != [0x08, 0x00] || frame.get(23) != Some(&6) {
            return None;
        }
        let word = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
        let long = |at: usize| Some(u32::from(word(at)?) << 16 | u32::from(word(at + 2)?));
        let header = usize::from(frame.get(TCP_AT + 12)? >> 4) * 4;
        Some(Self {
            ports: [word(TCP_AT)?, word(TCP_AT + 2)?],
            seq: long(TCP_AT + 4)?,
            ack: long(TCP_AT + 8)?,
            flags: *frame.get(TCP_AT + 13)?,
            window: word(TCP_AT + 14)?,
            options: frame.get(TCP_AT + 20..TCP_AT + header)?.to_vec(),
            payload: frame.get(TCP_AT + header..)?.to_vec(),
        })
    }

    /// What it takes of the sequence space.
    pub(crate) fn len(&self) -> u32 {
        let control =
            u32::from(self.flags & flags::SYN != 0) + u32::from(self.flags & flags::FIN != 0);
        control + u32::try_from(self.payload.len()).expect("a frame is short")
    }

    /// The value of its timestamps option, searched for byte by byte as the engine aligns it.
    pub(crate) fn timestamp(&self) -> Option<u32> {
        let at = self.options.windows(2).position(|kind| kind == [8, 10])?;
        let value = self.options.get(at + 2..at + 6)?;
        Some(u32::from_be_bytes(value.try_into().ok()?))
    }
}

/// Puts the lengths and checksums of an IPv4 frame right, as far as it has these fields.
pub(crate) fn mend(frame: &mut [u8]) {
    if frame.len() < TCP_AT || frame[12..14] != [0x08, 0x00] {
        return;
    }
    let total = u16::try_from(frame.len() - 14).unwrap_or(u16::MAX);
    frame[16..18].copy_from_slice(&total.to_be_bytes());
    frame[24..26].fill(0);
    let header = checksum(&frame[14..TCP_AT], 0);
    frame[24..26].copy_from_slice(&header);
    let at = match frame[23] {
        6 => TCP_AT + 16,
        1 => TCP_AT + 2,
        _ => return,
    };
    if frame.len() < at + 2 {
        return;
    }
    frame[at..at + 2].fill(0);
    let pseudo = if frame[23] == 6 { 6 + (frame.len() - TCP_AT) as u64 } else { 0 };
    let from = if frame[23] == 6 { 26 } else { TCP_AT };
    let sum = checksum(&frame[from..], pseudo);
    frame[at..at + 2].copy_from_slice(&sum);
}

/// The Internet checksum of `bytes` and of `more`.
fn checksum(bytes: &[u8], more: u64) -> [u8; 2] {
    let words = bytes
        .chunks(2)
        .map(|word| u64::from(word[0]) << 8 | word.get(1).copied().map_or(0, u64::from));
    let mut sum = words.sum::<u64>() + more;
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [.., high, low] = (!sum).to_be_bytes();
    [high, low]
}
