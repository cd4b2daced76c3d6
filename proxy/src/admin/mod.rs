//! The control plane: one thread beside the workers, for people and programs that ask.
//!
//! Metrics and health over HTTP, the admin socket, signals, the rotation of ticket keys. Workers
//! never wait for it, and it never waits for them longer than a timeout.

pub(crate) mod conns;
mod http;
pub(crate) mod reload;
mod signals;
mod socket;
#[cfg(test)]
mod tests;
pub(crate) mod workers;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::config::snapshot::MetricsEndpoint;
use crate::config::{Loader, Snapshot};
use crate::drain::Lifecycle;
use crate::notify::Notifier;
use crate::tickets::TicketKeys;
use reload::{ReloadFacts, Reloader};
use socket::{AdminSocket, Verbs};
use workers::ControlHandle;

pub(crate) use http::Format;

/// How often the age of the ticket key is looked at.
const ROTATION_CHECK: Duration = Duration::from_secs(60);

/// Where the text of `/metrics` comes from.
pub(crate) trait Exposition: Send + Sync {
    /// All metrics as they are now.
    fn encode(&self, format: Format) -> String;
}

/// What the control plane is made of.
pub(crate) struct Parts {
    /// Has loaded what is in `snapshot`.
    pub(crate) loader: Loader,
    /// What the workers run on.
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    /// The phase of the process, advanced by signals.
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// The workers.
    pub(crate) workers: ControlHandle,
    /// The metrics.
    pub(crate) exposition: Arc<dyn Exposition>,
    /// Facts about reloads, which the metrics show.
    pub(crate) reload_facts: Arc<ReloadFacts>,
    /// Who is told of reloads and the end.
    pub(crate) notifier: Arc<Notifier>,
}

/// The running control plane. Dropped, it ends; its sockets are gone then.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    metrics_address: Option<SocketAddr>,
}

impl ControlPlane {
    /// Binds its sockets, then starts its thread.
    ///
    /// # Errors
    /// What can't be bound or started, by name.
    pub(crate) fn start(parts: Parts) -> Result<Self, StartError> {
        let snapshot = parts.snapshot.load_full();
        let metrics = snapshot.admin.metrics.clone().map(bind_metrics).transpose()?;
        let metrics_address = metrics.as_ref().and_then(|(bound, _)| bound.local_addr().ok());
        let socket = match &snapshot.admin.socket {
            Some(path) => Some(
                AdminSocket::bind(path)
                    .map_err(|error| StartError::Socket { path: path.clone(), error })?,
            ),
            None => None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let signals = {
            let _entered = runtime.enter();
            signals::Signals::register().map_err(StartError::Signals)?
        };
        let (stop, stopped) = oneshot::channel();
        let servers = Servers { metrics, socket, signals };
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                // What was bound before may have needed them; answering doesn't.
                crate::capabilities::drop_all();
                serve(&runtime, parts, servers, stopped);
            })
            .map_err(StartError::Runtime)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), metrics_address })
    }

    /// Where metrics are served: the port that the system chose if the configuration says 0.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Either may be gone already: then there is nothing to end.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control plane had panicked");
        }
    }
}

/// What was bound.
struct Servers {
    metrics: Option<(TcpListener, MetricsEndpoint)>,
    socket: Option<AdminSocket>,
    signals: signals::Signals,
}

fn bind_metrics(endpoint: MetricsEndpoint) -> Result<(TcpListener, MetricsEndpoint), StartError> {
    let bind = || {
        let listener = TcpListener::bind(endpoint.address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    match bind() {
        Ok(listener) => Ok((listener, endpoint)),
        Err(error) => Err(StartError::Metrics { address: endpoint.address, error }),
    }
}

fn serve(runtime: &Runtime, parts: Parts, servers: Servers, stopped: oneshot::Receiver<()>) {
    let Parts { loader, snapshot, lifecycle, workers, exposition, reload_facts, notifier } = parts;
    let Servers { metrics, socket, signals } = servers;
    let tickets = Arc::clone(loader.tickets());
    let reloader = Arc::new(Reloader::new(
        loader,
        Arc::clone(&snapshot),
        workers.clone(),
        reload_facts,
        Arc::clone(&notifier),
    ));
    runtime.block_on(async move {
        if let Some((listener, endpoint)) = metrics {
            let pages = http::Pages {
                endpoint: Arc::new(endpoint),
                lifecycle: Arc::clone(&lifecycle),
                exposition,
            };
            tokio::spawn(async move {
                let served = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => axum::serve(listener, http::router(pages)).await,
                    Err(error) => Err(error),
                };
                log_end("metrics endpoint", &served);
            });
        }
        if let Some(socket) = socket {
            let verbs = Verbs {
                workers: workers.clone(),
                reloader: Arc::clone(&reloader),
                lifecycle: Arc::clone(&lifecycle),
            };
            tokio::spawn(async move { log_end("admin socket", &socket.serve(verbs).await) });
        }
        tokio::spawn(rotate_tickets(tickets, Arc::clone(&snapshot)));
        signals.spawn(signals::Actions { reloader, snapshot, lifecycle, workers, notifier });
        // An error means that the other end was dropped: the same.
        stopped.await.unwrap_or_default();
    });
}

fn log_end(what: &str, end: &io::Result<()>) {
    if let Err(error) = end {
        tracing::error!(what, %error, "ended");
    }
}

async fn rotate_tickets(tickets: Arc<TicketKeys>, snapshot: Arc<ArcSwap<Snapshot>>) {
    loop {
        tokio::time::sleep(ROTATION_CHECK).await;
        let lifetime = snapshot.load().tickets.rotate;
        if let Err(error) = tickets.rotate_if_due(Instant::now(), lifetime) {
            tracing::error!(%error, "the ticket key was not rotated");
        }
    }
}

/// Why the control plane did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The endpoint of metrics and health.
    Metrics {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The admin socket.
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Handlers of signals.
    Signals(io::Error),
    /// The thread or its runtime.
    Runtime(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metrics { address, error } => {
                write!(f, "can't serve metrics on {address}: {error}; see [admin] metrics")
            }
            Self::Socket { path, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "another weir answers on {}; see [admin] socket", path.display())
            }
            Self::Socket { path, error } => {
                let path = path.display();
                write!(f, "can't make the admin socket {path}: {error}; see [admin] socket")
            }
            Self::Signals(error) => write!(f, "can't handle signals: {error}"),
            Self::Runtime(error) => write!(f, "can't start the control plane: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
