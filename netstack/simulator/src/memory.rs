//! Frames and records that are counted while they live.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// How many of something live.
#[derive(Clone, Debug, Default)]
pub struct Alive(Rc<Cell<usize>>);

impl Alive {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.get()
    }

    /// Bytes that count as one while they live.
    pub fn hold(&self, bytes: Vec<u8>) -> Counted {
        self.0.set(self.0.get() + 1);
        Counted { bytes, alive: self.clone() }
    }
}

/// Bytes that know whether they still live: a received frame, or a record to send.
#[derive(Debug)]
pub struct Counted {
    bytes: Vec<u8>,
    alive: Alive,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.0.set(self.alive.0.get() - 1);
    }
}

impl Deref for Counted {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Counted {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}
