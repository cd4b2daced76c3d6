//! One run: a thread for each worker, and one that collects their seconds and tells how it goes.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{Failed, Negotiated};
use crate::plan::Plan;
use crate::report::TlsFacts;
use crate::results::{Collector, Ending, Facts, Results};
use crate::scenario::{Scenario, TransportPlan};
use crate::seconds::Second;
use crate::transport::kernel::{self, KernelTransport};
use crate::transport::xdp::XdpTransport;
use crate::transport::{Transport, TransportError};
use crate::worker::{Desk, Notes, Worker};

/// Descriptors that a run needs beside one for each connection, closing ones among them.
const DESCRIPTORS_MORE: u64 = 256;

/// Runs `scenario` to its end, or until `stop`.
pub(crate) fn run<W: Write>(
    scenario: &Scenario,
    stop: &AtomicBool,
    mut collector: Collector<W>,
) -> Result<Results, TransportError> {
    check_limits(scenario)?;
    let plan = &scenario.plan;
    let notes = Notebook::default();
    let start = Start {
        barrier: Barrier::new(plan.workers as usize),
        failed: AtomicBool::new(false),
        unix_s: OnceLock::new(),
    };
    let (sender, seconds) = channel();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.workers)
            .map(|number| {
                let (notes, start, sender) = (&notes, &start, sender.clone());
                scope.spawn(move || work(scenario, number, (notes, start, stop), sender))
            })
            .collect();
        drop(sender);
        while let Ok(second) = seconds.recv() {
            collector.take(&second);
        }
        for worker in workers {
            worker.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))?;
        }
        Ok(collector.finish(Ending {
            started_unix_s: start.unix_s.get().copied().unwrap_or_default(),
            stopped: stop.load(Ordering::Relaxed),
            tls: notes.negotiated.get().map(TlsFacts::from),
            first_failure: notes.first_failure.get().cloned(),
        }))
    })
}

/// The workers' common start.
struct Start {
    barrier: Barrier,
    /// One of them can't begin: then none does.
    failed: AtomicBool,
    /// When that was, in seconds since 1970.
    unix_s: OnceLock<f64>,
}

/// The life of a worker's thread.
fn work(
    scenario: &Scenario,
    number: u32,
    (notes, start, stop): (&Notebook, &Start, &AtomicBool),
    seconds: Sender<Second>,
) -> Result<(), TransportError> {
    let plan = &scenario.plan;
    let desk = (notes, start, stop);
    match &scenario.transport {
        TransportPlan::Kernel => {
            let make = || KernelTransport::new(plan.connections_of(number));
            work_over(make, scenario, number, desk, seconds)
        }
        TransportPlan::Xdp(xdp) => {
            let make = || XdpTransport::new(xdp, plan.address, plan.connections);
            work_over(make, scenario, number, desk, seconds)
        }
    }
}

/// The same, over the transport that `make` makes.
fn work_over<T: Transport>(
    make: impl FnOnce() -> Result<T, TransportError>,
    scenario: &Scenario,
    number: u32,
    (notes, start, stop): (&Notebook, &Start, &AtomicBool),
    seconds: Sender<Second>,
) -> Result<(), TransportError> {
    let plan = &scenario.plan;
    let made = scenario.tls.configs().map_err(|error| TransportError(error.to_string()));
    let made = made.and_then(|tls| {
        let desk = Desk { number, plan, tls, notes, seconds, stop };
        let mut worker = Worker::new(desk, make()?);
        worker.open_first()?;
        Ok(worker)
    });
    if made.is_err() {
        start.failed.store(true, Ordering::SeqCst);
    }
    start.barrier.wait();
    start.unix_s.get_or_init(Facts::unix_now);
    let mut worker = made?;
    if start.failed.load(Ordering::SeqCst) {
        return Ok(());
    }
    worker.run()
}

/// Whether this process may have so many connections.
fn check_limits(scenario: &Scenario) -> Result<(), TransportError> {
    let Plan { connections, workers, .. } = scenario.plan;
    if scenario.transport != TransportPlan::Kernel {
        return Ok(());
    }
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
