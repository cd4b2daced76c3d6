//! Any frame, to an engine that listens.

use netstack::Span;

use crate::input::Input;
use crate::packet::{MACS, mend};
use crate::world::World;

/// Frames of any content one after the other: the parser and everything that answers without a
/// connection. Half of them get the engine's MAC address, right lengths and right checksums.
pub fn frame(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(0, input.byte());
    while !input.is_empty() {
        let how = input.byte();
        let len = usize::from(input.word() % 1600);
        let mut frame = input.take(len).to_vec();
        if how & 1 != 0 && frame.len() >= 14 {
            frame[..6].copy_from_slice(&MACS[0]);
            mend(&mut frame);
        }
        world.receive(frame);
        world.transmit();
        if how & 2 != 0 {
            world.sleep(Span::from_millis(u64::from(how)));
        }
    }
    world.end();
}
