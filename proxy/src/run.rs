//! From a checked configuration to running workers, and to their orderly end.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use metrics::{Catalogue, CatalogueError, Registry, Shards};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};
use weir_io::{RingError, Waker};
use xdp::AttachError;

use crate::admin::reload::ReloadFacts;
use crate::admin::workers::Wake;
use crate::admin::{ControlPlane, Parts};
use crate::capabilities;
use crate::catalogue::{Facts, Families, LabelValues};
use crate::config::{Loader, Snapshot};
use crate::crew::{self, Crew};
use crate::drain::{Lifecycle, Phase};
use crate::notify::Notifier;
use crate::worker::{Place, StartError};

/// Serves `snapshot`, which `loader` has just loaded, until a signal ends it.
///
/// # Errors
/// [`RunError`] names what is missing.
pub(crate) fn run(loader: Loader, snapshot: Arc<Snapshot>) -> Result<(), RunError> {
    let started = Instant::now();
    raise_file_limit();
    let lifecycle = Arc::new(Lifecycle::default());
    let shared = Arc::new(ArcSwap::new(Arc::clone(&snapshot)));
    let reload_facts = ReloadFacts::new(SystemTime::now());
    let places = crew::places(&snapshot)?;
    let facts = Facts {
        started,
        snapshot: Arc::clone(&shared),
        tickets: Arc::clone(loader.tickets()),
        reloads: Arc::clone(&reload_facts),
    };
    let (families, registry, shards) = meter(&snapshot, &places, facts)?;
    let crew = Crew::launch(&snapshot, places, &families, shards.workers)?;
    let (threads, workers) = crew.start(&shared, &lifecycle);
    let notifier = Arc::new(Notifier::from_environment());
    let control = ControlPlane::start(Parts {
        loader,
        snapshot: shared,
        lifecycle: Arc::clone(&lifecycle),
        workers: workers.clone(),
        exposition: Arc::new(registry),
        reload_facts,
        notifier: Arc::clone(&notifier),
    });
    // All that needs them is open; each thread has given up its own.
    capabilities::drop_all();
    let control = match control {
        Ok(control) => control,
        Err(error) => {
            crew::stop(&lifecycle, &workers);
            crew::join(threads, &lifecycle, &workers)?;
            return Err(RunError::Control(error));
        }
    };
    lifecycle.advance(Phase::Ready);
    notifier.ready();
    info!(workers = threads.len(), metrics = ?control.metrics_address(), "ready");
    let outcome = crew::join(threads, &lifecycle, &workers);
    drop(control);
    info!("stopped");
    outcome
}

/// A backend's connection is a descriptor: as many as the system allows, not as a shell starts with.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, "the limit of open files was not raised");
    }
}

/// Declares every metric and makes a shard for each worker.
fn meter(
    snapshot: &Snapshot,
    places: &[Place],
    facts: Facts,
) -> Result<(Arc<Families>, Registry, Shards), RunError> {
    let mut catalogue = Catalogue::new("weir");
    let name = |place: &Place| format!("{}/{}", place.interface, place.queue);
    let values = LabelValues::of(snapshot, places.iter().map(name).collect());
    let families = Families::declare(&mut catalogue, &values, facts).map_err(RunError::Metrics)?;
    let (registry, shards) = Registry::new(catalogue, places.len());
    Ok((Arc::new(families), registry, shards))
}

impl Wake for Waker {
    fn wake(&self) {
        Self::wake(self);
    }
}

/// Why weir could not run.
#[derive(Debug)]
pub(crate) enum RunError {
    /// No randomness for the secrets of TCP.
    NoRandomness,
    /// More queues than workers can be numbered.
    TooManyQueues,
    /// The kernel says nothing of an interface.
    Interface(String, io::Error),
    /// The XDP program.
    Attach(String, Box<AttachError>),
    /// A worker's sockets.
    Worker(Place, Box<StartError>),
    /// A thread can't be started.
    Thread(io::Error),
    /// A label value of the configuration that metrics can't take.
    Metrics(CatalogueError),
    /// The control plane.
    Control(crate::admin::StartError),
    /// A worker's ring failed while it ran.
    Ring(RingError),
    /// A worker panicked.
    Panicked,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRandomness => f.write_str("the system has no randomness to give"),
            Self::TooManyQueues => f.write_str("more than 255 queues; see [listen] queues"),
            Self::Interface(interface, error) => write!(f, "interface {interface}: {error}"),
            Self::Attach(interface, error) => write!(f, "interface {interface}: {error}"),
            Self::Worker(Place { interface, queue, .. }, error) => {
                write!(f, "interface {interface}, queue {queue}: {error}")
            }
            Self::Thread(error) => write!(f, "can't start a thread: {error}"),
            Self::Metrics(error) => write!(f, "can't declare the metrics: {error}"),
            Self::Control(error) => error.fmt(f),
            Self::Ring(error) => write!(f, "io_uring failed: {error}"),
            Self::Panicked => f.write_str("a worker panicked; this is a bug"),
        }
    }
}

impl std::error::Error for RunError {}
