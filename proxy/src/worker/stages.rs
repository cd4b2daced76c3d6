//! Where a worker's time goes: what each part of its loop took, by the cycle counter of the core.

#[cfg(test)]
mod tests;

use std::time::Duration;

use quanta::Clock;

use super::Turn;

/// A part of the loop. Sleeping is none: it costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Frames off the ring, through the TCP engine.
    Receive,
    /// What other workers found.
    Strays,
    /// What came in, through the sessions: opened, and given to io_uring for the backend.
    Sessions,
    /// Handshakes.
    Handshakes,
    /// What backends sent or took: sealed, and given to the engine.
    Backends,
    /// Timers of the engine and of the sessions.
    Timers,
    /// Trains to the link.
    Transmit,
    /// Metrics, and idle memory given back.
    Upkeep,
    /// `io_uring_enter` where it does not wait: the kernel's part of sends and receives on backends' sockets.
    Kernel,
    /// Looking for work where there is none, before the worker sleeps.
    Polling,
}

impl Stage {
    /// Their names, in the order of the series.
    pub(crate) const NAMES: [&str; 10] = [
        "receive",
        "strays",
        "sessions",
        "handshakes",
        "backends",
        "timers",
        "transmit",
        "upkeep",
        "kernel",
        "polling",
    ];
}

/// How often a worker has turned, and what the stages of its turns took.
#[derive(Debug)]
pub(super) struct Stages {
    clock: Clock,
    /// The counter when the last stage ended.
    last: u64,
    /// Cycles of the turn under way, by stage.
    turn: [u64; Stage::NAMES.len()],
    /// Cycles of all turns, by stage.
    total: [u64; Stage::NAMES.len()],
    turns: u64,
}

impl Stages {
    /// Nothing yet, by `clock`.
    pub(super) fn new(clock: Clock) -> Self {
        let last = clock.raw();
        Self { clock, last, turn: Default::default(), total: Default::default(), turns: 0 }
    }

    /// What came before, since the last stage ended, was `stage`.
    pub(super) fn lap(&mut self, stage: Stage) {
        let now = self.clock.raw();
        if let Some(cycles) = self.turn.get_mut(stage as usize) {
            // The counters of two cores may differ by a little.
            *cycles += now.saturating_sub(self.last);
        }
        self.last = now;
    }

    /// What came before was no stage.
    pub(super) fn pause(&mut self) {
        self.last = self.clock.raw();
    }

    /// Ends a turn: one that found nothing was polling, whatever it looked at.
    pub(super) fn end(&mut self, turn: Turn) {
        self.turns += 1;
        let cycles = std::mem::take(&mut self.turn);
        if turn == Turn::Idle {
            self.total[Stage::Polling as usize] += cycles.iter().sum::<u64>();
            return;
        }
        for (total, cycles) in self.total.iter_mut().zip(cycles) {
            *total += cycles;
        }
    }

    /// Turns so far.
    pub(super) const fn turns(&self) -> u64 {
        self.turns
    }

    /// What each stage took so far, in the order of their names.
    pub(super) fn durations(&self) -> impl Iterator<Item = Duration> {
        self.total.iter().map(|cycles| Duration::from_nanos(self.clock.delta_as_nanos(0, *cycles)))
    }
}
