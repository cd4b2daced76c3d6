//! One run: a thread for each worker, and one that collects their seconds and tells how it goes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{Failed, Negotiated};
use crate::plan::Plan;
use crate::report::TlsFacts;
use crate::scenario::{Phase, Scenario, TransportKind};
use crate::seconds::Second;
use crate::tick::Tick;
use crate::transport::TransportError;
use crate::transport::kernel::{self, KernelTransport};
use crate::worker::{Desk, Notes, Worker};

/// Descriptors that a run needs beside one for each connection, closing ones among them.
const DESCRIPTORS_MORE: u64 = 256;

/// What a run found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// Every second of all workers together, in order.
    pub(crate) seconds: Vec<Second>,
    /// What was negotiated first.
    pub(crate) tls: TlsFacts,
    /// The first failure in words.
    pub(crate) first_failure: Option<String>,
}

/// Runs `scenario` to its end, or until `stop`.
pub(crate) fn run(scenario: &Scenario, stop: &AtomicBool) -> Result<Measured, TransportError> {
    check_limits(scenario)?;
    let plan = &scenario.plan;
    let notes = Notebook::default();
    let start =
        Start { barrier: Barrier::new(plan.workers as usize), failed: AtomicBool::new(false) };
    let (sender, seconds) = channel();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.workers)
            .map(|number| {
                let (notes, start, sender) = (&notes, &start, sender.clone());
                scope.spawn(move || work(scenario, number, (notes, start, stop), sender))
            })
            .collect();
        drop(sender);
        let seconds = collect(&seconds, scenario);
        for worker in workers {
            worker.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))?;
        }
        let tls = notes.negotiated.get().map(TlsFacts::from).unwrap_or_default();
        Ok(Measured { seconds, tls, first_failure: notes.first_failure.get().cloned() })
    })
}

/// The workers' common start.
struct Start {
    barrier: Barrier,
    /// One of them can't begin: then none does.
    failed: AtomicBool,
}

/// The life of a worker's thread.
fn work(
    scenario: &Scenario,
    number: u32,
    (notes, start, stop): (&Notebook, &Start, &AtomicBool),
    seconds: Sender<Second>,
) -> Result<(), TransportError> {
    let plan = &scenario.plan;
    let made = scenario.tls.configs().map_err(|error| TransportError(error.to_string()));
    let made = made.and_then(|tls| {
        let desk = Desk { number, plan, tls, notes, seconds, stop };
        let transport = match scenario.transport {
            TransportKind::Kernel => KernelTransport::new(plan.connections_of(number))?,
        };
        let mut worker = Worker::new(desk, transport);
        worker.open_first()?;
        Ok(worker)
    });
    if made.is_err() {
        start.failed.store(true, Ordering::SeqCst);
    }
    start.barrier.wait();
    let mut worker = made?;
    if start.failed.load(Ordering::SeqCst) {
        return Ok(());
    }
    worker.run()
}

/// Adds up the workers' seconds until all have ended, and tells of each.
fn collect(seconds: &Receiver<Second>, scenario: &Scenario) -> Vec<Second> {
    let mut sums: BTreeMap<u32, (u32, Second)> = BTreeMap::new();
    let end = scenario.plan.course.end();
    while let Ok(second) = seconds.recv() {
        let number = second.number;
        let (count, sum) =
            sums.entry(number).or_insert_with(|| (0, Second { number, ..Second::default() }));
        *count += 1;
        sum.merge(&second);
        let whole = u64::from(number + 1) * 1_000_000_000;
        if *count == scenario.plan.workers && Tick(whole) <= end {
            tell(sum, &scenario.phases);
        }
    }
    sums.into_values().map(|(_, second)| second).collect()
}

/// A line on the standard error.
fn tell(second: &Second, phases: &[Phase]) {
    let (mut operations, mut bytes, mut failures) = (0, 0, 0);
    for cell in second.cells.values() {
        operations += cell.done;
        bytes += cell.bytes_received;
        failures += cell.failures.total();
    }
    let phase =
        second.cells.keys().next_back().and_then(|place| phases.get(usize::from(place.phase)));
    eprintln!(
        "{:4} s {}: {operations} operations, {} MB, {failures} failures; {} connections",
        second.number + 1,
        phase.map_or("nothing", |phase| phase.name.as_str()),
        bytes / 1_000_000,
        second.states.total(),
    );
}

/// Whether this process may have so many connections.
fn check_limits(scenario: &Scenario) -> Result<(), TransportError> {
    let Plan { connections, workers, .. } = scenario.plan;
    if connections.div_ceil(workers) > kernel::CONNECTIONS_MAX {
        return Err(TransportError(format!(
            "{connections} connections over kernel sockets are more than {} for each of {workers} workers",
            kernel::CONNECTIONS_MAX
        )));
    }
    let needed = u64::from(connections) + DESCRIPTORS_MORE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_none_or(|maximum| maximum >= needed) {
        let raised = Rlimit { current: Some(needed), maximum };
        return setrlimit(Resource::Nofile, raised)
            .map_err(|error| TransportError(format!("limit of open files: {error}")));
    }
    Err(TransportError(format!(
        "{connections} connections over kernel sockets need {needed} open files, and {} are allowed: ulimit -n",
        maximum.unwrap_or_default()
    )))
}

/// What workers write down once.
#[derive(Debug, Default)]
struct Notebook {
    negotiated: OnceLock<Negotiated>,
    first_failure: OnceLock<String>,
}

impl Notes for Notebook {
    fn negotiated(&self, negotiated: &Negotiated) {
        if self.negotiated.get().is_none() {
            self.negotiated.get_or_init(|| negotiated.clone());
        }
    }

    fn failed(&self, Failed { reason, detail }: &Failed) {
        if self.first_failure.get().is_none() {
            self.first_failure.get_or_init(|| match detail.as_str() {
                "" => reason.name().to_owned(),
                detail => format!("{}: {detail}", reason.name()),
            });
        }
    }
}

/// Ctrl-C asks for an orderly end; a second one ends at once.
pub(crate) fn stop_on_signal() -> Result<Arc<AtomicBool>, TransportError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| TransportError(format!("signals: {error}")))?;
    }
    Ok(stop)
}
