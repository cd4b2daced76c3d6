//! How trains leave: cut into frames for the transmit ring, or as one super-frame beside it.

use netstack::{Lane, Link, Train};
use xdp::{Queue, Refusal, SuperFrame};

/// The transmit ring.
const RING: Lane = Lane(0);
/// The socket beside it.
const SUPER: Lane = Lane(1);

/// The shortest train that is cheaper as a super-frame: one costs as much as three or four frames on
/// the ring, however long it is.
const SUPER_SEGMENTS_MIN: usize = 4;

/// All headers of a train: Ethernet with a tag, IPv6, and TCP with all options.
const HEADERS_BYTES_MAX: usize = 18 + 40 + 60;

/// The engine's way to the wire.
pub(crate) struct QueueLink<'a> {
    queue: &'a mut Queue,
    /// Trains that have left by the ring. The others the queue counts itself.
    by_ring: &'a mut u64,
}

impl<'a> QueueLink<'a> {
    /// A link over `queue`, which counts the trains that leave by the ring in `by_ring`.
    pub(crate) fn new(queue: &'a mut Queue, by_ring: &'a mut u64) -> Self {
        Self { queue, by_ring }
    }

    /// Whether the train should leave as one: long ones do, and what has to stay behind such a one.
    fn wants_super_frame(&self, train: &Train<'_>) -> bool {
        if !self.queue.has_super_frames() || !train.is_tcp() {
            return false;
        }
        // The only transmit queue takes them in the order in which they are sent. Of several the kernel
        // chooses one by the flow, which need not be the ring's.
        let ordered = self.queue.link().tx_queues == 1;
        match train.bound_to().filter(|_| !ordered) {
            Some(lane) => lane == SUPER,
            None => train.segments() >= SUPER_SEGMENTS_MIN,
        }
    }

    fn transmit_super(&mut self, train: &Train<'_>) -> Result<(), Refusal> {
        let mut headers = [0; HEADERS_BYTES_MAX];
        let length = train.write_super_header(&mut headers).ok_or(Refusal::Cut)?;
        let headers = &headers[..length];
        #[cfg(debug_assertions)]
        crate::fault::strike_engine(train, headers);
        self.queue.transmit_super(&SuperFrame {
            headers,
            l2_len: train.l2_len(),
            l3_len: train.l3_len(),
            mss: train.mss(),
            payload: train.payload(),
        })
    }

    /// As many segments as the ring takes.
    fn transmit_frames(&mut self, train: &Train<'_>) -> usize {
        (0..train.segments()).take_while(|&index| self.transmit_segment(train, index)).count()
    }

    /// One segment into one frame; `false` when there is no frame or no room in the ring.
    fn transmit_segment(&mut self, train: &Train<'_>, index: usize) -> bool {
        let Some(mut frame) = self.queue.alloc() else { return false };
        // A segment is never longer than the path MTU, which a frame holds.
        let Some(length) = train.write_segment(index, &mut frame) else { return false };
        frame.set_len(length);
        #[cfg(debug_assertions)]
        crate::fault::strike_engine(train, &frame);
        self.queue.transmit(frame).is_ok()
    }
}

impl Link for QueueLink<'_> {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        if self.wants_super_frame(train) {
            match self.transmit_super(train) {
                Ok(()) => {
                    train.took(SUPER);
                    return train.segments();
                }
                Err(Refusal::Busy) => return 0,
                Err(Refusal::Cut) => {}
            }
        }
        train.took(RING);
        let segments = self.transmit_frames(train);
        *self.by_ring += u64::from(segments > 0);
        segments
    }
}
