//! Answers outside of connections: RST, SYN-ACK, ARP, neighbour advertisements, echo.

use alloc::collections::VecDeque;

use super::drops::DropReason;
use super::event::Transmitted;
use super::info::{Counters, Pool};
use super::payload::Frame;
use crate::tcp::header::Outgoing;
use crate::tcp::output::transmit_alone;
use crate::tcp::train::{Link, Train};

/// One answer.
#[derive(Debug)]
pub(crate) enum Reply<F> {
    /// A segment without payload.
    Segment(Outgoing),
    /// A frame that came in, turned into its answer: the first `len` bytes of it.
    Frame { frame: F, len: usize, l2_len: usize },
    /// A short packet of our own.
    Packet { bytes: PacketBuffer, len: usize, l2_len: usize },
}

/// Room for an ARP packet or a neighbour message with its headers.
pub(crate) type PacketBuffer = [u8; 96];

/// Answers that wait for the link: a bounded queue.
#[derive(Debug)]
pub(crate) struct Replies<F> {
    queue: VecDeque<Reply<F>>,
    max: usize,
}

impl<F> Replies<F> {
    /// An empty queue of at most `max` answers.
    pub(crate) fn new(max: u16) -> Self {
        Self { queue: VecDeque::new(), max: usize::from(max) }
    }

    /// Queues an answer; beyond the limit it is dropped and counted.
    pub(crate) fn push(&mut self, reply: Reply<F>, counters: &mut Counters) {
        if self.queue.len() >= self.max {
            counters.count_drop(DropReason::RepliesFull);
            return;
        }
        self.queue.push_back(reply);
    }

    /// What waits.
    pub(crate) fn pool(&self) -> Pool {
        Pool { count: self.queue.len(), bytes: self.queue.capacity() * size_of::<Reply<F>>() }
    }
}

impl<F: Frame> Replies<F> {
    /// Gives the link everything that waits.
    pub(crate) fn transmit(
        &mut self,
        link: &mut impl Link,
        counters: &mut Counters,
    ) -> Transmitted {
        while let Some(reply) = self.queue.front() {
            let taken = match reply {
                Reply::Segment(outgoing) => transmit_alone(outgoing, link),
                Reply::Frame { frame, len, l2_len } => {
                    let bytes = frame.get(..*len).unwrap_or_default();
                    link.transmit(&Train::packet(bytes, *l2_len))
                }
                Reply::Packet { bytes, len, l2_len } => {
                    let bytes = bytes.get(..*len).unwrap_or_default();
                    link.transmit(&Train::packet(bytes, *l2_len))
                }
            };
            if taken == 0 {
                return Transmitted::LinkFull;
            }
            counters.trains_sent += 1;
            if matches!(reply, Reply::Segment(_)) {
                counters.segments_sent += 1;
            }
            self.queue.pop_front();
        }
        Transmitted::Done
    }
}
