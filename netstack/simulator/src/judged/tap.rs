//! A link that passes everything on and reads it.

use netstack::{Link, Train};
use netstack_model::wire::{Carried, read};
use netstack_model::{Flow, Segment};

/// A link behind which the real one lies.
pub(super) struct Tap<'a, L> {
    link: &'a mut L,
    segments: Vec<(Flow, Segment)>,
}

impl<'a, L> Tap<'a, L> {
    /// Listens to what `link` takes.
    pub(super) const fn new(link: &'a mut L) -> Self {
        Self { link, segments: Vec::new() }
    }

    /// What it took.
    pub(super) fn into_segments(self) -> Vec<(Flow, Segment)> {
        self.segments
    }
}

impl<L: Link> Link for Tap<'_, L> {
    fn transmit(&mut self, train: &Train<'_>) -> usize {
        let taken = self.link.transmit(train);
        if !train.is_tcp() {
            return taken;
        }
        for index in 0..taken.min(train.segments()) {
            let mut frame = vec![0x55; train.segment_len(index)];
            let written = train.write_segment(index, &mut frame);
            assert_eq!(written, Some(frame.len()), "a segment of the train");
            match read(&frame) {
                Carried::Segment(local, remote, segment) => {
                    self.segments.push((Flow { local, remote }, segment));
                }
                Carried::Damaged(what) => panic!("the engine sent a damaged segment: {what}"),
                Carried::Other => panic!("a train of TCP is not TCP"),
            }
        }
        taken
    }
}
