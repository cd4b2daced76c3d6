//! TCP options: typed by the kind of segment that carries them.
//!
//! A SYN negotiates (MSS, window scale, SACK permitted, timestamps), every other segment uses
//! what was negotiated (timestamps, SACK blocks). Emitted in Linux's order, so that middleboxes
//! and fingerprints see nothing new. RFC 9293 §3.1, RFC 7323, RFC 2018.

use core::num::NonZeroU16;

use super::accecn::{ACCECN0, ACCECN1, AccEcn};
use super::{put, u16_at, u32_at};
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::time::Span;
use crate::wire::WireError;

/// SACK blocks that fit into a header without timestamps.
pub(crate) const SACK_BLOCKS_MAX: usize = 4;
/// SACK blocks that an AccECN option leaves room for. RFC 9768 §3.2.3.3.
const SACK_BLOCKS_BESIDE_ACCECN: usize = 2;
/// Octets of SACK before its blocks, padding included.
const SACK_HEADER_LEN: usize = 4;
/// Octets of the longest options.
const OPTIONS_LEN_MAX: usize = 40;
/// Octets of the timestamps option with its padding.
pub(crate) const TIMESTAMPS_LEN: usize = 12;

/// Option kinds.
mod kind {
    /// End of the list.
    pub(super) const END: u8 = 0;
    /// Padding.
    pub(super) const NOP: u8 = 1;
    /// Maximum segment size.
    pub(super) const MSS: u8 = 2;
    /// Window scale.
    pub(super) const WINDOW_SCALE: u8 = 3;
    /// SACK permitted.
    pub(super) const SACK_PERMITTED: u8 = 4;
    /// SACK blocks.
    pub(super) const SACK: u8 = 5;
    /// Timestamps.
    pub(super) const TIMESTAMPS: u8 = 8;
    /// User timeout.
    pub(super) const USER_TIMEOUT: u8 = 28;
}

/// Whether selective acknowledgements may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SackPermitted {
    /// The SYN did not have the option.
    #[default]
    No,
    /// It had.
    Yes,
}

/// The timestamps option. RFC 7323 §3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timestamps {
    /// TSval: the sender's clock.
    pub(crate) value: u32,
    /// TSecr: the clock that it heard last from the other side.
    pub(crate) echo: u32,
}

/// The user timeout option: how long its sender would wait. A bit for the unit and 15 for the number.
/// RFC 5482 §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserTimeout(NonZeroU16);

/// One SACK block: `[left, right)` has arrived. RFC 2018 §3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SackBlock {
    /// The first octet of the block.
    pub(crate) left: SeqNum,
    /// The octet behind its last.
    pub(crate) right: SeqNum,
}

/// Up to four SACK blocks, in the order of the option.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SackBlocks {
    /// The blocks; those from `len` on mean nothing.
    blocks: [SackBlock; SACK_BLOCKS_MAX],
    /// How many there are.
    len: u8,
}

impl SackBlocks {
    /// No block.
    pub(crate) const EMPTY: Self =
        Self { blocks: [SackBlock { left: SeqNum::ZERO, right: SeqNum::ZERO }; 4], len: 0 };

    /// Adds a block behind the others; a fifth is left out.
    pub(crate) fn push(&mut self, block: SackBlock) {
        if let Some(slot) = self.blocks.get_mut(usize::from(self.len)) {
            *slot = block;
            self.len += 1;
        }
    }

    /// The blocks.
    pub(crate) fn as_slice(&self) -> &[SackBlock] {
        self.blocks.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }
}

impl PartialEq for SackBlocks {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SackBlocks {}

/// Options of a SYN or SYN-ACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SynOptions {
    /// The largest segment that the sender takes, in octets of payload.
    pub(crate) mss: Option<u16>,
    /// The shift of the windows it will send. Present also means that it takes ours.
    pub(crate) window_scale: Option<WindowScale>,
    /// Whether it understands SACK.
    pub(crate) sack_permitted: SackPermitted,
    /// Its clock.
    pub(crate) timestamps: Option<Timestamps>,
    /// Bytes by ECN field: in a SYN-ACK, to try the path.
    pub(crate) accecn: Option<AccEcn>,
}

/// Options of every other segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentOptions {
    /// The sender's clock and its echo.
    pub(crate) timestamps: Option<Timestamps>,
    /// What has arrived out of order.
    pub(crate) sack: SackBlocks,
    /// How long the sender would wait for the other side.
    pub(crate) user_timeout: Option<UserTimeout>,
    /// Bytes by ECN field.
    pub(crate) accecn: Option<AccEcn>,
}

/// One option, its length already checked.
enum Parsed {
    /// Maximum segment size.
    Mss(u16),
    /// Window scale, clamped to 14.
    WindowScale(WindowScale),
    /// SACK permitted.
    SackPermitted,
    /// SACK blocks.
    Sack(SackBlocks),
    /// Timestamps.
    Timestamps(Timestamps),
    /// User timeout.
    UserTimeout(UserTimeout),
    /// Bytes by ECN field.
    AccEcn(AccEcn),
    /// A kind that is not known: skipped.
    Unknown,
}

impl SynOptions {
    /// Parses the options of a SYN. Kinds that do not belong there are skipped.
    ///
    /// # Errors
    /// [`WireError::TcpOptionLength`].
    pub(crate) fn parse(options: &[u8]) -> Result<Self, WireError> {
        let mut parsed = Self::default();
        for_each(options, |option| match option {
            Parsed::Mss(mss) => parsed.mss = Some(mss),
            Parsed::WindowScale(scale) => parsed.window_scale = Some(scale),
            Parsed::SackPermitted => parsed.sack_permitted = SackPermitted::Yes,
            Parsed::Timestamps(timestamps) => parsed.timestamps = Some(timestamps),
            Parsed::AccEcn(accecn) => parsed.accecn = Some(accecn),
            Parsed::Sack(_) | Parsed::UserTimeout(_) | Parsed::Unknown => {}
        })?;
        Ok(parsed)
    }

    /// Octets on the wire, a multiple of 4, at most 32.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let mss = if self.mss.is_some() { 4 } else { 0 };
        let scale = if self.window_scale.is_some() { 4 } else { 0 };
        let sack_and_timestamps = match (self.sack_permitted, self.timestamps) {
            (SackPermitted::No, None) => 0,
            (SackPermitted::Yes, None) => 4,
            (_, Some(_)) => TIMESTAMPS_LEN,
        };
        mss + sack_and_timestamps + scale + self.accecn.map_or(0, |accecn| accecn.len())
    }

    /// Writes the options; gives their length, or `None` when `out` is too short.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        if let Some(mss) = self.mss {
            let [high, low] = mss.to_be_bytes();
            put(out, at, &[kind::MSS, 4, high, low])?;
            at += 4;
        }
        match (self.sack_permitted, self.timestamps) {
            (SackPermitted::No, None) => {}
            (SackPermitted::Yes, None) => {
                put(out, at, &[kind::NOP, kind::NOP, kind::SACK_PERMITTED, 2])?;
                at += 4;
            }
            (permitted, Some(timestamps)) => {
                // Linux puts SACK permitted where the padding of the timestamps would be.
                let prefix = match permitted {
                    SackPermitted::Yes => [kind::SACK_PERMITTED, 2],
                    SackPermitted::No => [kind::NOP, kind::NOP],
                };
                put(out, at, &prefix)?;
                timestamps.emit(out, at + 2)?;
                at += TIMESTAMPS_LEN;
            }
        }
        if let Some(scale) = self.window_scale {
            put(out, at, &[kind::NOP, kind::WINDOW_SCALE, 3, scale.shift()])?;
            at += 4;
        }
        if let Some(accecn) = self.accecn {
            accecn.emit(out, at)?;
            at += accecn.len();
        }
        Some(at)
    }
}

impl SegmentOptions {
    /// Parses the options of a segment without SYN. Kinds that do not belong there are skipped.
    ///
    /// # Errors
    /// [`WireError::TcpOptionLength`].
    pub(crate) fn parse(options: &[u8]) -> Result<Self, WireError> {
        // What nearly every segment has: two NOPs and the timestamps, nothing else.
        if options.len() == TIMESTAMPS_LEN
            && let Some(timestamps) = Timestamps::alone(options)
        {
            return Ok(Self { timestamps: Some(timestamps), ..Self::default() });
        }
        let mut parsed = Self::default();
        for_each(options, |option| match option {
            Parsed::Timestamps(timestamps) => parsed.timestamps = Some(timestamps),
            Parsed::Sack(blocks) => parsed.sack = blocks,
            Parsed::UserTimeout(timeout) => parsed.user_timeout = Some(timeout),
            Parsed::AccEcn(accecn) => parsed.accecn = Some(accecn),
            Parsed::Mss(_) | Parsed::WindowScale(_) | Parsed::SackPermitted | Parsed::Unknown => {}
        })?;
        Ok(parsed)
    }

    /// How many SACK blocks fit beside these options.
    pub(crate) fn sack_room(
        timestamps: Option<Timestamps>,
        user_timeout: Option<UserTimeout>,
    ) -> usize {
        match (timestamps, user_timeout) {
            (None, _) => SACK_BLOCKS_MAX,
            (Some(_), None) => 3,
            (Some(_), Some(_)) => 2,
        }
    }

    /// Room for an AccECN option: what the others leave, of SACK blocks no more than two. RFC 9768
    /// §3.2.3.3.
    pub(crate) fn accecn_room(&self) -> usize {
        let blocks = self.sack_count().min(SACK_BLOCKS_BESIDE_ACCECN);
        OPTIONS_LEN_MAX.saturating_sub(self.len_but_sack() + sack_len(blocks))
    }

    /// The same where there is one that is to be chosen again.
    pub(crate) fn accecn_room_anew(&self) -> usize {
        Self { accecn: None, ..*self }.accecn_room()
    }

    /// Octets on the wire, a multiple of 4, at most 40.
    pub(crate) fn len(&self) -> usize {
        self.len_but_sack() + sack_len(self.sack_count())
    }

    fn len_but_sack(&self) -> usize {
        let timestamps = if self.timestamps.is_some() { TIMESTAMPS_LEN } else { 0 };
        let user_timeout = if self.user_timeout.is_some() { 4 } else { 0 };
        timestamps + user_timeout + self.accecn.map_or(0, |accecn| accecn.len())
    }

    /// Writes the options; gives their length, or `None` when `out` is too short. Blocks for
    /// which there is no room are left out, the last first.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        if let Some(timestamps) = self.timestamps {
            put(out, at, &[kind::NOP, kind::NOP])?;
            timestamps.emit(out, at + 2)?;
            at += TIMESTAMPS_LEN;
        }
        if let Some(UserTimeout(field)) = self.user_timeout {
            let [high, low] = field.get().to_be_bytes();
            put(out, at, &[kind::USER_TIMEOUT, 4, high, low])?;
            at += 4;
        }
        if let Some(accecn) = self.accecn {
            accecn.emit(out, at)?;
            at += accecn.len();
        }
        let count = self.sack_count();
        if count == 0 {
            return Some(at);
        }
        let option_len = u8::try_from(2 + 8 * count).ok()?;
        put(out, at, &[kind::NOP, kind::NOP, kind::SACK, option_len])?;
        at += 4;
        for block in self.sack.as_slice().iter().take(count) {
            put(out, at, &block.left.to_wire().to_be_bytes())?;
            put(out, at + 4, &block.right.to_wire().to_be_bytes())?;
            at += 8;
        }
        Some(at)
    }

    /// SACK blocks that will be written.
    fn sack_count(&self) -> usize {
        let room = OPTIONS_LEN_MAX.saturating_sub(self.len_but_sack() + SACK_HEADER_LEN);
        self.sack.len().min(room / 8)
    }
}

/// Octets of so many SACK blocks with their padding.
const fn sack_len(blocks: usize) -> usize {
    if blocks == 0 { 0 } else { SACK_HEADER_LEN + 8 * blocks }
}

impl UserTimeout {
    /// The bit that says minutes.
    const MINUTES: u16 = 0x8000;

    /// The option's field; `None` for no time at all, which is reserved. RFC 5482 §3.4.
    const fn from_wire(field: u16) -> Option<Self> {
        match NonZeroU16::new(field) {
            Some(field) if field.get() & !Self::MINUTES != 0 => Some(Self(field)),
            Some(_) | None => None,
        }
    }

    /// A time in whole seconds, or in whole minutes where those are too many; `None` of less than a
    /// second.
    pub(crate) fn of(span: Span) -> Option<Self> {
        let seconds = span.as_millis() / 1_000;
        if seconds < u64::from(Self::MINUTES) {
            return Self::from_wire(u16::try_from(seconds).ok()?);
        }
        let minutes = u16::try_from(seconds / 60).unwrap_or(u16::MAX).min(Self::MINUTES - 1);
        Self::from_wire(minutes | Self::MINUTES)
    }

    /// The time.
    pub(crate) const fn span(self) -> Span {
        let count = (self.0.get() & !Self::MINUTES) as u64;
        Span::from_secs(if self.0.get() & Self::MINUTES == 0 { count } else { count * 60 })
    }
}

impl Timestamps {
    /// Those at the start of a segment's options, if they are padded as everybody does it.
    #[inline]
    pub(super) fn alone(options: &[u8]) -> Option<Self> {
        match options.first_chunk::<TIMESTAMPS_LEN>()? {
            [kind::NOP, kind::NOP, kind::TIMESTAMPS, 10, body @ ..] => Self::parse(body),
            _ => None,
        }
    }

    /// Parses the option's body: its value and its echo.
    fn parse(body: &[u8]) -> Option<Self> {
        Some(Self { value: u32_at(body, 0)?, echo: u32_at(body, 4)? })
    }

    /// Writes the option without padding: 10 octets.
    fn emit(self, out: &mut [u8], at: usize) -> Option<()> {
        put(out, at, &[kind::TIMESTAMPS, 10])?;
        put(out, at + 2, &self.value.to_be_bytes())?;
        put(out, at + 6, &self.echo.to_be_bytes())
    }
}

/// Calls `visit` with each option. RFC 9293 §3.1, RFC 1122 §4.2.2.5: unknown kinds are skipped
/// by their length; at most one step per octet.
fn for_each(options: &[u8], mut visit: impl FnMut(Parsed)) -> Result<(), WireError> {
    let mut rest = options;
    loop {
        match rest {
            [] | [kind::END, ..] => return Ok(()),
            [kind::NOP, behind @ ..] => rest = behind,
            [_] => return Err(WireError::TcpOptionLength),
            [option_kind, len, ..] => {
                let len = usize::from(*len);
                let body = rest.get(2..len).ok_or(WireError::TcpOptionLength)?;
                visit(parse_one(*option_kind, body).ok_or(WireError::TcpOptionLength)?);
                rest = rest.get(len..).ok_or(WireError::TcpOptionLength)?;
            }
        }
    }
}

/// One option from its body; `None` when the body has not the length its kind has.
fn parse_one(option_kind: u8, body: &[u8]) -> Option<Parsed> {
    let parsed = match (option_kind, body.len()) {
        (kind::MSS, 2) => Parsed::Mss(u16_at(body, 0)?),
        (kind::WINDOW_SCALE, 1) => Parsed::WindowScale(WindowScale::from_wire(*body.first()?)),
        (kind::SACK_PERMITTED, 0) => Parsed::SackPermitted,
        (kind::TIMESTAMPS, 8) => Parsed::Timestamps(Timestamps::parse(body)?),
        (kind::SACK, len) if len >= 8 && len % 8 == 0 => {
            let mut blocks = SackBlocks::EMPTY;
            for block in body.chunks_exact(8) {
                let left = SeqNum::from_wire(u32_at(block, 0)?);
                let right = SeqNum::from_wire(u32_at(block, 4)?);
                blocks.push(SackBlock { left, right });
            }
            Parsed::Sack(blocks)
        }
        (kind::USER_TIMEOUT, 2) => {
            UserTimeout::from_wire(u16_at(body, 0)?).map_or(Parsed::Unknown, Parsed::UserTimeout)
        }
        (ACCECN0 | ACCECN1, _) => Parsed::AccEcn(AccEcn::parse(option_kind, body)?),
        (
            kind::MSS | kind::WINDOW_SCALE | kind::SACK_PERMITTED | kind::TIMESTAMPS | kind::SACK,
            _,
        ) => return None,
        _ => Parsed::Unknown,
    };
    Some(parsed)
}
