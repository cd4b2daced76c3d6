//! A transfer that must not stand still.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// How long nothing may move. Timeouts begin at 200 ms and double: one segment would have to be
/// lost five times in a row.
const STANDSTILL: Duration = Duration::from_secs(5);

/// A stream that fails when it has stood still.
pub(crate) struct Steady<S> {
    stream: S,
    moved: Instant,
}

impl<S> Steady<S> {
    /// Watches `stream` from now on.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, moved: Instant::now() }
    }

    fn moved(&mut self) -> io::Result<()> {
        let stood = self.moved.elapsed();
        self.moved = Instant::now();
        if stood < STANDSTILL {
            Ok(())
        } else {
            Err(io::Error::other(format!("nothing moved for {stood:?}")))
        }
    }
}

impl<S: Read> Read for Steady<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        self.moved()?;
        Ok(length)
    }
}

impl<S: Write> Write for Steady<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.stream.write(bytes)?;
        self.moved()?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
