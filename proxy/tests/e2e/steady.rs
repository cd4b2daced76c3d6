//! A transfer that must not stand still.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::schedule::{self, Scheduled};

/// How long nothing may move where nothing is lost, besides the time that the machine withheld.
const STANDSTILL: Duration = Duration::from_millis(1500);

/// The same where segments are lost. Timeouts begin at 200 ms and double: one segment would have to
/// be lost five times in a row.
const STANDSTILL_OF_LOSSES: Duration = Duration::from_secs(5);

/// From here on a wait is a standstill: as long as a timeout is at least.
const SHORTEST: Duration = Duration::from_millis(200);

/// How long nothing may move in all, where nothing is lost, besides what the machine withheld.
const STANDSTILLS: Duration = Duration::from_secs(3);

/// How often it is looked at what the machine withheld.
const LOOK: Duration = Duration::from_millis(100);

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
    /// What a single standstill may take.
    standstill: Duration,
    /// All standstills so far.
    stood: Duration,
    /// What they may come to.
    stood_max: Duration,
    weir: u32,
    /// What the machine had withheld at the beginning, and when something moved last, or up to
    /// [`LOOK`] before that.
    withheld_before: Duration,
    withheld: Duration,
    looked: Instant,
}

/// What a transfer has before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) bytes: u64,
    /// Segments that will be lost on the way.
    pub(crate) losses: u32,
}

impl<S> Steady<S> {
    /// Watches `stream`, which goes through the process `weir`, from now on, in this thread.
    pub(crate) fn new(stream: S, task: Task, weir: u32) -> Self {
        let now = Instant::now();
        let withheld = withheld(weir);
        Self {
            stream,
            begun: now,
            limit: GRACE + Duration::from_secs(task.bytes / RATE),
            moved: now,
            standstill: if task.losses == 0 { STANDSTILL } else { STANDSTILL_OF_LOSSES },
            stood: Duration::ZERO,
            stood_max: STANDSTILLS + SHORTEST * (task.losses / LOSSES_FOR_A_TIMEOUT),
            weir,
            withheld_before: withheld,
            withheld,
            looked: now,
        }
    }

    fn moved(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let stood = now - self.moved;
        self.moved = now;
        if stood >= SHORTEST {
            self.stood += stood;
        } else if now - self.looked < LOOK {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.withheld, withheld(self.weir));
        self.looked = now;
        let withheld = self.withheld.saturating_sub(before);
        let withheld_in_all = self.withheld.saturating_sub(self.withheld_before);
        let fault = if stood >= self.standstill + withheld {
            format!("nothing moved for {stood:?}; the machine withheld {withheld:?}")
        } else if self.stood >= self.stood_max + withheld_in_all {
            let stood = self.stood;
            format!("nothing moved for {stood:?} in all; the machine withheld {withheld_in_all:?}")
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

/// For how long weir and this thread could have run, and had no processor.
fn withheld(weir: u32) -> Duration {
    Scheduled::of(weir).waited + Scheduled::here().waited + schedule::stolen()
}
