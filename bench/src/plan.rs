//! A scenario as workers carry it out: checked, and shared by all of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use crate::client::Ask;
use crate::random::{Choice, Random};
use crate::schedule::{Course, Pace, Spacing};

/// What an operation does with connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    /// One that is kept.
    Kept,
    /// One of its own.
    Own,
    /// One of its own, and it is over when the handshake is done.
    Handshake,
    /// One of its own, which stays open when the handshake is done and does nothing.
    Hold,
}

/// One kind of operation.
#[derive(Clone, Debug)]
pub(crate) struct PlannedStep {
    pub(crate) uses: Use,
    /// What is asked: of each name, or of all the same.
    pub(crate) asks: Vec<Arc<Ask>>,
    /// Time between two pieces of what is sent slowly.
    pub(crate) write_every: Duration,
    /// Time between two looks at what has come; none: at once.
    pub(crate) read_every: Option<Duration>,
}

/// Everything that a worker has to know.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) names: Vec<ServerName<'static>>,
    pub(crate) name_choice: Choice,
    pub(crate) steps: Vec<PlannedStep>,
    pub(crate) step_choice: Choice,
    pub(crate) course: Course,
    pub(crate) spacing: Spacing,
    /// Connections at once, of all workers.
    pub(crate) connections: u32,
    pub(crate) workers: u32,
    /// Longest that one operation may take.
    pub(crate) timeout: Duration,
    /// Share of connections that offer to resume a session, from 0 to 1.
    pub(crate) resume: f64,
    pub(crate) seed: u64,
}

/// The two ways in which a worker's connections shake hands. Sessions are not shared between workers.
#[derive(Clone, Debug)]
pub(crate) struct TlsConfigs {
    /// Every handshake is a full one.
    pub(crate) full: Arc<ClientConfig>,
    /// Sessions are resumed.
    pub(crate) resuming: Arc<ClientConfig>,
}

impl TlsConfigs {
    /// The one for the next connection.
    pub(crate) fn choose(&self, plan: &Plan, random: &mut Random) -> Arc<ClientConfig> {
        let resumes = plan.resume > 0.0 && random.unit() < plan.resume;
        Arc::clone(if resumes { &self.resuming } else { &self.full })
    }
}

impl Plan {
    /// The connections of worker `number`.
    pub(crate) fn connections_of(&self, number: u32) -> u32 {
        let more = u32::from(number < self.connections % self.workers);
        self.connections / self.workers + more
    }

    /// Are connections opened before the clock runs?
    pub(crate) fn opens_first(&self) -> bool {
        self.steps.iter().any(|step| step.uses == Use::Kept)
    }

    /// Is what is under way at the end cut off, and not waited for?
    pub(crate) fn cuts_off(&self) -> bool {
        self.course.pieces.last().is_none_or(|piece| piece.pace == Pace::Closed)
    }

    /// What step `step` asks of name `name`.
    pub(crate) fn ask(&self, step: u16, name: u32) -> Option<Arc<Ask>> {
        let asks = &self.steps.get(usize::from(step))?.asks;
        asks.get(name as usize).or_else(|| asks.first()).map(Arc::clone)
    }
}
