//! Signals: SIGHUP reloads, SIGTERM and SIGINT drain, a second one of them stops.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::Reloader;
use super::workers::ControlHandle;
use crate::config::Snapshot;
use crate::drain::{Lifecycle, Phase};
use crate::notify::Notifier;

/// The signals that weir handles, from the moment of registration.
#[derive(Debug)]
pub(super) struct Signals {
    reload: Signal,
    stop: [Signal; 2],
}

/// What signals act on.
#[derive(Clone, Debug)]
pub(super) struct Actions {
    pub(super) reloader: Arc<Reloader>,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) workers: ControlHandle,
    pub(super) notifier: Arc<Notifier>,
}

impl Signals {
    /// Takes the signals over from their default action. Needs a runtime.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn register() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            stop: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
        })
    }

    /// Acts on them until the runtime ends.
    pub(super) fn spawn(self, actions: Actions) {
        let Self { mut reload, stop } = self;
        let reloader = Arc::clone(&actions.reloader);
        tokio::spawn(async move {
            while reload.recv().await.is_some() {
                // The outcome is in the log.
                drop(reloader.reload(SystemTime::now()));
            }
        });
        for mut signal in stop {
            let actions = actions.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    actions.stop();
                }
            });
        }
    }
}

impl Actions {
    fn stop(&self) {
        if self.lifecycle.phase() >= Phase::Leaving {
            tracing::info!("second signal: stopping now");
            self.go_on(Phase::Stopping);
            return;
        }
        let timeouts = self.snapshot.load().timeouts;
        let delay_ms = timeouts.drain_delay.as_millis();
        let drain_ms = timeouts.drain.as_millis();
        tracing::info!(delay_ms, drain_ms, "draining");
        self.notifier.stopping();
        self.go_on(Phase::Leaving);
        let actions = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(timeouts.drain_delay).await;
            actions.go_on(Phase::Draining);
            tokio::time::sleep(timeouts.drain).await;
            actions.go_on(Phase::Stopping);
        });
    }

    fn go_on(&self, phase: Phase) {
        self.lifecycle.advance(phase);
        self.workers.wake_all();
    }
}
