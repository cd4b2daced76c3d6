//! What a stranger must not be able to guess: initial sequence numbers (RFC 6528), timestamp
//! offsets (RFC 7323 §5.4) and ephemeral ports (RFC 6056). Each is a keyed hash of the
//! connection; all keys come from one seed.

use alloc::boxed::Box;
use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher13;

use super::cookie::CookieKey;
use super::segment::FourTuple;
use super::seq::SeqNum;
use crate::engine::demux::{FlowHasher, write_address};
use crate::time::Instant;

/// Ephemeral ports: the range that RFC 6335 leaves to them.
const PORT_FIRST: u16 = 49_152;
/// How many there are.
const PORT_COUNT: u16 = u16::MAX - PORT_FIRST + 1;
/// Counters of the port choice: more of them, less can be learned from one about another.
const PORT_COUNTERS: usize = 64;

/// The keys of this process.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// For initial sequence numbers.
    isn: SipHasher13,
    /// For timestamp offsets.
    timestamp: SipHasher13,
    /// For the port a search starts at.
    port: SipHasher13,
    /// For the counter a search uses.
    port_counter: SipHasher13,
    /// For the flow table.
    flow: [u8; 16],
    /// For SYN cookies.
    cookie: SipHasher13,
}

impl Secrets {
    /// Keys derived from a seed: each is a hash, under the seed, of its own purpose.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let key = |purpose: u8| {
            let mut key = [0; 16];
            let (seeds, _) = seed.as_chunks::<16>();
            for (part, half) in (0u8..).zip(key.chunks_exact_mut(8)) {
                // Both halves of the seed count in both halves of each key.
                let mut mixed = 0u64;
                for half_seed in seeds {
                    let mut hasher = SipHasher13::new_with_key(half_seed);
                    hasher.write(&[purpose, part]);
                    hasher.write_u64(mixed);
                    mixed = hasher.finish();
                }
                half.copy_from_slice(&mixed.to_le_bytes());
            }
            key
        };
        let hasher = |purpose: u8| SipHasher13::new_with_key(&key(purpose));
        Self {
            isn: hasher(1),
            timestamp: hasher(2),
            port: hasher(3),
            port_counter: hasher(4),
            flow: key(5),
            cookie: hasher(6),
        }
    }

    /// The hash of the flow table.
    pub(crate) fn flow_hasher(&self) -> FlowHasher {
        FlowHasher::new(self.flow)
    }

    /// The key of SYN cookies.
    pub(crate) const fn cookie_key(&self) -> CookieKey {
        CookieKey::new(self.cookie)
    }

    /// The initial sequence number of a connection: a clock of 4 us ticks, which keeps it ahead
    /// of the connection's former incarnations, plus a secret offset. RFC 6528 §3.
    pub(crate) fn isn(&self, now: Instant, tuple: &FourTuple) -> SeqNum {
        let clock = low_half(now.as_micros() / 4);
        SeqNum::from_wire(clock.wrapping_add(low_half(hash_tuple(&self.isn, tuple))))
    }

    /// What is added to a connection's timestamps: equal for every incarnation, so that theirs
    /// go on rising. RFC 7323 §5.4.
    pub(crate) fn timestamp_offset(&self, tuple: &FourTuple) -> TimestampClock {
        TimestampClock { offset: low_half(hash_tuple(&self.timestamp, tuple)) }
    }
}

/// The timestamp clock of one connection: milliseconds plus its offset, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimestampClock {
    /// The offset.
    offset: u32,
}

impl TimestampClock {
    /// TSval at `now`.
    pub(crate) const fn at(self, now: Instant) -> u32 {
        low_half(now.as_millis()).wrapping_add(self.offset)
    }

    /// Milliseconds from the TSval that `echo` repeats to `now`; `None` when it is none of the
    /// last 2^31 ms, and so not ours.
    pub(crate) const fn elapsed_ms(self, now: Instant, echo: u32) -> Option<u32> {
        let elapsed = self.at(now).wrapping_sub(echo);
        if elapsed < 1 << 31 { Some(elapsed) } else { None }
    }
}

/// Chooses ephemeral ports by the double-hash algorithm. RFC 6056 §3.3.4.
#[derive(Debug)]
pub(crate) struct PortChooser {
    /// How many connections each group of destinations has opened.
    counters: Box<[u16; PORT_COUNTERS]>,
}

impl PortChooser {
    /// A chooser that starts anywhere: where is a secret anyway.
    pub(crate) fn new() -> Self {
        Self { counters: Box::new([0; PORT_COUNTERS]) }
    }

    /// The next port from `local` to `remote` for which `is_free` holds; `None` when all ports
    /// are taken.
    pub(crate) fn choose(
        &mut self,
        secrets: &Secrets,
        local: IpAddr,
        remote: SocketAddr,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let offset = hash_destination(&secrets.port, local, remote);
        let group = hash_destination(&secrets.port_counter, local, remote);
        let group = usize::try_from(group % PORT_COUNTERS as u64).ok()?;
        let counter = self.counters.get_mut(group)?;
        for _ in 0..PORT_COUNT {
            let step = offset.wrapping_add(u64::from(*counter)) % u64::from(PORT_COUNT);
            *counter = counter.wrapping_add(1);
            let port = PORT_FIRST + u16::try_from(step).ok()?;
            if is_free(port) {
                return Some(port);
            }
        }
        None
    }
}

/// The hash of a whole connection.
fn hash_tuple(keyed: &SipHasher13, tuple: &FourTuple) -> u64 {
    let mut hasher = *keyed;
    write_tuple(&mut hasher, tuple);
    hasher.finish()
}

/// Feeds a whole connection to a hash.
pub(crate) fn write_tuple(hasher: &mut SipHasher13, tuple: &FourTuple) {
    write_address(hasher, tuple.local.ip());
    write_address(hasher, tuple.remote.ip());
    hasher.write_u16(tuple.local.port());
    hasher.write_u16(tuple.remote.port());
}

/// The hash of a connection without the port that is to be chosen.
fn hash_destination(keyed: &SipHasher13, local: IpAddr, remote: SocketAddr) -> u64 {
    let mut hasher = *keyed;
    write_address(&mut hasher, local);
    write_address(&mut hasher, remote.ip());
    hasher.write_u16(remote.port());
    hasher.finish()
}

/// The lower 32 bits.
const fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
