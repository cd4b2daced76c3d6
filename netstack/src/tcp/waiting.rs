//! What was received and waits, while or soon after there is any.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::ack::Report;
use super::assembler::Assembler;
use crate::engine::payload::{Frame, Payload};

/// What waits for the owner, for what comes before it, and for the next acknowledgment.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Waiting<F> {
    /// What arrived ahead of a gap, once something did.
    pub(super) assembler: Option<Box<Assembler<Payload<F>>>>,
    /// Frames in the queue and in the assembler; a piece that another one replaced is counted
    /// until the assembler is empty.
    pub(super) frames: u16,
    pub(super) queued_bytes: usize,
    /// What arrived in order and the owner has not taken.
    pub(super) queue: Queue<Payload<F>>,
    /// What the next acknowledgment is to say besides RCV.NXT.
    pub(super) report: Report,
}

impl<F> Waiting<F> {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self {
            assembler: None,
            frames: 0,
            queued_bytes: 0,
            queue: Queue::new(),
            report: Report::NONE,
        }
    }

    /// What waits ahead of a gap, if anything does.
    #[inline]
    pub(super) fn ahead(&self) -> Option<&Assembler<Payload<F>>> {
        self.assembler.as_deref().filter(|ahead| !ahead.is_empty())
    }
}

/// A queue whose first value lies in itself: most have no other, and need no memory elsewhere.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Queue<T> {
    first: Option<T>,
    /// Empty where there is no first.
    rest: VecDeque<T>,
}

impl<T> Queue<T> {
    const fn new() -> Self {
        Self { first: None, rest: VecDeque::new() }
    }

    /// Whether there is none.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The last value.
    #[inline]
    pub(super) fn back_mut(&mut self) -> Option<&mut T> {
        self.rest.back_mut().or(self.first.as_mut())
    }

    /// Puts one in at the end.
    #[inline]
    pub(super) fn push_back(&mut self, value: T) {
        if self.first.is_none() {
            self.first = Some(value);
        } else {
            self.rest.push_back(value);
        }
    }

    /// Takes the first one out. A queue that is empty then keeps `kept` places at most.
    pub(super) fn pop_front(&mut self, kept: usize) -> Option<T> {
        let value = core::mem::replace(&mut self.first, self.rest.pop_front());
        if self.first.is_none() {
            self.rest.shrink_to(kept);
        }
        value
    }

    /// All of them, the first one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }
}

/// The part of `payload` that is `keep` bytes long behind its first `skip`.
pub(super) fn cut<F: Frame>(payload: Payload<F>, skip: usize, keep: usize) -> Payload<F> {
    match payload {
        Payload::Frame { frame, range } => {
            let start = (range.start + skip).min(range.end);
            let end = (start + keep).min(range.end);
            Payload::Frame { frame, range: start..end }
        }
        Payload::Copied(mut bytes) => {
            bytes.drain(..skip.min(bytes.len()));
            bytes.truncate(keep);
            Payload::Copied(bytes)
        }
    }
}

/// The same bytes without their frame.
pub(super) fn copy_out<F: Frame>(payload: Payload<F>) -> Payload<F> {
    match payload {
        Payload::Frame { .. } => {
            let mut bytes = Vec::with_capacity(payload.len());
            bytes.extend_from_slice(&payload);
            Payload::Copied(bytes)
        }
        Payload::Copied(bytes) => Payload::Copied(bytes),
    }
}
