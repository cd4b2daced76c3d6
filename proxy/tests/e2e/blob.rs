//! Bytes that are the same every time, none like its neighbours, and their checksums.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, Digest, SHA256};

const BLOCK: usize = 64 << 10;

/// A stream of bytes out of a seed (splitmix64).
pub(crate) struct Blob {
    state: u64,
    left: u64,
}

impl Blob {
    /// The first `length` bytes of the stream of `seed`.
    pub(crate) fn new(seed: u64, length: u64) -> Self {
        Self { state: seed, left: length }
    }

    /// Writes all of it to `out`; its checksum.
    pub(crate) fn copy_to(self, out: &mut impl Write) -> io::Result<Digest> {
        copy(self, out)
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for chunk in buffer[..length].chunks_mut(8) {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// Copies to the end of `from`; the checksum of what was copied.
pub(crate) fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<Digest> {
    let mut context = Context::new(&SHA256);
    let mut block = vec![0; BLOCK];
    loop {
        let length = match from.read(&mut block) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        context.update(&block[..length]);
        to.write_all(&block[..length])?;
    }
    to.flush()?;
    Ok(context.finish())
}

/// The checksum of all that `from` gives.
pub(crate) fn checksum(from: impl Read) -> io::Result<Digest> {
    copy(from, &mut io::sink())
}
