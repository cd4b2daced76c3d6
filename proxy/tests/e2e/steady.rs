//! A transfer that must not stand still.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// How long nothing may move. Timeouts begin at 200 ms and double: one segment would have to be
/// lost five times in a row.
const STANDSTILL: Duration = Duration::from_secs(5);

/// From here on a wait is a standstill: as long as a timeout is at least.
const SHORTEST: Duration = Duration::from_millis(200);

/// How long nothing may move in all, where nothing is lost.
const STANDSTILLS: Duration = Duration::from_secs(5);

/// Losses of which one may take the shortest timeout to be found: the others are by what arrives behind
/// them.
const LOSSES_FOR_A_TIMEOUT: u32 = 20;

/// What any transfer may take before its first byte and behind its last.
const GRACE: Duration = Duration::from_secs(20);

/// Bytes per second that a transfer comes to at least, on a machine that has much else to do.
const RATE: u64 = 4 << 20;

/// A stream that fails when it has stood still: for too long at a time, or in all, or when it takes
/// longer than its size explains.
pub(crate) struct Steady<S> {
    stream: S,
    begun: Instant,
    /// What it may take from its beginning to its end.
    limit: Duration,
    moved: Instant,
    /// All standstills so far.
    stood: Duration,
    /// What they may come to.
    stood_max: Duration,
}

/// What a transfer has before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) bytes: u64,
    /// Segments that will be lost on the way.
    pub(crate) losses: u32,
}

impl<S> Steady<S> {
    /// Watches `stream` from now on.
    pub(crate) fn new(stream: S, task: Task) -> Self {
        let now = Instant::now();
        let limit = GRACE + Duration::from_secs(task.bytes / RATE);
        let stood_max = STANDSTILLS + SHORTEST * (task.losses / LOSSES_FOR_A_TIMEOUT);
        Self { stream, begun: now, limit, moved: now, stood: Duration::ZERO, stood_max }
    }

    fn moved(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let stood = now - self.moved;
        self.moved = now;
        if stood >= SHORTEST {
            self.stood += stood;
        }
        let fault = if stood >= STANDSTILL {
            format!("nothing moved for {stood:?}")
        } else if self.stood >= self.stood_max {
            format!("nothing moved for {:?} in all", self.stood)
        } else if now - self.begun >= self.limit {
            format!("it takes longer than {:?}", self.limit)
        } else {
            return Ok(());
        };
        Err(io::Error::other(fault))
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
