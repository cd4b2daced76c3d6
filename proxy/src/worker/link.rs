//! How trains leave: cut into frames for the transmit ring.

use netstack::{Link, Train};
use xdp::Queue;

/// The engine's way to the wire.
pub(crate) struct RingLink<'a> {
    queue: &'a mut Queue,
}

impl<'a> RingLink<'a> {
    /// A link over the transmit ring of `queue`.
    pub(crate) fn new(queue: &'a mut Queue) -> Self {
        Self { queue }
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

impl Link for RingLink<'_> {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        (0..train.segments()).take_while(|&index| self.transmit_segment(train, index)).count()
    }
}
