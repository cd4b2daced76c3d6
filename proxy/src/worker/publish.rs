//! What the rooms count themselves, copied to the metrics.
//!
//! The engine, the queue and the ring have plain counters. They are copied once in [`INTERVAL`] as
//! long as something happens, and once more behind the last thing that did: a scrape reads cells and
//! stops nobody.

#[cfg(test)]
mod tests;

use std::time::Duration;

use metrics::{Bytes, Shard};
use netstack::{DropReason, Instant, Span};
use weir_io::{BufferCounts, Class, OperationCounts};

use super::Worker;
use crate::catalogue::{DIRECTION_IN, DIRECTION_OUT, Families};

/// The longest that the metrics lag behind, and the least between two copies.
const INTERVAL: Span = Span::from_millis(100);

/// What made a segment be sent again, in the order of the series.
pub(crate) const RETRANSMIT_CAUSES: [&str; 4] = ["handshake", "timeout", "recovery", "probe"];

/// What the kernel drops before it reaches the queue, in the order of the series behind the queue's
/// own reasons.
pub(crate) const KERNEL_DROPS: [&str; 3] = ["no_frame", "rx_ring_full", "invalid_descriptor"];

/// Pools of the memory ledger that workers report.
pub(crate) const POOLS: [&str; 13] = [
    "umem",
    "umem_account",
    "record_buffers_small",
    "record_buffers_medium",
    "record_buffers_large",
    "io_uring",
    "tcp_connections",
    "tcp_half_open",
    "tcp_time_wait",
    "tcp_timers",
    "tcp_flow_table",
    "tcp_other",
    "sessions",
];

/// When to copy. It is asked before every wait: either the copy is made there, or the wait ends when
/// it may be, so that a worker sleeps without end only with nothing left to tell.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The last copy; `None`: there was none.
    last: Option<Instant>,
}

/// What [`Pace`] says before a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Copying {
    /// To be done now.
    Due,
    /// Too early: the wait must be no longer than this.
    In(Span),
}

impl Pace {
    /// Whether it is time, at `now`. If so, it is taken for done.
    fn ask(&mut self, now: Instant) -> Copying {
        let early = self.last.map(|last| last + INTERVAL).filter(|due| now < *due);
        match early {
            Some(due) => Copying::In(due.since(now)),
            None => {
                self.last = Some(now);
                Copying::Due
            }
        }
    }
}

impl Worker {
    /// Copies the counters if it is time. Else, a part of `wait`, behind which it is.
    pub(super) fn publish_if_due(&mut self, wait: Option<Duration>) -> Option<Duration> {
        match self.pace.ask(self.context.now) {
            Copying::Due => {
                self.publish();
                wait
            }
            Copying::In(rest) => {
                let rest = Duration::from_nanos(rest.as_nanos());
                Some(wait.map_or(rest, |wait| wait.min(rest)))
            }
        }
    }

    /// Copies the counters.
    pub(super) fn publish(&self) {
        self.publish_tcp();
        self.publish_xdp();
        self.publish_held();
        self.publish_memory();
        self.publish_stages();
    }

    fn publish_stages(&self) {
        let (families, shard) = self.context.tally.cells();
        for (position, duration) in self.stages.durations().enumerate() {
            let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            raise(shard, families.worker.busy.at(&[position]), nanos);
        }
        raise(shard, families.worker.loops.only(), self.stages.turns());
    }

    fn publish_tcp(&self) {
        let (families, shard) = self.context.tally.cells();
        let counters = self.context.engine.counters();
        let both = |series: &metrics::Series<metrics::CounterId>, input: u64, output: u64| {
            raise(shard, series.at(&[DIRECTION_IN]), input);
            raise(shard, series.at(&[DIRECTION_OUT]), output);
        };
        both(&families.tcp.segments, counters.segments_received, counters.segments_sent);
        both(&families.tcp.bytes, counters.bytes_received, counters.bytes_sent);
        let causes = [
            counters.handshake_retransmits,
            counters.retransmits_timeout,
            counters.retransmits_recovery,
            counters.loss_probes,
        ];
        for (position, count) in causes.into_iter().enumerate() {
            raise(shard, families.tcp.retransmits.at(&[position]), count);
        }
        for reason in DropReason::all() {
            raise(shard, families.tcp.drops.at(&[reason.index()]), counters.drops(reason));
        }
        for (id, count) in families.engine.counts(counters) {
            raise(shard, id, count);
        }
        self.publish_states(families, shard);
    }

    /// Connections by listener and state. A listener may have several addresses.
    fn publish_states(&self, families: &Families, shard: &Shard) {
        // The addresses of a listener follow one another.
        let listeners = self.context.listeners();
        for same in listeners.chunk_by(|one, next| one.position == next.position) {
            let Some(position) = same.first().map(|listening| listening.position) else { continue };
            for state in netstack::TcpState::ALL {
                let counts =
                    same.iter().filter_map(|other| self.context.engine.state_counts(other.id));
                let count: u32 = counts.map(|counts| counts.get(state)).sum();
                let id = families.tcp.connections.at(&[position.0, state.index()]);
                shard.set(id, i64::from(count));
            }
        }
    }

    fn publish_xdp(&self) {
        let (families, shard) = self.context.tally.cells();
        let queue = usize::from(self.place.worker);
        let counters = self.queue.counters();
        raise(shard, families.xdp.packets.at(&[queue, DIRECTION_IN]), counters.rx_packets);
        raise(shard, families.xdp.packets.at(&[queue, DIRECTION_OUT]), counters.tx_packets);
        raise(shard, families.xdp.bytes.at(&[queue, DIRECTION_IN]), counters.rx_bytes);
        raise(shard, families.xdp.bytes.at(&[queue, DIRECTION_OUT]), counters.tx_bytes);
        for (position, reason) in xdp::DropReason::ALL.into_iter().enumerate() {
            raise(shard, families.xdp.drops.at(&[queue, position]), counters.drops.get(reason));
        }
        // Without an answer from the kernel they stay what they were.
        if let Ok(stats) = self.queue.stats() {
            let first = xdp::DropReason::ALL.len();
            let drops = [stats.rx_dropped, stats.rx_ring_full, stats.rx_invalid_descriptors];
            for (position, count) in (first..).zip(drops) {
                raise(shard, families.xdp.drops.at(&[queue, position]), count);
            }
        }
        for (position, mode) in xdp::Mode::ALL.into_iter().enumerate() {
            let used = i64::from(self.queue.mode() == mode);
            shard.set(families.xdp.mode.at(&[queue, position]), used);
        }
        for (position, count) in
            [self.trains_by_ring, counters.tx_super_frames].into_iter().enumerate()
        {
            raise(shard, families.xdp.trains.at(&[position]), count);
        }
        raise(shard, families.xdp.super_frames_refused.only(), counters.tx_super_refused);
    }

    /// What connections hold, in the orders of the catalogue.
    fn publish_held(&self) {
        let (families, shard) = self.context.tally.cells();
        let families = &families.held;
        let set = |id, count: usize| shard.set(id, i64::try_from(count).unwrap_or(i64::MAX));

        let queue = usize::from(self.place.worker);
        let xdp::FrameCounts { total: _, free, fill, rx, tx, completion, held } =
            self.queue.frames();
        for (position, count) in [free, fill, rx, tx, completion, held].into_iter().enumerate() {
            shard.set(families.frames.at(&[queue, position]), i64::from(count));
        }
        for (row, class) in Class::ALL.into_iter().enumerate() {
            let BufferCounts { total: _, free, kernel, held } =
                self.context.ring.pool().counts(class);
            for (position, count) in [free, kernel, held].into_iter().enumerate() {
                set(families.buffers.at(&[row, position]), count);
            }
        }
        let OperationCounts { connects, sends, receives, shutdowns, watches: _ } =
            self.context.ring.operations();
        for (position, count) in [connects, sends, receives, shutdowns].into_iter().enumerate() {
            set(families.operations.at(&[position]), count);
        }
        let held = self.context.engine.held();
        let pools = [
            held.tcbs,
            held.half_open,
            held.timers,
            held.receive_frames,
            held.copied_out,
            held.out_of_order,
            held.send_buffers,
            held.replies,
            held.events,
        ];
        for (position, pool) in pools.into_iter().enumerate() {
            set(families.tcp.at(&[position]), pool.count);
        }
        set(families.sessions.only(), self.sessions.len());
        set(families.session_timers.only(), self.sessions.timers());
    }

    fn publish_memory(&self) {
        let (families, shard) = self.context.tally.cells();
        let held = self.context.engine.held();
        let other = [held.copied_out, held.replies, held.events, held.neighbors];
        let umem = self.queue.memory_use();
        let ring = self.context.ring.memory();
        let buffers = |class| {
            let memory = self.context.ring.pool().memory(class);
            Bytes { reserved: memory.reserved_bytes, touched: memory.touched_bytes }
        };
        let pools: [Bytes; POOLS.len()] = [
            // The kernel pins the UMEM: all of it is resident.
            used(umem.frames_bytes),
            used(umem.bookkeeping_bytes + umem.jumbos_bytes),
            buffers(Class::Small),
            buffers(Class::Medium),
            buffers(Class::Large),
            Bytes { reserved: ring.reserved_bytes, touched: ring.touched_bytes },
            used(held.tcbs.bytes),
            used(held.half_open.bytes),
            used(held.time_wait.bytes),
            used(held.timers.bytes),
            used(held.flow_table.bytes),
            used(other.iter().map(|pool| pool.bytes).sum()),
            used(self.sessions.bytes()),
        ];
        // The ledger was declared with POOLS.
        for (pool, bytes) in families.memory.pools().zip(pools) {
            families.memory.set(shard, pool, bytes);
        }
    }
}

/// Brings a counter up to what a room has counted.
fn raise(shard: &Shard, id: metrics::CounterId, count: u64) {
    shard.add(id, count.saturating_sub(shard.counter(id)));
}

fn used(bytes: usize) -> Bytes {
    Bytes { reserved: bytes as u64, touched: bytes as u64 }
}
