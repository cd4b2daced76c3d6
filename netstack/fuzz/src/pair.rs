//! Two engines, and a link that does to their frames what the fuzzer says.

use std::collections::VecDeque;

use netstack::Span;

use crate::input::Input;
use crate::packet::{TCP_AT, mend};
use crate::world::{PORT, World};

/// Decisions in one run.
const ACTIONS_MAX: usize = 400;

/// Rounds within which an undisturbed transfer of what may be queued must be over.
const ROUNDS_MAX: usize = 20_000;

/// Two hosts, and the frames on the way to each.
struct Net {
    hosts: [World; 2],
    to: [VecDeque<Vec<u8>>; 2],
    sent: [Vec<u8>; 2],
}

/// Two engines back to back, the first opens. While the link loses, repeats, reorders and changes
/// frames, what arrives is a prefix of what was sent; once it is good again, all of it arrives.
pub fn pair(data: &[u8]) {
    let mut input = Input::new(data);
    let variant = input.byte();
    let hosts = [World::new(0, variant), World::new(1, variant.rotate_left(3))];
    let mut net = Net { hosts, to: Default::default(), sent: Default::default() };
    net.hosts[0].connect(0, PORT);
    net.transmit();
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        net.act(&mut input);
        net.transmit();
        net.check_prefixes();
    }
    net.finish();
    net.hosts.into_iter().for_each(World::end);
}

impl Net {
    fn act(&mut self, input: &mut Input<'_>) {
        let kind = input.byte();
        let side = usize::from(kind >> 7);
        match kind % 16 {
            0..=4 => {
                if let Some(frame) = self.to[side].pop_front() {
                    self.hosts[side].receive(frame);
                }
            }
            5 => drop(self.to[side].pop_front()),
            6 => {
                if let Some(frame) = self.to[side].front().cloned() {
                    self.to[side].push_back(frame);
                }
            }
            7 => {
                if let Some(frame) = self.to[side].pop_front() {
                    self.to[side].push_back(frame);
                }
            }
            8 => self.damage(side, input),
            9..=11 => self.send(side, usize::from(input.word() % 5000)),
            12 => self.hosts[side].read(),
            13 => self.hosts[side].wire.room = usize::from(input.byte()),
            _ => {
                let span = Span::from_millis(1 << (input.byte() % 12));
                self.hosts.iter_mut().for_each(|host| host.sleep(span));
            }
        }
    }

    /// Changes a byte of the next frame and leaves its checksum wrong: it must not get through.
    fn damage(&mut self, side: usize, input: &mut Input<'_>) {
        let at = TCP_AT + usize::from(input.byte() % 20);
        let bit = 1 << (input.byte() % 8);
        if let Some(frame) = self.to[side].front_mut() {
            mend(frame);
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= bit;
            }
        }
    }

    /// Sends on the connection of a side, if there is one and it takes it.
    fn send(&mut self, side: usize, len: usize) {
        let host = &mut self.hosts[side];
        let Some(&id) = host.open.first() else { return };
        let from = self.sent[side].len();
        let bytes: Vec<u8> = (from..from + len).map(pattern).collect();
        if host.engine.send(host.now, id, bytes.clone()).is_ok() {
            self.sent[side].extend(bytes);
        }
    }

    fn transmit(&mut self) {
        for side in 0..2 {
            self.hosts[side].transmit();
            self.to[1 - side].extend(std::mem::take(&mut self.hosts[side].wire.frames));
        }
    }

    fn check_prefixes(&self) {
        for side in 0..2 {
            let delivered = &self.hosts[1 - side].delivered;
            let sent = self.sent[side].get(..delivered.len());
            assert_eq!(sent, Some(&delivered[..]), "what arrived was not sent");
        }
    }

    /// The link is good from here on: if the connection lives at both ends, everything arrives.
    fn finish(&mut self) {
        self.hosts.iter_mut().for_each(|host| host.wire.room = usize::MAX);
        for _ in 0..ROUNDS_MAX {
            self.transmit();
            for side in 0..2 {
                for frame in std::mem::take(&mut self.to[side]) {
                    self.hosts[side].receive(frame);
                }
                self.hosts[side].read();
            }
            self.check_prefixes();
            let lives = self.hosts.iter().all(|host| host.open.len() == 1);
            if !lives || self.is_complete() {
                return;
            }
            self.hosts.iter_mut().for_each(|host| host.sleep(Span::from_millis(50)));
        }
        let delivered = [0, 1].map(|side| self.hosts[side].delivered.len());
        panic!("a good link, and the transfer stands: {delivered:?} arrived");
    }

    fn is_complete(&self) -> bool {
        (0..2).all(|side| self.hosts[1 - side].delivered.len() == self.sent[side].len())
    }
}

/// The byte at a position of a stream.
fn pattern(at: usize) -> u8 {
    (at % 251).to_le_bytes()[0]
}
