//! Segments that reached the wrong worker, and how they find their owner.
//!
//! A receive queue is chosen by the network, not by weir: veth follows the peer socket's random
//! hash, which changes on retransmission, and `ethtool -X` moves flows on a NIC. A worker that
//! finds no connection for a segment passes it on, by copy and through a bounded queue, before
//! anybody answers RST. The [`Directory`] remembers which worker took a flow's SYN, so that a SYN
//! sent again does not open a second connection elsewhere and a stray needs one hop. A record of
//! TIME-WAIT does not claim a segment either: a newer connection with the same two ends may live on
//! another worker. It answers when the others have nothing.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netstack::{FlowHash, Instant, Record, Span, UnclaimedKind};
use rtrb::{Consumer, Producer, RingBuffer};
use weir_io::Waker;

/// Frames that may wait between two workers; one more is dropped and counted.
pub(crate) const STRAYS_WAITING_MAX: usize = 512;

/// How long a claim on a flow's SYN lasts: longer than the SYN retransmissions of any peer
/// (127 s by Linux's defaults).
const CLAIM_SECONDS: u32 = 128;

/// Slots of the directory; a newer flow in the same slot replaces the older one.
const DIRECTORY_SLOTS: usize = 1 << 16;

const _: () = assert!(DIRECTORY_SLOTS.is_power_of_two());

/// How exactly it is known when cookies were sent: they are good for a minute and more.
const COOKIES_STEP: Span = Span::from_secs(1);

/// A worker's number, counted from 0 over all interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerIndex(pub(crate) u8);

/// Who answers for a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The worker that asked.
    Mine,
    /// Another one.
    Other(WorkerIndex),
}

/// Which worker saw a flow's SYN first. Consulted for SYNs and strays only, never on the path of
/// an established connection; plain loads and stores, since a lost race only costs a hop.
#[derive(Debug)]
pub(crate) struct Directory {
    slots: Box<[AtomicU64]>,
    /// About when any worker last answered a SYN with a cookie, in ns since weir's start plus one;
    /// 0 is never. Their answer may reach another worker, which has to know that there are any.
    cookies: AtomicU64,
}

impl Directory {
    /// A directory in which no flow has an owner.
    pub(crate) fn new() -> Self {
        let slots = (0..DIRECTORY_SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, cookies: AtomicU64::new(0) }
    }

    /// Takes the flow for `me`, unless another worker did within the last `CLAIM_SECONDS`.
    pub(crate) fn claim(&self, flow: FlowHash, me: WorkerIndex, now: Instant) -> Owner {
        let slot = self.slot(flow);
        let claim = Claim::unpack(slot.load(Ordering::Relaxed));
        if let Some(claim) = claim
            && claim.tag == tag(flow)
            && claim.worker != me
            && second(now).saturating_sub(claim.second) < CLAIM_SECONDS
        {
            return Owner::Other(claim.worker);
        }
        self.take(flow, me, now);
        Owner::Mine
    }

    /// Takes the flow for `me`, whoever has it.
    fn take(&self, flow: FlowHash, me: WorkerIndex, now: Instant) {
        let mine = Claim { tag: tag(flow), worker: me, second: second(now) };
        self.slot(flow).store(mine.pack(), Ordering::Relaxed);
    }

    /// The worker that last claimed the flow, however long ago, where that is still known.
    pub(crate) fn owner(&self, flow: FlowHash) -> Option<WorkerIndex> {
        let claim = Claim::unpack(self.slot(flow).load(Ordering::Relaxed))?;
        (claim.tag == tag(flow)).then_some(claim.worker)
    }

    /// A SYN cookie was sent at `at`. Kept to a second, so that a flood does not move a cache line
    /// between the workers with each SYN.
    fn note_cookies(&self, at: Instant) {
        let known = self.cookies_sent_at();
        if known.is_none_or(|known| at.since(known) >= COOKIES_STEP) {
            self.cookies.store(at.as_nanos().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// About when any worker last sent a SYN cookie.
    fn cookies_sent_at(&self) -> Option<Instant> {
        self.cookies.load(Ordering::Relaxed).checked_sub(1).map(Instant::from_nanos)
    }

    fn slot(&self, flow: FlowHash) -> &AtomicU64 {
        let mask = DIRECTORY_SLOTS as u64 - 1;
        let index = usize::try_from(flow.0 & mask).expect("a masked index fits");
        &self.slots[index]
    }
}

/// One slot of the directory: 32 bits of the flow's hash, the worker plus one, and 24 bits of
/// seconds (194 days; a weir older than that only loses the age check).
struct Claim {
    tag: u32,
    worker: WorkerIndex,
    second: u32,
}

impl Claim {
    fn pack(&self) -> u64 {
        let [t0, t1, t2, t3] = self.tag.to_le_bytes();
        let [s0, s1, s2, _] = self.second.to_le_bytes();
        u64::from_le_bytes([t0, t1, t2, t3, self.worker.0.saturating_add(1), s0, s1, s2])
    }

    fn unpack(raw: u64) -> Option<Self> {
        let [t0, t1, t2, t3, worker, s0, s1, s2] = raw.to_le_bytes();
        Some(Self {
            tag: u32::from_le_bytes([t0, t1, t2, t3]),
            worker: WorkerIndex(worker.checked_sub(1)?),
            second: u32::from_le_bytes([s0, s1, s2, 0]),
        })
    }
}

/// Whole seconds since weir's start.
fn second(now: Instant) -> u32 {
    u32::try_from(now.since(Instant::ORIGIN).as_secs()).unwrap_or(u32::MAX)
}

fn tag(flow: FlowHash) -> u32 {
    let [.., t0, t1, t2, t3] = flow.0.to_le_bytes();
    u32::from_le_bytes([t0, t1, t2, t3])
}

/// A frame on its way to its owner.
pub(crate) struct Stray {
    /// The whole frame, copied out of the finder's UMEM.
    pub(crate) bytes: Box<[u8]>,
    /// Where it has been.
    pub(crate) trail: Trail,
}

/// Where a segment has been that no connection claimed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    /// Workers that had no connection for it.
    pub(crate) asked: u8,
    /// The first of them that has a record of its flow in TIME-WAIT: the answer is its to give when
    /// nobody has a newer connection.
    pub(crate) record_at: Option<WorkerIndex>,
}

/// A segment that no connection of the asking worker claims.
pub(crate) struct Question<'a> {
    /// The whole frame.
    pub(crate) bytes: &'a [u8],
    /// What it is.
    pub(crate) kind: UnclaimedKind,
    /// Its flow, the same on every worker.
    pub(crate) flow: FlowHash,
    /// What the asking worker still knows of that flow.
    pub(crate) record: Record,
    /// Where it was before.
    pub(crate) trail: Trail,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// On its way to another worker.
    On,
    /// Everybody was asked, or it is ours to answer.
    Stays,
    /// The other worker's queue was full: dropped.
    Full,
}

/// One worker's end of the hand-over.
pub(crate) struct Handover {
    me: WorkerIndex,
    directory: Arc<Directory>,
    outgoing: Vec<Option<Outgoing>>,
    incoming: Vec<Consumer<Stray>>,
}

struct Outgoing {
    queue: Producer<Stray>,
    waker: Waker,
    /// Nothing was queued since the last [`Handover::wake`].
    woken: bool,
}

impl Handover {
    /// The ends of `workers` workers that can all reach each other. `wakers[i]` wakes worker i.
    pub(crate) fn connect(wakers: &[Waker]) -> Vec<Self> {
        let directory = Arc::new(Directory::new());
        let mut ends: Vec<Self> = (0u8..)
            .zip(wakers)
            .map(|(me, _)| Self::alone(WorkerIndex(me), Arc::clone(&directory)))
            .collect();
        for from in 0..ends.len() {
            for (to, waker) in wakers.iter().enumerate() {
                if from == to {
                    ends[from].outgoing.push(None);
                    continue;
                }
                let (queue, consumer) = RingBuffer::new(STRAYS_WAITING_MAX);
                ends[from].outgoing.push(Some(Outgoing {
                    queue,
                    waker: waker.clone(),
                    woken: true,
                }));
                ends[to].incoming.push(consumer);
            }
        }
        ends
    }

    fn alone(me: WorkerIndex, directory: Arc<Directory>) -> Self {
        Self { me, directory, outgoing: Vec::new(), incoming: Vec::new() }
    }

    /// Decides who answers an unclaimed segment, and copies it there if that is somebody else.
    pub(crate) fn pass(&mut self, question: &Question<'_>, now: Instant) -> Passed {
        let record_at = question.trail.record_at.or_else(|| self.record_here(question));
        let Some(to) = self.destination(question, record_at, now) else {
            if question.kind == UnclaimedKind::Syn {
                self.directory.take(question.flow, self.me, now);
            }
            return Passed::Stays;
        };
        let index = usize::from(to.0);
        let Some(Some(outgoing)) = self.outgoing.get_mut(index) else {
            return Passed::Stays;
        };
        let trail = Trail { asked: question.trail.asked.saturating_add(1), record_at };
        let copy = Stray { bytes: question.bytes.into(), trail };
        match outgoing.queue.push(copy) {
            Ok(()) => {
                outgoing.woken = false;
                Passed::On
            }
            Err(_) => Passed::Full,
        }
    }

    /// This worker answered a SYN with a cookie at `at`: every worker may be asked for its answer.
    pub(crate) fn note_cookies(&self, at: Instant) {
        self.directory.note_cookies(at);
    }

    /// About when any worker last answered a SYN with a cookie.
    pub(crate) fn cookies_sent_at(&self) -> Option<Instant> {
        self.directory.cookies_sent_at()
    }

    /// Wakes the workers that were handed something since the last call: once a turn.
    pub(crate) fn wake(&mut self) {
        for outgoing in self.outgoing.iter_mut().flatten() {
            if !outgoing.woken {
                outgoing.waker.wake();
                outgoing.woken = true;
            }
        }
    }

    /// Wakes every other worker, to make it look at the phase.
    pub(crate) fn wake_all(&self) {
        self.outgoing.iter().flatten().for_each(|outgoing| outgoing.waker.wake());
    }

    /// The next stray that another worker handed to this one.
    pub(crate) fn next(&mut self) -> Option<Stray> {
        self.incoming.iter_mut().find_map(|queue| queue.pop().ok())
    }

    fn record_here(&self, question: &Question<'_>) -> Option<WorkerIndex> {
        (question.record == Record::TimeWait).then_some(self.me)
    }

    /// Who should see a segment next; `None` if this worker answers it.
    fn destination(
        &self,
        question: &Question<'_>,
        record_at: Option<WorkerIndex>,
        now: Instant,
    ) -> Option<WorkerIndex> {
        let Question { kind, flow, trail, .. } = *question;
        if usize::from(trail.asked) + 1 >= self.outgoing.len() {
            return record_at.filter(|at| *at != self.me);
        }
        if kind == UnclaimedKind::Syn && record_at.is_none() {
            return match self.directory.claim(flow, self.me, now) {
                Owner::Mine => None,
                Owner::Other(worker) => Some(worker),
            };
        }
        let known = if trail.asked == 0 { self.directory.owner(flow) } else { None };
        match known {
            // Nobody took the flow since the connection that the record is of.
            Some(owner) if owner == self.me && record_at.is_some() => None,
            Some(owner) if owner != self.me => Some(owner),
            Some(_) | None => Some(self.neighbor()),
        }
    }

    /// The worker after this one, around the ring.
    fn neighbor(&self) -> WorkerIndex {
        let next = usize::from(self.me.0) + 1;
        WorkerIndex(u8::try_from(next % self.outgoing.len()).unwrap_or(0))
    }
}
