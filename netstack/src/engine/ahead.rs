//! A look at what comes next: with very many connections, most of the time that a segment takes is
//! waiting for memory. Looked up together, many segments wait for it at the same time.

use super::Engine;
use super::demux::FlowHash;
use super::payload::{Buffer, Frame};
use crate::wire::plain;

impl<F: Frame, B: Buffer> Engine<F, B> {
    /// Loads what [`Engine::handle_frame`] will look at for frames that came in together: to be called
    /// before the first of them is handed over. It changes nothing but how long that takes, looks at
    /// 64 frames at most, and does nothing where there are so few connections that the cache holds
    /// them.
    pub fn look_ahead<'a>(&self, frames: impl IntoIterator<Item = &'a [u8]>) {
        if self.connections.len() < CONNECTIONS_MIN {
            return;
        }
        // Four short loops, because a processor looks some hundred instructions ahead: each one's
        // loads do not wait for each other, those of the next do.
        let mut hashes = [FlowHash(0); FRAMES_MAX];
        let mut count = 0;
        let ends = frames.into_iter().take(FRAMES_MAX).filter_map(plain::ends_of);
        for (hash, ends) in hashes.iter_mut().zip(ends) {
            *hash = self.hasher.hash(&ends);
            count += 1;
        }
        let hashes = hashes.get(..count).unwrap_or_default();
        let mut slots = [u32::MAX; FRAMES_MAX];
        for (slot, &hash) in slots.iter_mut().zip(hashes) {
            *slot = self.flows.first(hash).unwrap_or(u32::MAX);
        }
        let mut seen = 0u64;
        for &slot in slots.get(..count).unwrap_or_default() {
            if let Some((_, entry)) = self.connections.get_at(slot) {
                seen = seen.wrapping_add(entry.touch());
            }
        }
        for &slot in slots.get(..count).unwrap_or_default() {
            if let Some((_, entry)) = self.connections.get_at(slot) {
                seen = seen.wrapping_add(entry.tcb.touch_apart());
            }
        }
        core::hint::black_box(seen);
    }
}

/// Connections below which the caches hold them all.
const CONNECTIONS_MIN: usize = 256;
/// Frames that are looked at.
const FRAMES_MAX: usize = 64;
