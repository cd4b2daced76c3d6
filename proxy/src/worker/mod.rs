//! The loop of one core: one receive queue, its engine, its sessions and its io_uring.
//!
//! A turn receives a batch of frames, runs the engine's events through the sessions, takes the
//! completions of the backends' operations, fires timers, transmits what is due and enters the
//! kernel once. It polls while there is work and for [`SPIN`] after, then sleeps in that one entry,
//! which the packet socket, a backend, another worker or the control plane can end.

mod context;
mod control;
mod handover_in;
mod isolate;
mod link;
pub(crate) mod publish;
mod rows;
mod sessions;
mod setup;
mod stages;
pub(crate) mod types;
mod upkeep;

use std::collections::VecDeque;
use std::time::Duration;

use netstack::{ConnectionId, Event, Instant, ListenerId, Span, Transmitted, Verdict};
use tracing::{error, warn};
use weir_io::{RingError, Watch};
use xdp::{Frame, Queue};

use self::control::Drained;
use self::link::QueueLink;
use self::publish::Pace;
use self::sessions::{Entry, Queued, Sessions};
use self::stages::Stages;
use self::types::Completion;
use self::upkeep::Upkeep;
use crate::clock::Clock;
use crate::drain::Phase;
use crate::ending::{Ending, Parting};
use crate::handover::{Handover, Trail};
use crate::relay::Relay;
use crate::session::{Session, Step};
use crate::tally::Limit;

pub(crate) use self::context::{Context, NoBuffer};
pub(crate) use self::control::{Control, Place};
pub(crate) use self::setup::{Plan, Ready, Start, StartError, run};
pub(crate) use self::stages::Stage;

/// Frames taken from the ring in one turn.
const RECEIVE_BATCH: usize = 256;

/// Frames that the engine looks at together before it takes the first of them: as many as it loads
/// connections of at once.
const LOOK_AHEAD_BATCH: usize = 64;

/// Sessions whose handshake may go on in one turn: a private-key operation is about 100 us, and
/// established connections wait for no more than this many of them.
const HANDSHAKES_PER_TURN: usize = 2;

/// When to look again for what comes back without telling: buffers, a link.
const LOOK_AGAIN: Span = Span::from_millis(10);

/// Strays taken from other workers in one turn.
const STRAYS_PER_TURN: usize = 64;

/// How long an idle worker polls before it sleeps.
const SPIN: Span = Span::from_micros(20);

/// One worker. It stays on the thread that made it.
pub(crate) struct Worker {
    context: Context,
    queue: Queue,
    /// Frames that were taken from the ring and not yet by the engine; empty between turns.
    arrived: Vec<Frame>,
    sessions: Sessions,
    /// Connections whose handshake can go on, in the order in which they could.
    negotiating: VecDeque<ConnectionId>,
    handover: Handover,
    control: Control,
    /// The phase when this worker last looked, which it does when it is woken.
    phase: Phase,
    /// Whether this worker's part of the drain is over.
    drained: Drained,
    place: Place,
    clock: Clock,
    /// The last turn that had work.
    worked_at: Instant,
    /// When the rooms' counters are copied to the metrics.
    pace: Pace,
    /// Where the time goes.
    stages: Stages,
    /// Gives idle memory back.
    upkeep: Upkeep,
    /// Trains that have left by the ring.
    trains_by_ring: u64,
    /// What the last transmit came to.
    transmitted: Transmitted,
    /// Whether the link took frames at the last flush.
    flushed: Flushed,
    /// Ends the wait when frames arrive.
    _watch: Watch,
}

/// How the last flush of the transmit ring ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushed {
    Done,
    /// The link is down, or gone.
    Failed,
}

/// Whether a turn found something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Worked,
    Idle,
}

impl Worker {
    /// A worker in `place` that has been given its start.
    fn new(
        place: Place,
        context: Context,
        queue: (Queue, Watch),
        start: Start,
        clock: Clock,
    ) -> Self {
        let (queue, watch) = queue;
        Self {
            sessions: Sessions::new(context.now),
            negotiating: VecDeque::new(),
            worked_at: context.now,
            pace: Pace::default(),
            stages: Stages::new(quanta::Clock::new()),
            upkeep: Upkeep::default(),
            trains_by_ring: 0,
            transmitted: Transmitted::Done,
            flushed: Flushed::Done,
            context,
            queue,
            arrived: Vec::with_capacity(LOOK_AHEAD_BATCH),
            handover: start.handover,
            control: start.control,
            phase: Phase::Starting,
            drained: Drained::No,
            place,
            clock,
            _watch: watch,
        }
    }

    /// Runs until weir stops: at once, or when every connection has ended.
    ///
    /// # Errors
    /// The kernel took the ring away.
    fn run(mut self) -> Result<(), RingError> {
        loop {
            self.context.now = self.clock.now();
            let turn = self.turn();
            if self.is_done() {
                self.publish();
                return Ok(());
            }
            let wait = self.wait(turn);
            let wait = self.publish_if_due(wait);
            self.stages.lap(Stage::Upkeep);
            self.context.ring.turn(wait)?;
            if wait == Some(Duration::ZERO) {
                self.stages.lap(Stage::Kernel);
            } else {
                self.stages.pause();
            }
            self.stages.end(turn);
        }
    }

    fn turn(&mut self) -> Turn {
        let mut worked = self.receive() > 0;
        self.stages.lap(Stage::Receive);
        worked |= self.take_strays() > 0;
        self.stages.lap(Stage::Strays);
        worked |= self.take_events() > 0;
        self.stages.lap(Stage::Sessions);
        worked |= self.negotiate() > 0;
        self.stages.lap(Stage::Handshakes);
        worked |= self.take_completions() > 0;
        self.stages.lap(Stage::Backends);
        worked |= self.fire_timers() > 0;
        self.stages.lap(Stage::Timers);
        if worked || self.context.holds_up() {
            self.resume_held_up();
            // Sessions may have ended connections, or freed windows.
            self.take_events();
            self.stages.lap(Stage::Sessions);
        }
        self.transmit();
        self.stages.lap(Stage::Transmit);
        self.handover.wake();
        self.upkeep.look(self.context.now, self.context.ring.pool());
        if worked { Turn::Worked } else { Turn::Idle }
    }

    /// How long the kernel may keep us: not at all while there is work, or was a moment ago.
    fn wait(&mut self, turn: Turn) -> Option<Duration> {
        if turn == Turn::Worked {
            self.worked_at = self.context.now;
            return Some(Duration::ZERO);
        }
        if self.must_not_sleep() || self.context.now.since(self.worked_at) < SPIN {
            return Some(Duration::ZERO);
        }
        let engine = self.context.engine.poll_timeout();
        let sessions = self.sessions.next_expiry();
        let failures = self.context.failures.next_expiry();
        let upkeep = self.upkeep.next_expiry();
        // What was short may come back without an event; a link that is down comes up without one.
        let again = self.context.holds_up() || self.flushed == Flushed::Failed;
        let again = again.then(|| self.context.now + LOOK_AGAIN);
        let others = sessions.into_iter().chain(failures).chain(upkeep).chain(again);
        let until = engine.into_iter().chain(others).min()?;
        let now = self.clock.now();
        Some(Duration::from_nanos(until.since(now).as_nanos()))
    }

    /// A queue of our own still holds work.
    fn must_not_sleep(&self) -> bool {
        let unsent = self.queue.unsent() > 0 || self.transmitted == Transmitted::LinkFull;
        !self.negotiating.is_empty()
            || self.queue.receivable() > 0
            || (unsent && self.flushed == Flushed::Done)
    }

    fn receive(&mut self) -> usize {
        let Self { context, queue, handover, arrived, .. } = self;
        let mut received = 0;
        while received < RECEIVE_BATCH {
            let batch = queue.receive(LOOK_AHEAD_BATCH, &mut |frame| arrived.push(frame));
            received += batch;
            context.engine.look_ahead(arrived.iter().map(|frame| &**frame));
            for frame in arrived.drain(..) {
                let verdict = context.isolate(|it| it.engine.handle_frame(it.now, frame));
                if let Some(Verdict::Unclaimed(unclaimed)) = verdict {
                    handover_in::settle(context, handover, unclaimed, Trail::default());
                }
            }
            // The ring had no more: it is looked at again in the next turn.
            if batch < LOOK_AHEAD_BATCH {
                break;
            }
        }
        received
    }

    /// Takes what other workers found for this one.
    fn take_strays(&mut self) -> usize {
        let Self { context, queue, handover, .. } = self;
        let mut taken = 0;
        while taken < STRAYS_PER_TURN
            && let Some(stray) = handover.next()
        {
            taken += 1;
            handover_in::take(context, queue, handover, &stray);
        }
        taken
    }

    fn take_events(&mut self) -> usize {
        let mut taken = 0;
        while let Some(event) = self.context.engine.poll_event() {
            taken += 1;
            self.on_event(event);
        }
        taken
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { id, listener } => self.accept(id, listener),
            // The client side of the engine serves no session yet.
            Event::Connected { id } => self.context.engine.abort(self.context.now, id),
            Event::Readable { id } | Event::PeerFinished { id } => self.on_readable(id),
            Event::Writable { id } => self.with(id, Session::on_writable),
            Event::Closed { id, reason } => {
                self.with(id, |session, context| session.on_closed(context, reason));
                self.sessions.detach(id);
            }
        }
    }

    fn accept(&mut self, id: ConnectionId, listener: ListenerId) {
        if self.sessions.negotiating() >= self.context.handshakes_max() {
            self.context.tally.refused(Limit::Handshakes);
            self.context.engine.abort(self.context.now, id);
            return;
        }
        let session = Session::new(id, listener, self.context.now);
        let deadline = session.deadline(&self.context);
        self.sessions.insert(id, session, deadline);
        self.context.tally.accepted(self.context.position(listener));
    }

    /// Hands the session what has come, or lets it stand in line where that costs a handshake.
    fn on_readable(&mut self, id: ConnectionId) {
        let Some(entry) = self.sessions.get_mut(id) else { return };
        if !entry.session.negotiates() {
            self.with(id, Session::on_readable);
        } else if entry.queued == Queued::No {
            entry.queued = Queued::Yes;
            self.negotiating.push_back(id);
        }
    }

    /// Goes on with the handshakes that stand first in line.
    fn negotiate(&mut self) -> usize {
        let turns = self.negotiating.len().min(HANDSHAKES_PER_TURN);
        for _ in 0..turns {
            let Some(id) = self.negotiating.pop_front() else { break };
            if let Some(entry) = self.sessions.get_mut(id) {
                entry.queued = Queued::No;
            }
            self.with(id, Session::on_readable);
        }
        turns
    }

    fn take_completions(&mut self) -> usize {
        let mut taken = 0;
        while let Some(completion) = self.context.ring.next_completion() {
            taken += 1;
            self.on_completion(completion);
        }
        taken
    }

    fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Connected { token, result } => {
                self.with_token(token, |session, context| session.on_connected(context, result));
            }
            Completion::Sent { token, data, result } => {
                // The frame or buffer is free before its window is given back.
                drop(data);
                self.with_token(token, |session, context| session.on_sent(context, result));
            }
            Completion::Received { token, result } => {
                self.with_token(token, |session, context| session.on_received(context, result));
            }
            Completion::NoBuffers { token, class: _ } => {
                self.with_token(token, Session::on_no_buffers);
            }
            Completion::Woken => self.on_woken(),
            Completion::ShutDown { .. }
            | Completion::Ready { .. }
            | Completion::Unwatched { .. } => {}
        }
    }

    /// As [`Self::with`], for the connection that an operation was begun for. It may be gone.
    fn with_token(&mut self, token: u64, work: impl FnOnce(&mut Session, &mut Context) -> Step) {
        if let Some(id) = ConnectionId::from_bits(token) {
            self.with(id, work);
        }
    }

    fn fire_timers(&mut self) -> usize {
        let now = self.context.now;
        let due = self.context.engine.poll_timeout().is_some_and(|at| at <= now);
        let mut fired = usize::from(due);
        self.context.isolate(|it| it.engine.handle_timeout(now));
        while let Some(id) = self.sessions.pop_due(now) {
            fired += 1;
            self.with(id, |session, context| {
                if session.deadline(context) <= context.now {
                    session.on_deadline(context)
                } else {
                    Ok(())
                }
            });
        }
        fired + self.context.failures.tell(now)
    }

    /// Sessions that waited for buffers, operation slots or frames try again.
    fn resume_held_up(&mut self) {
        for id in self.context.take_held_up() {
            self.with(id, Session::on_room);
        }
    }

    fn transmit(&mut self) {
        let Self { context, queue, trains_by_ring, .. } = self;
        let now = context.now;
        let mut link = QueueLink::new(queue, trains_by_ring);
        let transmitted = context.isolate(|it| it.engine.poll_transmit(now, &mut link));
        // Others may be due behind the connection that a panic ended.
        self.transmitted = transmitted.unwrap_or(Transmitted::LinkFull);
        let before = self.flushed;
        self.flushed = match queue.flush() {
            Ok(()) => Flushed::Done,
            Err(error) => {
                // Frames stay where they are, and TCP retransmits.
                if before == Flushed::Done {
                    warn!(%error, interface = self.place.interface, "the link takes no frames");
                }
                Flushed::Failed
            }
        };
    }

    /// Runs `work` on the session of `id` and ends it if that says so, or if it panics: a fault of
    /// ours in one connection ends that connection alone.
    fn with(&mut self, id: ConnectionId, work: impl FnOnce(&mut Session, &mut Context) -> Step) {
        let Some(mut entry) = self.sessions.take(id) else { return };
        let session = &mut entry.session;
        match self.context.isolate(|context| work(session, context)) {
            Some(Ok(())) => {
                let deadline = entry.session.deadline(&self.context);
                self.sessions.give_back(entry, deadline);
            }
            Some(Err(ending)) => self.end(*entry, &ending),
            None => self.end(*entry, &Ending::Panicked),
        }
    }

    fn end(&mut self, entry: Entry, ending: &Ending) {
        let Self { context, sessions, .. } = self;
        let id = entry.id();
        let session = sessions.end(entry);
        let position = context.position(session.listener());
        context.tally.ended(position, ending, session.established().map(Relay::route));
        if let Ending::Unsealed(fault) = ending {
            error!(%fault, "a record could not be sealed: connection reset");
        }
        if context.isolate(|context| session.release(context)).is_none() {
            error!("a session could not be released after a panic");
        }
        match ending.parting() {
            Parting::Close => {
                // What a client sends behind the end is read to no purpose: unread, it would turn the
                // close into a reset, and cut off what is still on its way to the client.
                while context.engine.recv(id).is_some() {}
                context.engine.close(context.now, id);
            }
            Parting::Abort => context.engine.abort(context.now, id),
            Parting::Gone => {}
        }
    }
}
