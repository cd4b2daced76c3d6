//! Received bytes, where they were received.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut, Range};

/// A received frame: whoever owns the memory gets it back when this is dropped.
pub trait Frame: DerefMut<Target = [u8]> {}

impl<T: DerefMut<Target = [u8]>> Frame for T {}

/// Bytes queued for sending. It is kept until the peer has acknowledged all of it, then dropped.
pub trait Buffer: Deref<Target = [u8]> {}

impl<T: Deref<Target = [u8]>> Buffer for T {}

/// In-order bytes of a connection, to be read and changed in place.
#[derive(Debug)]
pub enum Payload<F> {
    /// Inside the frame that brought them.
    Frame {
        /// The frame.
        frame: F,
        /// Where in it the bytes are.
        range: Range<usize>,
    },
    /// Copied out, because the connection holds too many frames already.
    Copied(Vec<u8>),
}

/// What a [`Payload`] is made of.
#[derive(Debug)]
pub enum PayloadParts<F> {
    /// A frame, and where in it the bytes are.
    Frame(F, Range<usize>),
    /// Bytes of their own.
    Copied(Vec<u8>),
}

impl<F: Frame> Payload<F> {
    /// The memory and the place of the bytes in it.
    #[must_use]
    pub fn into_parts(self) -> PayloadParts<F> {
        match self {
            Self::Frame { frame, range } => PayloadParts::Frame(frame, range),
            Self::Copied(bytes) => PayloadParts::Copied(bytes),
        }
    }
}

impl<F: Frame> Deref for Payload<F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Frame { frame, range } => frame.get(range.clone()).unwrap_or_default(),
            Self::Copied(bytes) => bytes,
        }
    }
}

impl<F: Frame> DerefMut for Payload<F> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Frame { frame, range } => frame.get_mut(range.clone()).unwrap_or_default(),
            Self::Copied(bytes) => bytes,
        }
    }
}
