//! SYN cookies: a half-open connection that is kept in the sequence number of its own SYN-ACK.
//! RFC 4987 §3.6.
//!
//! The upper 24 bits are a keyed hash of the 4-tuple, the peer's initial number and the time in
//! periods of 64 s; the lower 8, under 8 more bits of that hash, are what the SYN offered: one of
//! eight segment sizes, the window scale, SACK permitted. So nothing of the negotiation is lost but
//! the exact segment size, also with peers that send no timestamps. Whether those were agreed on is
//! told by the last ACK itself, which carries them then.
//!
//! A blind guess is right once in 2^23 times: 24 bits, and two periods count. The 8 bits need no hash
//! of their own: who can change them could have offered something else in the first place.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::connection::DEFAULT_MSS;
use super::isn::write_tuple;
use super::segment::FourTuple;
use super::seq::{SeqNum, WindowScale};
use crate::time::{Instant, Span};
use crate::wire::tcp_options::{SackPermitted, SynOptions};

/// How long a period is.
const PERIOD: Span = Span::from_secs(64);
/// A cookie is good for so long at most, and for one period at least.
pub(crate) const COOKIE_LIFETIME: Span = Span::from_secs(2 * 64);

/// The segment sizes that a cookie can tell apart; one between two of them counts as the smaller.
/// The smallest that is believed, RFC 9293's default, what is left of 1280 and of tunnels over 1500,
/// 1500 with IPv6 and with IPv4, jumbo frames.
const SEGMENT_SIZES: [u16; 8] = [88, 536, 1220, 1360, 1400, 1440, 1460, 8940];

/// No window scale option, where scales go up to 14.
const NO_SCALE: u8 = 15;

/// The time as cookies know it: the number of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CookieTime(u64);

impl CookieTime {
    /// The period of `now`.
    pub(crate) const fn at(now: Instant) -> Self {
        Self(now.as_nanos() / PERIOD.as_nanos())
    }
}

/// What both sides of a handshake know before a connection exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake {
    /// The two ends.
    pub(crate) tuple: FourTuple,
    /// The peer's initial sequence number.
    pub(crate) irs: SeqNum,
}

/// The key that makes cookies and knows them again: equal on every engine with the same seed.
#[derive(Clone, Debug)]
pub(crate) struct CookieKey {
    /// The hash with its key and nothing else in it.
    keyed: SipHasher13,
}

impl CookieKey {
    /// That key.
    pub(crate) const fn new(keyed: SipHasher13) -> Self {
        Self { keyed }
    }

    /// The cookie for a SYN with these options: our initial sequence number.
    pub(crate) fn encode(
        &self,
        time: CookieTime,
        handshake: &Handshake,
        options: &SynOptions,
    ) -> SeqNum {
        let [mask, mac @ ..] = self.hash(time, handshake);
        let [a, b, c] = mac;
        SeqNum::from_wire(u32::from_be_bytes([a, b, c, pack(options) ^ mask]))
    }

    /// What the SYN offered, timestamps left out; `None` if `cookie` was not made for it in this
    /// period or the one before.
    pub(crate) fn decode(
        &self,
        time: CookieTime,
        handshake: &Handshake,
        cookie: SeqNum,
    ) -> Option<SynOptions> {
        let CookieTime(period) = time;
        let [mac @ .., packed] = cookie.to_wire().to_be_bytes();
        [Some(period), period.checked_sub(1)].into_iter().flatten().find_map(|period| {
            let [mask, ours @ ..] = self.hash(CookieTime(period), handshake);
            (ours == mac).then(|| unpack(packed ^ mask))
        })
    }

    /// The four octets that a cookie needs of the hash.
    fn hash(&self, CookieTime(period): CookieTime, handshake: &Handshake) -> [u8; 4] {
        let mut hasher = self.keyed;
        write_tuple(&mut hasher, &handshake.tuple);
        hasher.write_u32(handshake.irs.to_wire());
        hasher.write_u64(period);
        let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
        [a, b, c, d]
    }
}

/// The options of a SYN in one octet.
fn pack(options: &SynOptions) -> u8 {
    let mss = options.mss.unwrap_or(DEFAULT_MSS);
    let sizes = (0u8..).zip(SEGMENT_SIZES);
    let size = sizes.take_while(|&(_, size)| size <= mss).last().map_or(0, |(index, _)| index);
    let scale = options.window_scale.map_or(NO_SCALE, WindowScale::shift);
    let sack = match options.sack_permitted {
        SackPermitted::No => 0,
        SackPermitted::Yes => 1,
    };
    size | scale << 3 | sack << 7
}

/// The options that [`pack`] was given, the segment size rounded down.
fn unpack(packed: u8) -> SynOptions {
    let scale = packed >> 3 & 0xf;
    SynOptions {
        mss: SEGMENT_SIZES.get(usize::from(packed & 0x7)).copied(),
        window_scale: (scale != NO_SCALE).then(|| WindowScale::from_wire(scale)),
        sack_permitted: if packed >> 7 == 1 { SackPermitted::Yes } else { SackPermitted::No },
        timestamps: None,
        accecn: None,
    }
}
