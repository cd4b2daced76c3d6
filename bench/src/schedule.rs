//! When operations are due.
//!
//! Open loop: the times are fixed beforehand by the rate, whatever the server does, and latency
//! counts from them; a server that stalls for a second shows as a second for every operation that
//! was due meanwhile. Closed loop: a connection's next operation is due when its last one has ended,
//! so a stall hides all that would have come ("coordinated omission"); the report says so.
//!
//! A course is a row of pieces in which the rate is constant or grows or falls evenly. The number of
//! operations due up to a time is the area under it; an operation is due where that area reaches its
//! number (constant spacing), or the sum of exponentially distributed steps (Poisson).

use std::time::Duration;

use crate::random::Random;
use crate::tick::Tick;

/// How operations of an open loop are spaced.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Spacing {
    /// Evenly.
    #[default]
    Constant,
    /// As of very many independent users: exponentially distributed gaps.
    Poisson,
}

/// What sets the pace during a piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Connections that are free.
    Closed,
    /// Operations a second, from the begin of the piece to its end.
    Open { from: f64, to: f64 },
}

/// A part of the course with one rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    /// Which phase of the scenario it belongs to.
    pub(crate) phase: u16,
    pub(crate) length: Duration,
    pub(crate) pace: Pace,
}

impl Piece {
    /// Operations that are due in it.
    fn area(&self) -> f64 {
        match self.pace {
            Pace::Closed => 0.0,
            Pace::Open { from, to } => f64::midpoint(from, to) * self.length.as_secs_f64(),
        }
    }

    /// Seconds into the piece until `area` operations are due; `area` is less than all of them.
    fn seconds_to(&self, area: f64) -> f64 {
        let Pace::Open { from, to } = self.pace else { return 0.0 };
        // from t + slope t²/2 = area, in the form that also holds for a slope of zero.
        let slope = (to - from) / self.length.as_secs_f64();
        let root = (from * from + 2.0 * slope * area).max(0.0).sqrt();
        if from + root == 0.0 { 0.0 } else { 2.0 * area / (from + root) }
    }
}

/// The pieces of a run, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Course {
    pub(crate) pieces: Vec<Piece>,
}

impl Course {
    /// When it is over.
    pub(crate) fn end(&self) -> Tick {
        Tick::START + self.pieces.iter().map(|piece| piece.length).sum()
    }

    /// The piece under way at `now`; none behind the end.
    pub(crate) fn at(&self, now: Tick) -> Option<&Piece> {
        let mut end = Tick::START;
        self.pieces.iter().find(|piece| {
            end = end + piece.length;
            now < end
        })
    }
}

/// One worker's share of a course's operations, in the order in which they are due.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    course: Course,
    spacing: Spacing,
    random: Random,
    /// The share: one worker of so many.
    workers: f64,
    /// Area under the course at which the next one is due, from the begin of `piece`.
    area: f64,
    piece: usize,
    piece_start: Tick,
}

impl Arrivals {
    /// The share of worker `number` of `workers`.
    pub(crate) fn new(
        course: Course,
        spacing: Spacing,
        (number, workers): (u32, u32),
        mut random: Random,
    ) -> Self {
        let workers = f64::from(workers);
        let area = match spacing {
            Spacing::Constant => f64::from(number),
            Spacing::Poisson => random.exponential() * workers,
        };
        Self { course, spacing, random, workers, area, piece: 0, piece_start: Tick::START }
    }

    /// When the next operation is due, and in which phase.
    pub(crate) fn peek(&mut self) -> Option<(Tick, u16)> {
        loop {
            let piece = self.course.pieces.get(self.piece)?;
            let area = piece.area();
            if self.area < area {
                let seconds = piece.seconds_to(self.area);
                let due = self.piece_start + Duration::from_secs_f64(seconds.max(0.0));
                return Some((due, piece.phase));
            }
            self.area -= area;
            self.piece_start = self.piece_start + piece.length;
            self.piece += 1;
        }
    }

    /// Goes on to the one after it.
    pub(crate) fn advance(&mut self) {
        self.area += match self.spacing {
            Spacing::Constant => self.workers,
            Spacing::Poisson => self.random.exponential() * self.workers,
        };
    }
}

#[cfg(test)]
mod tests;
