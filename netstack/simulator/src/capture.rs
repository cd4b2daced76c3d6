//! What an engine sent and received, as a pcapng file.

use std::cell::RefCell;
use std::rc::Rc;

use netstack::{Engine, Instant};

use crate::judge::{Judge, Step};
use crate::memory::Counted;

/// A file in the making. Its clones write to the same.
///
/// Interface n of the file is host n's: each frame is there twice, where it left and, if it did,
/// where it arrived.
#[derive(Clone, Debug)]
pub struct Capture(Rc<RefCell<Vec<u8>>>);

/// Where a frame went, in the lowest bits of a packet's flags.
#[derive(Clone, Copy)]
enum Direction {
    In = 1,
    Out = 2,
}

impl Default for Capture {
    fn default() -> Self {
        let mut file = Vec::new();
        // Byte order, version 1.0, a section of any length.
        let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0]);
        section.extend([0xff; 8]);
        block(&mut file, 0x0a0d_0d0a, &section);
        for name in [b"host", b"peer"] {
            // Ethernet, frames of any length, a name of four octets, times in nanoseconds.
            let mut interface = vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 4, 0];
            interface.extend(name);
            interface.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
            block(&mut file, 1, &interface);
        }
        Self(Rc::new(RefCell::new(file)))
    }
}

impl Capture {
    /// A judge that lets everything pass and writes it down, for host `side`: 0 or 1.
    pub fn judge(&self, side: u8) -> Box<dyn Judge> {
        Box::new(Recorder { capture: self.clone(), side })
    }

    /// The file so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }

    /// Adds a frame.
    fn add(&self, now: Instant, side: u8, direction: Direction, frame: &[u8]) {
        let Ok(len) = u32::try_from(frame.len()) else { return };
        let nanos = (now - Instant::ORIGIN).as_nanos();
        let mut packet = vec![side, 0, 0, 0];
        packet.extend(&nanos.to_le_bytes()[4..]);
        packet.extend(&nanos.to_le_bytes()[..4]);
        packet.extend(len.to_le_bytes());
        packet.extend(len.to_le_bytes());
        packet.extend(frame);
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet.extend([2, 0, 4, 0, direction as u8, 0, 0, 0, 0, 0, 0, 0]);
        block(&mut self.0.borrow_mut(), 6, &packet);
    }
}

/// Adds a block: its kind, its length at both ends, and what is between.
fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let len = u32::try_from(body.len() + 12).expect("a frame is short");
    file.extend(kind.to_le_bytes());
    file.extend(len.to_le_bytes());
    file.extend(body);
    file.extend(len.to_le_bytes());
}

/// Writes down what one host sends and receives.
struct Recorder {
    capture: Capture,
    side: u8,
}

impl Judge for Recorder {
    fn step(&mut self, now: Instant, step: Step<'_>, _: &Engine<Counted, Counted>) {
        match step {
            Step::Frame(frame) => self.capture.add(now, self.side, Direction::In, frame),
            Step::Transmit(frames) => {
                for frame in frames {
                    self.capture.add(now, self.side, Direction::Out, frame);
                }
            }
            Step::Timeout | Step::Call(_) | Step::Event(_) => {}
        }
    }
}
