//! One worker: a thread with connections, operations and measurements of its own.
//!
//! Its life has four stages. It *opens* the connections that are kept, unmeasured; it *runs* the course;
//! at the end of an open loop it *waits* for what is under way (a closed loop is cut off); it *closes* what
//! it opened. Each is bounded in time.

mod conns;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use conns::{Conns, Op, Timers};

use crate::client::{Failed, GatherBuffers, Negotiated};
use crate::plan::{Plan, TlsConfigs, Use};
use crate::random::Random;
use crate::schedule::{Arrivals, Pace};
use crate::seconds::{Operation, Outcome, OwnSample, Place, Reason, Recorder, Second};
use crate::tick::Tick;
use crate::transport::{Parting, Token, Transport, TransportError};

/// Longest wait in one turn: so soon is a wish to stop seen.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How long connections may take to close at the end of the run, all together.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// Pause of a place in a closed loop after a failure: a server that refuses is not to be flooded, and
/// the failures counted are not to be a measure of how fast one can fail.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Connections that are opened at once before the clock runs.
const OPENING_MAX: u32 = 128;

/// Operations that are due and wait for a connection, at most: more are left out, and counted.
const PENDING_MAX: usize = 1 << 20;

/// Operations that become due in one turn at most: what came is looked at between.
const DUE_PER_TURN: usize = 1024;

/// What workers tell beside their seconds.
pub(crate) trait Notes: Sync {
    /// A handshake came to this.
    fn negotiated(&self, negotiated: &Negotiated);
    /// An operation failed.
    fn failed(&self, failed: &Failed);
}

/// Who a worker is, and whom it talks to.
pub(crate) struct Desk<'a> {
    /// Which of the workers it is.
    pub(crate) number: u32,
    pub(crate) plan: &'a Plan,
    pub(crate) tls: TlsConfigs,
    pub(crate) notes: &'a dyn Notes,
    pub(crate) seconds: Sender<Second>,
    /// The user has had enough.
    pub(crate) stop: &'a AtomicBool,
}

/// One worker.
pub(crate) struct Worker<'a, T: Transport> {
    desk: Desk<'a>,
    transport: T,
    recorder: Recorder,
    conns: Conns,
    timers: Timers,
    buffers: GatherBuffers,
    random: Random,
    arrivals: Arrivals,
    /// Open connections without an operation, the one that waits longest first. Some are gone.
    idle: VecDeque<Token>,
    /// Operations that wait for a connection.
    pending: VecDeque<Op>,
    stage: Stage,
    now: Tick,
    /// The phase under way, or the last one.
    phase: u16,
    connections_max: u32,
    counts: Counts,
    sampled: Sampled,
    /// What the next step writes into, if the last one wrote nothing.
    scratch: Vec<u8>,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Opening,
    Running,
    Waiting,
    Closing,
}

/// Of what there is how much.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Connections that are not closing.
    open: u32,
    /// Connections with an operation.
    running: u32,
    /// Connections that are held for nothing.
    held: u32,
    /// Places of a closed loop that pause.
    paused: u32,
    /// Connections that are opened before the clock runs.
    opening: u32,
}

/// Totals when the last second closed.
#[derive(Clone, Copy, Debug, Default)]
struct Sampled {
    cpu: Duration,
    turns: u64,
    drops: u64,
    turns_now: u64,
}

impl<'a, T: Transport> Worker<'a, T> {
    pub(crate) fn new(desk: Desk<'a>, transport: T) -> Self {
        let plan = desk.plan;
        let share = (desk.number, plan.workers);
        let random = Random::new(plan.seed, 2 * u64::from(desk.number));
        let own = Random::new(plan.seed, 2 * u64::from(desk.number) + 1);
        Self {
            recorder: Recorder::new(Tick::START),
            conns: Conns::default(),
            timers: Timers::default(),
            buffers: GatherBuffers::default(),
            arrivals: Arrivals::new(plan.course.clone(), plan.spacing, share, random),
            random: own,
            idle: VecDeque::new(),
            pending: VecDeque::new(),
            stage: Stage::Opening,
            now: transport.now(),
            phase: 0,
            connections_max: plan.connections_of(desk.number),
            counts: Counts::default(),
            sampled: Sampled::default(),
            scratch: Vec::new(),
            desk,
            transport,
        }
    }

    /// Opens the connections that are kept, before the clock runs. What fails is tried again, and
    /// counted, when it does.
    pub(crate) fn open_first(&mut self) -> Result<(), TransportError> {
        let mut left = if self.desk.plan.opens_first() { self.connections_max } else { 0 };
        let mut progress = (self.transport.now(), 0);
        while left > 0 || self.counts.opening > 0 {
            while left > 0 && self.counts.opening < OPENING_MAX {
                left -= 1;
                self.counts.opening += 1;
                self.open(None);
            }
            self.turn(WAIT_MAX)?;
            if self.idle.len() > progress.1 {
                progress = (self.now, self.idle.len());
            }
            let stuck = self.now.since(progress.0) > self.desk.plan.timeout;
            if stuck || self.desk.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        for token in self.conns.tokens() {
            let ready = self.conns.get_mut(token).is_some_and(|conn| conn.deadline.is_none());
            if !ready {
                self.let_go(token, Parting::Reset);
            }
        }
        Ok(())
    }

    /// Runs the course from [`Tick::START`] on, and closes everything.
    pub(crate) fn run(&mut self) -> Result<(), TransportError> {
        self.transport.start();
        self.timers.clear(&mut self.conns);
        self.counts.opening = 0;
        self.now = self.transport.now();
        self.phase = self.desk.plan.course.at(self.now).map_or(0, |piece| piece.phase);
        self.sampled =
            Sampled { cpu: cpu_time(), drops: self.transport.drops(), ..Sampled::default() };
        self.stage = Stage::Running;
        let end = self.desk.plan.course.end();
        let wait_end = end + self.desk.plan.timeout;
        let result = loop {
            self.schedule();
            let wait = self.wait();
            if let Err(error) = self.turn(wait) {
                break Err(error);
            }
            self.close_second();
            if self.desk.stop.load(Ordering::Relaxed) {
                self.cut_off();
                break Ok(());
            }
            if self.stage == Stage::Running && self.now >= end {
                self.stage = Stage::Waiting;
                self.pending.clear();
                if self.desk.plan.cuts_off() {
                    break Ok(());
                }
            }
            if self.stage == Stage::Waiting && (self.counts.running == 0 || self.now > wait_end) {
                break Ok(());
            }
        };
        let closed = result.and_then(|()| self.close_all());
        let own = self.sample();
        let last = self.recorder.close(self.now, own);
        // Whoever listened has gone: then nobody wants it.
        drop(self.desk.seconds.send(last));
        closed
    }

    /// Takes what happened and does what is due.
    fn turn(&mut self, wait: Duration) -> Result<(), TransportError> {
        self.transport.turn(wait)?;
        self.now = self.transport.now();
        self.sampled.turns_now += 1;
        if let Some(piece) = self.desk.plan.course.at(self.now) {
            self.phase = piece.phase;
        }
        while let Some(event) = self.transport.next() {
            self.on_event(event);
        }
        while let Some((timer, token)) = self.timers.pop_due(self.now) {
            self.on_timer(timer, token);
        }
        Ok(())
    }

    /// Begins what is due.
    fn schedule(&mut self) {
        if self.stage != Stage::Running {
            return;
        }
        for _ in 0..DUE_PER_TURN {
            let Some((due, phase)) = self.arrivals.peek().filter(|(due, _)| *due <= self.now)
            else {
                break;
            };
            self.arrivals.advance();
            let place = Place { phase, step: self.choose_step() };
            self.recorder.due(place, due, self.now);
            if self.pending.len() < PENDING_MAX {
                self.pending.push_back(Op { place, intended: due, sent: due });
            }
        }
        while let Some(op) = self.pending.front().copied()
            && self.has_place()
        {
            self.pending.pop_front();
            self.begin(op);
        }
        let piece = self.desk.plan.course.at(self.now);
        if piece.is_none_or(|piece| piece.pace != Pace::Closed) {
            return;
        }
        let busy = |counts: Counts| counts.running + counts.held + counts.paused;
        while busy(self.counts) < self.connections_max {
            let place = Place { phase: self.phase, step: self.choose_step() };
            self.recorder.due_now(place);
            self.begin(Op { place, intended: self.now, sent: self.now });
        }
    }

    fn choose_step(&mut self) -> u16 {
        let chosen = self.desk.plan.step_choice.choose(&mut self.random);
        u16::try_from(chosen).unwrap_or_default()
    }

    /// Is there a connection for an operation of this step, or room for one?
    fn has_place(&mut self) -> bool {
        self.counts.open < self.connections_max || self.first_idle().is_some()
    }

    fn uses(&self, step: u16) -> Use {
        self.desk.plan.steps.get(usize::from(step)).map_or(Use::Kept, |step| step.uses)
    }

    /// Until something is due.
    fn wait(&mut self) -> Duration {
        let mut until = self.now + WAIT_MAX;
        until = self.timers.next().map_or(until, |at| at.min(until));
        if self.stage == Stage::Running {
            until = self.arrivals.peek().map_or(until, |(due, _)| due.min(until));
            until = until.min(self.desk.plan.course.end());
        }
        until.since(self.now)
    }

    fn close_second(&mut self) {
        if self.recorder.is_over(self.now) {
            let own = self.sample();
            let second = self.recorder.close(self.now, own);
            // Whoever listened has gone: then nobody wants it.
            drop(self.desk.seconds.send(second));
        }
    }

    /// What happened to the worker itself since it was last asked.
    fn sample(&mut self) -> OwnSample {
        let (cpu, drops, turns) = (cpu_time(), self.transport.drops(), self.sampled.turns_now);
        let own = OwnSample {
            cpu: cpu.saturating_sub(self.sampled.cpu),
            turns: turns - self.sampled.turns,
            ring_drops: drops - self.sampled.drops,
        };
        self.sampled = Sampled { cpu, turns, drops, turns_now: turns };
        own
    }

    /// What is under way counts as cut off.
    fn cut_off(&mut self) {
        for token in self.conns.tokens() {
            if let Some(op) = self.conns.get_mut(token).and_then(|conn| conn.op.take()) {
                self.counts.running -= 1;
                let outcome = Outcome::Failed(Reason::CutOff);
                self.ended(op, outcome);
            }
        }
    }

    fn ended(&mut self, op: Op, outcome: Outcome) {
        let Op { place, intended, sent } = op;
        self.recorder.operation(&Operation { place, intended, sent, ended: self.now, outcome });
    }

    /// Says goodbye on every connection, and waits a moment for the answers.
    fn close_all(&mut self) -> Result<(), TransportError> {
        self.stage = Stage::Closing;
        for token in self.conns.tokens() {
            self.close(token);
        }
        let end = self.now + CLOSE_LIMIT;
        let mut result = Ok(());
        while self.conns.len() > 0 && self.now < end && result.is_ok() {
            result = self.turn(end.since(self.now).min(WAIT_MAX));
        }
        for token in self.conns.tokens() {
            self.let_go(token, Parting::Reset);
        }
        result.and_then(|()| self.turn(Duration::ZERO))
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
