//! Half-open connections as they are kept: 52 bytes each, because strangers make them. RFC 4987 §3.4.
//!
//! What many share (the listener's address, the way back) is kept once; the timestamp clock is a
//! hash that can be had again; the timer is a place in a queue.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::config::TcpConfig;
use super::event::ListenerId;
use super::fifo::{Fifo, Links, Queued};
use super::interned::Interned;
use super::slab::Slab;
use crate::tcp::connection::default_mss;
use crate::tcp::ecn::{Doubt, EcnOffer, OfferMode};
use crate::tcp::ends::octets;
use crate::tcp::header::Route;
use crate::tcp::input::listen::{Answer, HalfOpen};
use crate::tcp::isn::Secrets;
use crate::tcp::segment::FourTuple;
use crate::tcp::seq::{SeqNum, WindowScale};
use crate::time::{Instant, Span};
use crate::wire::tcp_options::{SackPermitted, SynOptions, Timestamps};

/// Every half-open connection of an engine.
#[derive(Debug)]
pub(super) struct HalfOpens {
    records: Slab<Record>,
    /// Those whose SYN-ACK was sent again so many times.
    queues: Vec<Fifo>,
    /// Addresses that SYNs went to, and who waits there.
    locals: Interned<(SocketAddr, ListenerId)>,
    /// Ways back.
    routes: Interned<Route>,
}

/// A half-open connection.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// The peer's address, IPv4 ones mapped.
    remote_ip: [u8; 16],
    remote_port: u16,
    local: u16,
    route: u16,
    mss: u16,
    iss: SeqNum,
    irs: SeqNum,
    /// TSval of the SYN; 0 without one.
    ts_value: u32,
    /// Since when the last SYN-ACK waits for an answer.
    links: Links,
    offer: Offer,
    ecn: OfferMode,
    retransmits: u8,
    challenges: u8,
}

const _: () = assert!(size_of::<Option<Record>>() == 52);

impl Queued for Record {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// The options of a SYN but for the segment size and the value of the timestamp: in the lower four
/// bits the window scale. The uppermost says whether ECN is in doubt.
#[derive(Clone, Copy, Debug)]
struct Offer(u8);

impl Offer {
    /// In place of a scale: no such option.
    const NO_SCALE: u8 = 15;
    const SACK_PERMITTED: u8 = 1 << 4;
    const TIMESTAMPS: u8 = 1 << 5;
    const DOUBT: u8 = 1 << 7;

    fn of(options: &SynOptions) -> Self {
        let scale = options.window_scale.map_or(Self::NO_SCALE, WindowScale::shift);
        let sack = match options.sack_permitted {
            SackPermitted::Yes => Self::SACK_PERMITTED,
            SackPermitted::No => 0,
        };
        let timestamps = if options.timestamps.is_some() { Self::TIMESTAMPS } else { 0 };
        Self(scale | sack | timestamps)
    }

    const fn doubt(self) -> Doubt {
        if self.0 & Self::DOUBT == 0 { Doubt::No } else { Doubt::Yes }
    }

    fn options(self, mss: u16, ts_value: u32) -> SynOptions {
        let Self(bits) = self;
        let scale = bits & Self::NO_SCALE;
        let timestamps = Timestamps { value: ts_value, echo: 0 };
        SynOptions {
            mss: Some(mss),
            window_scale: (scale != Self::NO_SCALE).then(|| WindowScale::from_wire(scale)),
            sack_permitted: match bits & Self::SACK_PERMITTED {
                0 => SackPermitted::No,
                _ => SackPermitted::Yes,
            },
            timestamps: (bits & Self::TIMESTAMPS != 0).then_some(timestamps),
            accecn: None,
        }
    }
}

impl HalfOpens {
    /// A table for at most `max`.
    pub(super) fn new(max: u32, config: &TcpConfig) -> Self {
        let waits = (0..=config.syn_ack_retransmits_max).map(|retransmits| {
            let factor = 1u32.checked_shl(u32::from(retransmits)).unwrap_or(u32::MAX);
            Fifo::new((config.rto_initial * factor).min(config.rto_max))
        });
        Self {
            records: Slab::new(max),
            queues: waits.collect(),
            locals: Interned::new(),
            routes: Interned::new(),
        }
    }

    /// Whether an insertion would be refused.
    pub(super) const fn is_full(&self) -> bool {
        self.records.is_full()
    }

    /// Keeps one whose SYN-ACK goes out now, and gives its number; `None` when there are too many,
    /// or too many different ways back.
    pub(super) fn insert(&mut self, now: Instant, half_open: &HalfOpen) -> Option<u32> {
        let HalfOpen { tuple, route, listener, iss, irs, options, ecn, .. } = *half_open;
        if self.is_full() {
            return None;
        }
        let local = self.locals.take((tuple.local, listener))?;
        let Some(route) = self.routes.take(route) else {
            self.locals.give_back(local);
            return None;
        };
        let number = self.records.insert_with(|_| Record {
            remote_ip: octets(tuple.remote.ip()),
            remote_port: tuple.remote.port(),
            local,
            route,
            mss: options.mss.unwrap_or_else(|| default_mss(tuple.ip_version())),
            iss,
            irs,
            ts_value: options.timestamps.map_or(0, |timestamps| timestamps.value),
            links: Links::new(now),
            offer: Offer::of(&options),
            ecn: ecn.mode,
            retransmits: 0,
            challenges: 0,
        })?;
        if let Some(queue) = self.queues.first_mut() {
            queue.push(&mut self.records, number, now);
        }
        Some(number)
    }

    /// The 4-tuple of a number.
    pub(super) fn tuple(&self, number: u32) -> Option<FourTuple> {
        let record = self.records.get(number)?;
        let (local, _) = self.locals.get(record.local)?;
        let ip = address(record.remote_ip, local.ip());
        Some(FourTuple { local, remote: SocketAddr::new(ip, record.remote_port) })
    }

    /// The one of a number, as it is understood.
    pub(super) fn get(
        &self,
        now: Instant,
        number: u32,
        secrets: &Secrets,
        config: &TcpConfig,
    ) -> Option<HalfOpen> {
        let record = self.records.get(number)?;
        let tuple = self.tuple(number)?;
        let (_, listener) = self.locals.get(record.local)?;
        // Exact while the SYN-ACK was sent once; only then it is a sample.
        let doublings = 1u32.checked_shl(u32::from(record.retransmits)).unwrap_or(u32::MAX) - 1;
        let before: Span = config.rto_initial * doublings;
        Some(HalfOpen {
            tuple,
            route: self.routes.get(record.route)?,
            listener,
            iss: record.iss,
            irs: record.irs,
            options: record.offer.options(record.mss, record.ts_value),
            ecn: EcnOffer { mode: record.ecn, doubt: record.offer.doubt() },
            clock: secrets.timestamp_offset(&tuple),
            opened_at: record.links.waits_since(now) - before,
            retransmits: record.retransmits,
            challenges: record.challenges,
            answer: Answer::Again,
        })
    }

    /// Takes over what a segment changed: the challenge ACKs and the use of ECN.
    pub(super) fn update(&mut self, number: u32, half_open: &HalfOpen) {
        if let Some(record) = self.records.get_mut(number) {
            record.challenges = half_open.challenges;
            record.ecn = half_open.ecn.mode;
            if half_open.ecn.doubt == Doubt::Yes {
                record.offer.0 |= Offer::DOUBT;
            }
        }
    }

    /// The SYN-ACK goes out again now: it waits twice as long. `None` if it was sent as often as it
    /// may be.
    pub(super) fn send_again(&mut self, now: Instant, number: u32) -> Option<()> {
        let record = self.records.get_mut(number)?;
        let (old, new) = (record.retransmits, record.retransmits.checked_add(1)?);
        if usize::from(new) >= self.queues.len() {
            return None;
        }
        record.retransmits = new;
        record.challenges = 0;
        self.queues.get_mut(usize::from(old))?.unlink(&mut self.records, number);
        self.queues.get_mut(usize::from(new))?.push(&mut self.records, number, now);
        Some(())
    }

    /// Forgets one.
    pub(super) fn remove(&mut self, number: u32) -> Option<()> {
        let record = *self.records.get(number)?;
        self.queues.get_mut(usize::from(record.retransmits))?.unlink(&mut self.records, number);
        self.records.remove(number)?;
        self.locals.give_back(record.local);
        self.routes.give_back(record.route);
        Some(())
    }

    /// One whose SYN-ACK has waited long enough.
    pub(super) fn expired(&self, now: Instant) -> Option<u32> {
        self.queues.iter().find_map(|queue| queue.expired(now))
    }

    /// When the next will have.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queues.iter().filter_map(Fifo::due).min()
    }

    /// The numbers of those of a listener.
    pub(super) fn of_listener(&self, listener: ListenerId) -> Vec<u32> {
        let is_its = |record: &Record| {
            self.locals.get(record.local).is_some_and(|(_, its_listener)| its_listener == listener)
        };
        self.records.iter().filter(|(_, record)| is_its(record)).map(|(number, _)| number).collect()
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of memory that they take up.
    pub(super) fn bytes(&self) -> usize {
        self.records.bytes()
    }
}

/// The address that [`octets`] was given, of the family of `other`.
pub(super) fn address(octets: [u8; 16], other: IpAddr) -> IpAddr {
    match (other, octets) {
        (IpAddr::V4(_), [.., a, b, c, d]) => IpAddr::from([a, b, c, d]),
        (IpAddr::V6(_), octets) => IpAddr::from(octets),
    }
}
