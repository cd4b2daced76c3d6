//! Any options, in a SYN and behind it.

use crate::input::Input;
use crate::packet::{Segment, flags};
use crate::world::{PORT, World};

/// The option of the window scale.
const WINDOW_SCALE: u8 = 3;

/// A SYN with any options, the rest of the handshake with others, then data with others again.
pub fn options(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(0, input.byte());
    let len = usize::from(input.byte() % 41);
    let mut peer = Segment {
        ports: [40_000, PORT],
        seq: input.long(),
        window: input.word(),
        flags: flags::SYN,
        options: input.take(len).to_vec(),
        ..Segment::default()
    };
    world.receive(peer.frame());
    world.transmit();
    let Some(syn_ack) = world.wire.frames.pop().and_then(|frame| Segment::parse(&frame)) else {
        return world.end();
    };
    if syn_ack.flags & flags::SYN == 0 {
        return world.end();
    }
    check_offer(&syn_ack.options);
    peer.seq = peer.seq.wrapping_add(1);
    peer.ack = syn_ack.seq.wrapping_add(1);
    peer.flags = flags::ACK;
    peer.options.clear();
    world.receive(peer.frame());
    while !input.is_empty() {
        let len = usize::from(input.byte() % 41);
        peer.options = input.take(len).to_vec();
        peer.payload = vec![input.byte(); usize::from(input.byte())];
        world.receive(peer.frame());
        world.read();
        world.transmit();
        world.wire.frames.clear();
    }
    world.end();
}

/// What the engine offers is well-formed: lengths fill the header, and no scale is above 14.
fn check_offer(options: &[u8]) {
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        let len = match kind {
            0 => return,
            1 => 1,
            _ => usize::from(*options.get(at + 1).expect("an option has a length")),
        };
        assert!(len >= 1 && at + len <= options.len(), "option {kind} is {len} bytes long");
        if kind == WINDOW_SCALE {
            assert!(options[at + 2] <= 14, "a scale of {}", options[at + 2]);
        }
        at += len;
    }
}
