//! TIME-WAIT: a record of what the connection was, not the connection. RFC 9293 §3.6.1,
//! RFC 6191, RFC 1337.

use core::net::{IpAddr, SocketAddr};

use super::event::ListenerId;
use super::fifo::{Fifo, Links, Queued};
use super::half_open::address;
use super::slab::Slab;
use crate::tcp::connection::Tcb;
use crate::tcp::ends::{Ends, octets};
use crate::tcp::header::{IpFields, Outgoing, Route};
use crate::tcp::input::sequence::is_before;
use crate::tcp::isn::TimestampClock;
use crate::tcp::segment::{Control, FourTuple, Options, Segment};
use crate::tcp::seq::SeqNum;
use crate::time::{Instant, Span};
use crate::wire::ipv4::Ecn;
use crate::wire::tcp::Flags;
use crate::wire::tcp_options::{SegmentOptions, Timestamps};

/// What is left of a connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeWaitRecord {
    pub(crate) tuple: FourTuple,
    pub(crate) listener: Option<ListenerId>,
    pub(crate) snd_nxt: SeqNum,
    rcv_nxt: SeqNum,
    /// TS.Recent, if timestamps are used.
    ts_recent: Option<u32>,
}

/// Every record of an engine: 52 bytes each. All wait equally long.
#[derive(Debug)]
pub(super) struct TimeWaits {
    kept: Slab<Kept>,
    queue: Fifo,
}

/// A record as it is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// The peer's address, IPv4 ones mapped.
    remote_ip: [u8; 16],
    remote_port: u16,
    local_port: u16,
    /// Which of the interface's addresses is ours.
    local: u16,
    timestamps: Used,
    listener: Option<ListenerId>,
    snd_nxt: SeqNum,
    rcv_nxt: SeqNum,
    ts_recent: u32,
    links: Links,
}

const _: () = assert!(size_of::<Option<Kept>>() == 52);

/// Whether timestamps are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    No,
    Yes,
}

/// The addresses of an interface, as its configuration has them.
pub(super) type Addresses = [(IpAddr, u8)];

impl Queued for Kept {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl TimeWaits {
    /// A table for at most `max` records that wait so long each.
    pub(super) fn new(max: u32, wait: Span) -> Self {
        Self { kept: Slab::new(max), queue: Fifo::new(wait) }
    }

    /// Keeps a record from now on, and gives its number; `None` when there are too many.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        record: &TimeWaitRecord,
        addresses: &Addresses,
    ) -> Option<u32> {
        let TimeWaitRecord { tuple, listener, snd_nxt, rcv_nxt, ts_recent } = *record;
        let local = addresses.iter().position(|&(own, _)| own == tuple.local.ip())?;
        let local = u16::try_from(local).ok()?;
        let number = self.kept.insert_with(|_| Kept {
            remote_ip: octets(tuple.remote.ip()),
            remote_port: tuple.remote.port(),
            local_port: tuple.local.port(),
            local,
            timestamps: if ts_recent.is_some() { Used::Yes } else { Used::No },
            listener,
            snd_nxt,
            rcv_nxt,
            ts_recent: ts_recent.unwrap_or(0),
            links: Links::new(now),
        })?;
        self.queue.push(&mut self.kept, number, now);
        Some(number)
    }

    /// The record of a number.
    pub(super) fn get(&self, number: u32, addresses: &Addresses) -> Option<TimeWaitRecord> {
        let kept = self.kept.get(number)?;
        let (local, _) = *addresses.get(usize::from(kept.local))?;
        let remote = SocketAddr::new(address(kept.remote_ip, local), kept.remote_port);
        let local = SocketAddr::new(local, kept.local_port);
        Some(TimeWaitRecord {
            tuple: FourTuple { local, remote },
            listener: kept.listener,
            snd_nxt: kept.snd_nxt,
            rcv_nxt: kept.rcv_nxt,
            ts_recent: match kept.timestamps {
                Used::Yes => Some(kept.ts_recent),
                Used::No => None,
            },
        })
    }

    /// The wait of a record starts anew.
    pub(super) fn restart(&mut self, now: Instant, number: u32) {
        self.queue.unlink(&mut self.kept, number);
        self.queue.push(&mut self.kept, number, now);
    }

    /// Forgets a record.
    pub(super) fn remove(&mut self, number: u32) {
        self.queue.unlink(&mut self.kept, number);
        self.kept.remove(number);
    }

    /// A record whose time is over.
    pub(super) fn expired(&self, now: Instant) -> Option<u32> {
        self.queue.expired(now)
    }

    /// When the next record's time is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue.due()
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.kept.len()
    }

    /// Bytes of memory that they take up.
    pub(super) fn bytes(&self) -> usize {
        self.kept.bytes()
    }
}

/// What a segment means to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeWaitStep {
    /// The peer's FIN again: our ACK was lost; the wait starts anew.
    Restart,
    /// A SYN that can't be an old one: the record makes room for it.
    Reuse,
    /// Something old: answered with an ACK.
    Acknowledge,
    /// Nothing to do. A RST is among these: RFC 1337.
    Ignore,
}

impl TimeWaitRecord {
    /// What is kept of `tcb`.
    pub(crate) fn of<F, B>(tcb: &Tcb<F, B>, rcv_nxt: SeqNum) -> Self {
        Self {
            tuple: tcb.ends.tuple(),
            listener: tcb.listener,
            snd_nxt: tcb.send.snd_nxt,
            rcv_nxt,
            ts_recent: tcb.options.timestamps.map(|state| state.recent),
        }
    }

    /// What `segment` means.
    pub(crate) fn step(&self, segment: &Segment) -> TimeWaitStep {
        match segment.control {
            Control::Rst => TimeWaitStep::Ignore,
            Control::Syn if segment.ack.is_none() => {
                if self.is_newer(segment) {
                    TimeWaitStep::Reuse
                } else {
                    TimeWaitStep::Acknowledge
                }
            }
            Control::Fin if segment.seq_end() == self.rcv_nxt => TimeWaitStep::Restart,
            Control::Syn | Control::Fin => TimeWaitStep::Acknowledge,
            Control::None if segment.payload_len() > 0 => TimeWaitStep::Acknowledge,
            // Two stacks in TIME-WAIT must not answer each other for ever.
            Control::None => TimeWaitStep::Ignore,
        }
    }

    /// Whether a SYN belongs to a new connection: by its timestamp, else by its number.
    /// RFC 6191 §2, RFC 9293 §3.10.7.4.
    fn is_newer(&self, segment: &Segment) -> bool {
        match (self.ts_recent, segment.timestamps()) {
            (Some(old), Some(new)) if new.value != old => is_before(old, new.value),
            _ => segment.seq.after(self.rcv_nxt),
        }
    }

    /// The ACK that says where the connection ended, back to where a segment came from.
    pub(crate) fn ack(&self, now: Instant, clock: TimestampClock, route: Route) -> Outgoing {
        let timestamps = self.ts_recent.map(|echo| Timestamps { value: clock.at(now), echo });
        Outgoing {
            route,
            ends: Ends::of(&self.tuple),
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags::ACK,
            window: 0,
            options: Options::Other(SegmentOptions { timestamps, ..SegmentOptions::default() }),
            ecn: Ecn::NotEct,
            ip: IpFields::DEFAULT,
        }
    }
}
