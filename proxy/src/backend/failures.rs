//! Connects that failed, in the log: the first of a kind at once, the others as a number.
//!
//! A server that is down fails every connection that is meant for it, thousands a second. Each is
//! counted in the metrics; the log has one line in [`INTERVAL`] for each server and result.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use netstack::{Instant, Span};
use tracing::warn;

use super::pool::{Pool, Server};
use crate::tally::BackendResult;

/// The least between two lines of a worker about the same failure.
const INTERVAL: Span = Span::from_secs(5);

/// What one worker has said about failed connects, and what it has yet to say.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Those of which something was said in the last interval, in the order in which it was. No more
    /// than there are servers and results.
    told: VecDeque<Told>,
}

/// One kind of failure.
#[derive(Debug)]
struct Told {
    pool: String,
    server: String,
    result: BackendResult,
    /// The last line about it.
    at: Instant,
    /// How often it has happened since.
    untold: u64,
}

/// Whether a failure is said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Telling {
    /// With all that is known of it.
    Now,
    /// Among others, as a number.
    Later,
}

impl Failures {
    /// Nothing has failed yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A connect to `server` has failed: says so, or counts it among those of which one was said.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        (pool, server): (&Pool, &Server),
        result: BackendResult,
        error: &dyn fmt::Display,
    ) {
        let Server { name: server, .. } = server;
        match self.note(now, (&pool.name, server), result) {
            Telling::Now => {
                let result = result.name();
                warn!(pool = %pool.name, server, result, %error, "backend not connected");
            }
            Telling::Later => {}
        }
    }

    /// Says how many there were of what was said an interval ago. Returns of how many kinds.
    pub(crate) fn tell(&mut self, now: Instant) -> usize {
        let mut kinds = 0;
        while let Some((told, count)) = self.pop_due(now) {
            kinds += 1;
            let Told { pool, server, result, .. } = told;
            let result = result.name();
            warn!(%pool, server, result, count, "more connects have failed in the same way");
        }
        kinds
    }

    /// When [`Self::tell`] may have something to say.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.told.front().map(|told| told.at + INTERVAL)
    }

    fn note(
        &mut self,
        now: Instant,
        (pool, server): (&str, &str),
        result: BackendResult,
    ) -> Telling {
        let same =
            |told: &&mut Told| told.result == result && told.server == server && told.pool == pool;
        if let Some(told) = self.told.iter_mut().find(same) {
            told.untold += 1;
            return Telling::Later;
        }
        let (pool, server) = (pool.to_owned(), server.to_owned());
        self.told.push_back(Told { pool, server, result, at: now, untold: 0 });
        Telling::Now
    }

    /// The next kind whose interval is over and that has happened again, and how often.
    fn pop_due(&mut self, now: Instant) -> Option<(&Told, u64)> {
        while let Some(mut told) = self.told.pop_front_if(|told| told.at + INTERVAL <= now) {
            let count = std::mem::take(&mut told.untold);
            if count > 0 {
                told.at = now;
                self.told.push_back(told);
                return self.told.back().map(|told| (told, count));
            }
        }
        None
    }
}
