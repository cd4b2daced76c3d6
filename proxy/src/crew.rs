//! The workers of a process: launched, connected with each other, and joined.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use metrics::Shard;
use tracing::{error, info};
use weir_io::RingError;
use xdp::link::LinkFacts;
use xdp::{Attach, AttachError, Destination, Filter, Program};

use crate::admin::workers::{ControlHandle, mailbox};
use crate::catalogue::Families;
use crate::clock::Clock;
use crate::config::snapshot::{AddressOwner, Listener, Snapshot, XdpMode};
use crate::drain::{Lifecycle, Phase};
use crate::handover::Handover;
use crate::run::RunError;
use crate::tally::Tally;
use crate::worker::{self, Control, Place, Plan, Ready, Start};

/// Workers whose sockets are open.
pub(crate) struct Crew {
    threads: Threads,
    members: Vec<Member>,
}

/// The workers' threads, by the workers' numbers.
pub(crate) struct Threads {
    running: Vec<Option<JoinHandle<Result<(), RingError>>>>,
    /// Numbers of those that have ended.
    ends: Receiver<usize>,
    end: Sender<usize>,
}

/// Says, at the end of a worker's thread and however that comes, that it has ended.
struct End {
    worker: usize,
    ends: Sender<usize>,
}

struct Member {
    ready: Ready,
    start: Sender<Start>,
}

/// The workers that a configuration asks for, in the order of their numbers.
///
/// # Errors
/// An interface that is not there, or more queues than workers can be numbered.
pub(crate) fn places(snapshot: &Snapshot) -> Result<Vec<Place>, RunError> {
    let mut places = Vec::new();
    for (interface, listeners) in by_interface(snapshot) {
        for queue in 0..queues(interface, &listeners)? {
            let worker = u8::try_from(places.len()).map_err(|_| RunError::TooManyQueues)?;
            places.push(Place { worker, interface: interface.to_owned(), queue });
        }
    }
    Ok(places)
}

impl Crew {
    /// Attaches a program to each interface and opens a socket on each of its queues. `shards`: one
    /// for each of `places`.
    ///
    /// # Errors
    /// What the kernel or the configuration does not allow, by interface and queue.
    pub(crate) fn launch(
        snapshot: &Arc<Snapshot>,
        places: Vec<Place>,
        families: &Arc<Families>,
        shards: Vec<Shard>,
    ) -> Result<Self, RunError> {
        let clock = Clock::start();
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| RunError::NoRandomness)?;
        let interfaces = by_interface(snapshot);
        let mut programs: BTreeMap<String, Arc<Program>> = BTreeMap::new();
        let mut threads = Threads::new();
        let mut members: Vec<Member> = Vec::new();
        for (place, shard) in places.into_iter().zip(shards) {
            let program = match programs.entry(place.interface.clone()) {
                Entry::Occupied(attached) => Arc::clone(attached.get()),
                Entry::Vacant(free) => {
                    let listeners = interfaces.get(place.interface.as_str());
                    let program = attach(&place.interface, listeners.map_or(&[], Vec::as_slice))?;
                    Arc::clone(free.insert(program))
                }
            };
            let (start, started) = channel();
            let plan = Plan {
                place,
                program,
                snapshot: Arc::clone(snapshot),
                clock,
                seed,
                tally: Tally::new(Arc::clone(families), shard),
                start: started,
            };
            members.push(Member::launch(&mut threads, plan, start)?);
        }
        Ok(Self { threads, members })
    }

    /// Connects the workers with each other and with the control plane, and lets them run.
    pub(crate) fn start(
        self,
        snapshot: &Arc<ArcSwap<Snapshot>>,
        lifecycle: &Arc<Lifecycle>,
    ) -> (Threads, ControlHandle) {
        let wakers: Vec<_> = self.members.iter().map(|member| member.ready.waker.clone()).collect();
        let mut handles = Vec::new();
        for (member, handover) in self.members.into_iter().zip(Handover::connect(&wakers)) {
            let (handle, mailbox) = mailbox(Arc::new(member.ready.waker));
            let control = Control {
                snapshot: Arc::clone(snapshot),
                lifecycle: Arc::clone(lifecycle),
                mailbox,
            };
            lifecycle.enlist();
            // A worker that died meanwhile is noticed when it is joined.
            drop(member.start.send(Start { handover, control }));
            handles.push(handle);
        }
        (self.threads, ControlHandle::new(handles))
    }
}

impl Member {
    fn launch(threads: &mut Threads, plan: Plan, start: Sender<Start>) -> Result<Self, RunError> {
        let place = plan.place.clone();
        let (report, reports) = channel();
        threads.spawn(move || worker::run(plan, &report)).map_err(RunError::Thread)?;
        let ready = match reports.recv() {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return Err(RunError::Worker(place, Box::new(error))),
            Err(_) => return Err(RunError::Panicked),
        };
        let Place { worker, interface, queue } = &place;
        info!(worker, interface, queue, xdp_mode = ready.mode.name(), "worker ready");
        Ok(Self { ready, start })
    }
}

impl Threads {
    fn new() -> Self {
        let (end, ends) = channel();
        Self { running: Vec::new(), ends, end }
    }

    /// Starts the next worker's thread.
    fn spawn(
        &mut self,
        work: impl FnOnce() -> Result<(), RingError> + Send + 'static,
    ) -> io::Result<()> {
        let worker = self.running.len();
        let end = End { worker, ends: self.end.clone() };
        let thread = std::thread::Builder::new().name(format!("worker-{worker}")).spawn(|| {
            let _end = end;
            work()
        })?;
        self.running.push(Some(thread));
        Ok(())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Nobody listens if weir has failed to start.
        self.ends.send(self.worker).unwrap_or_default();
    }
}

/// Waits for every worker's end, whichever comes first. One that fails takes the others with it.
pub(crate) fn join(
    threads: Threads,
    lifecycle: &Lifecycle,
    workers: &ControlHandle,
) -> Result<(), RunError> {
    let Threads { mut running, ends, end } = threads;
    // The threads have the other senders: the loop ends with the last of them.
    drop(end);
    let mut outcome = Ok(());
    for worker in ends {
        let Some(thread) = running.get_mut(worker).and_then(Option::take) else { continue };
        let ended = match thread.join() {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => RunError::Ring(error),
            Err(_) => RunError::Panicked,
        };
        error!(worker, %ended, "a worker failed: stopping");
        stop(lifecycle, workers);
        outcome = Err(ended);
    }
    outcome
}

pub(crate) fn stop(lifecycle: &Lifecycle, workers: &ControlHandle) {
    lifecycle.advance(Phase::Stopping);
    workers.wake_all();
}

fn by_interface(snapshot: &Snapshot) -> BTreeMap<&str, Vec<&Listener>> {
    let mut interfaces: BTreeMap<&str, Vec<&Listener>> = BTreeMap::new();
    for listener in &snapshot.listeners {
        interfaces.entry(&listener.interface).or_default().push(listener);
    }
    interfaces
}

fn attach(interface: &str, listeners: &[&Listener]) -> Result<Arc<Program>, RunError> {
    let is_asked_for = |mode| listeners.iter().any(|listener| listener.xdp_mode == mode);
    let mode = if is_asked_for(XdpMode::Skb) {
        Attach::Skb
    } else if is_asked_for(XdpMode::Copy) {
        Attach::Native
    } else {
        Attach::Auto
    };
    Program::attach(interface, &filter(listeners), mode)
        .map(Arc::new)
        .map_err(|error| RunError::Attach(interface.to_owned(), Box::new(error)))
}

/// What is taken from the kernel: the listeners' addresses and ports, and whatever resolves an
/// address that weir owns.
fn filter(listeners: &[&Listener]) -> Filter {
    let mut filter = Filter::default();
    for listener in listeners {
        for &address in &listener.addresses {
            filter = filter.with_destination(Destination::from(address));
        }
        if let AddressOwner::Engine(networks) = &listener.address_owner {
            for &(address, _) in &networks.addresses {
                filter = filter.with_owned(address);
            }
        }
    }
    filter
}

/// Queues to serve: all of the interface's, or as many as its listeners say.
fn queues(interface: &str, listeners: &[&Listener]) -> Result<u32, RunError> {
    let facts = LinkFacts::of(interface).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let missing = AttachError::NoInterface(interface.to_owned());
            RunError::Attach(interface.to_owned(), Box::new(missing))
        }
        _ => RunError::Interface(interface.to_owned(), error),
    })?;
    let wanted = listeners.iter().filter_map(|listener| listener.queues).max();
    Ok(wanted.unwrap_or(facts.rx_queues))
}
