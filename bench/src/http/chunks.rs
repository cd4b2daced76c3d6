//! A body in chunks. RFC 9112 §7.1.

/// Longest line of a chunk's length, or of a trailer, that is read.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// Why chunks are of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChunkError {
    /// A length that is no hexadecimal number, or too large for one.
    Length,
    /// Something else than a line's end where one has to be.
    LineEnd,
    /// A line longer than 8 KiB.
    TooLong,
    /// Bytes behind the last chunk.
    Behind,
}

/// Takes a body in chunks apart, cut anywhere.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes of the line under way.
    line: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// In the digits of a length. `None`: before the first.
    Length(Option<u64>),
    /// Behind them, where extensions may stand.
    Extension(u64),
    Data(u64),
    /// Behind the data: CR, then LF.
    DataCr,
    DataLf,
    /// In a trailer, or the empty line that ends them.
    Trailer,
    Done,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self { state: State::Length(None), line: 0 }
    }

    /// The last chunk has come, and all behind it.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes what came. `body` hears of the body's bytes.
    pub(crate) fn take(
        &mut self,
        mut plain: &[u8],
        mut body: impl FnMut(&[u8]),
    ) -> Result<(), ChunkError> {
        while let Some((&byte, rest)) = plain.split_first() {
            if let State::Data(left) = self.state {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(plain.len());
                let (data, behind) = plain.split_at(count);
                body(data);
                plain = behind;
                let left = left - count as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                continue;
            }
            self.state = self.after(byte)?;
            plain = rest;
        }
        Ok(())
    }

    /// The state behind one byte that is not data.
    fn after(&mut self, byte: u8) -> Result<State, ChunkError> {
        self.line += 1;
        if self.line > LINE_BYTES_MAX {
            return Err(ChunkError::TooLong);
        }
        Ok(match (self.state, byte) {
            (State::Length(Some(length)) | State::Extension(length), b'\n') => self.data(length),
            (State::Length(length), _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let length =
                    length.unwrap_or(0).checked_mul(16).and_then(|it| it.checked_add(digit));
                State::Length(Some(length.ok_or(ChunkError::Length)?))
            }
            (State::Length(Some(length)), b';' | b' ' | b'\t' | b'\r') => State::Extension(length),
            (State::Length(_), _) => return Err(ChunkError::Length),
            (State::Extension(length), _) => State::Extension(length),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.line = 0;
                State::Length(None)
            }
            (State::DataCr | State::DataLf, _) => return Err(ChunkError::LineEnd),
            (State::Trailer, b'\n') => {
                // A line of its end alone is the last one.
                let empty = self.line <= 2;
                self.line = 0;
                if empty { State::Done } else { State::Trailer }
            }
            (State::Trailer, _) => State::Trailer,
            (State::Done | State::Data(_), _) => return Err(ChunkError::Behind),
        })
    }

    /// A length is known: data follows, or after a length of zero the trailers.
    fn data(&mut self, length: u64) -> State {
        self.line = 0;
        if length == 0 { State::Trailer } else { State::Data(length) }
    }
}

#[cfg(test)]
mod tests;
