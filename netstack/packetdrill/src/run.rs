//! Playing a script against a host.

mod asserts;
mod calls;
mod inbound;
mod numbers;
mod outbound;
mod setup;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use netstack::{Instant, Span};

use crate::host::{Call, Host, SocketId};
use crate::script::{self, Action, Anchor, CallSpec, Event, Script, SyntaxError, Time};
use numbers::Numbers;

/// Where a script and the engine disagree, or what is wrong with the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The script.
    pub file: String,
    /// The line in it.
    pub line: usize,
    /// What was expected and what came.
    pub what: String,
    /// Under which sequence numbers.
    pub wrap: Wrap,
}

/// Where the sequence numbers of a run lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// Where the engine's secret puts them; the peer's as the script says.
    No,
    /// Both sides' numbers wrap behind the first few hundred bytes.
    Both,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what, wrap } = self;
        write!(f, "{file}:{line}: {what}")?;
        match wrap {
            Wrap::No => Ok(()),
            Wrap::Both => f.write_str("\n  (in the run in which both sides' numbers wrap)"),
        }
    }
}

impl std::error::Error for Failure {}

/// Plays the script `text` twice: once with the numbers that come, once with sequence numbers of
/// both sides that wrap early. `file` is its name in a failure.
///
/// # Errors
/// The first disagreement.
pub fn run_script(file: &str, text: &str) -> Result<(), Failure> {
    let failure = |wrap: Wrap| {
        move |error: SyntaxError| Failure {
            file: file.to_owned(),
            line: error.line,
            what: error.what,
            wrap,
        }
    };
    let script = script::parse(text).map_err(failure(Wrap::No))?;
    let first = play(&script, Numbers::plain()).map_err(failure(Wrap::No))?;
    play(&script, Numbers::wrapping(first)).map_err(failure(Wrap::Both))?;
    Ok(())
}

/// What a run does with a step of the script.
type Step = Result<(), SyntaxError>;

/// A run of a script.
struct Player {
    host: Host,
    numbers: Numbers,
    /// Time 0 of the script.
    start: Instant,
    /// When the event before happened, in µs of the script.
    previous_us: i64,
    tolerance_us: i64,
    /// The script's descriptors.
    descriptors: BTreeMap<i64, Descriptor>,
    /// The descriptor that was used last.
    last_used: Option<i64>,
    /// Both ends of the connection that segments belong to.
    local: SocketAddr,
    remote: SocketAddr,
    /// The port that `connect(.., ..., ...)` means.
    connect_port: u16,
    waiting: Option<Waiting>,
}

/// What a script calls a socket, and how far its streams have come.
struct Descriptor {
    socket: SocketId,
    read_bytes: u32,
    written_bytes: u32,
}

/// A call that waits.
struct Waiting {
    call: Call,
    spec: CallSpec,
    line: usize,
    /// When it is to be done, in µs of the script.
    end_us: i64,
}

/// Plays a script once and gives our first initial sequence number.
fn play(script: &Script, numbers: Numbers) -> Result<Option<u32>, SyntaxError> {
    let mut player = Player::new(&script.options, numbers)?;
    for event in &script.events {
        player.event(event)?;
    }
    player.finish(script.events.last().map_or(1, |event| event.line))?;
    Ok(player.numbers.first_isn())
}

impl Player {
    fn event(&mut self, event: &Event) -> Step {
        let Time { from, start, latest, end } = event.time;
        let start_us = match from {
            Anchor::Start => start,
            Anchor::Previous => self.previous_us + start,
            Anchor::Any => self.now_us(),
        };
        let shifted = |other: i64| start_us + (other - start);
        let line = event.line;
        match &event.action {
            Action::Out(spec) => {
                let latest_us = match from {
                    Anchor::Any => i64::MAX / 4,
                    Anchor::Start | Anchor::Previous => latest.map_or(start_us, shifted),
                };
                self.expect(spec, line, (start_us, latest_us))?;
            }
            Action::In(spec) => {
                self.advance(start_us, line)?;
                self.arrive(spec, line)?;
            }
            Action::Icmp(spec) => {
                self.advance(start_us, line)?;
                self.arrive_icmp(spec);
            }
            Action::Call(spec) => {
                self.advance(start_us, line)?;
                if let Some(waiting) = &self.waiting {
                    let what = format!("the call of line {} still waits", waiting.line);
                    return Err(SyntaxError::new(line, what));
                }
                self.call(spec, line, end.map(shifted))?;
            }
            Action::Assert(assertions) => {
                self.advance(start_us, line)?;
                self.assert(assertions)?;
            }
        }
        self.retry()?;
        let exact = latest.is_none() && from != Anchor::Any;
        self.previous_us = if exact { start_us } else { self.now_us() };
        Ok(())
    }

    /// What is left when all events are through: a call that waits must end in time, and nothing
    /// may have left that the script does not know of.
    fn finish(&mut self, line: usize) -> Step {
        if let Some(waiting) = &self.waiting {
            let (end_us, line) = (waiting.end_us + self.tolerance_us, waiting.line);
            self.advance(end_us, line)?;
            if let Some(waiting) = &self.waiting {
                let end = seconds(waiting.end_us);
                let what = format!("the call still waits; it should have been done at {end}");
                return Err(SyntaxError::new(line, what));
            }
        }
        if let Some(sent) = self.host.sniff() {
            let at = seconds(self.us_of(sent.at));
            let shown = self.show(&sent);
            let what = format!("this left, at {at}, and the script does not expect it: {shown}");
            return Err(SyntaxError::new(line, what));
        }
        Ok(())
    }

    /// Lets time pass up to `us`.
    fn advance(&mut self, us: i64, line: usize) -> Step {
        let end = self.instant(us);
        if us < self.now_us() - self.tolerance_us {
            let (at, now) = (seconds(us), seconds(self.now_us()));
            return Err(SyntaxError::new(
                line,
                format!("this is to happen at {at}, but it is {now}"),
            ));
        }
        while self.host.step(end) {
            self.retry()?;
        }
        self.host.advance(end);
        self.retry()
    }

    fn now_us(&self) -> i64 {
        self.us_of(self.host.now())
    }

    fn us_of(&self, at: Instant) -> i64 {
        i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
            - i64::try_from(self.start.as_micros()).unwrap_or(i64::MAX)
    }

    fn instant(&self, us: i64) -> Instant {
        self.start + Span::from_micros(u64::try_from(us).unwrap_or(0))
    }
}

/// A time as scripts write it.
fn seconds(us: i64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
