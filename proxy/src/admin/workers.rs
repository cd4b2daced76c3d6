//! Questions from the control plane to the workers, and their answers.
//!
//! A question is a message in a bounded mailbox that the worker empties once a turn; the answer
//! comes back over a channel of its own. No worker is stopped or locked for it, and an answer is
//! bounded: a list of connections comes page by page, traffic in between.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::conns::ConnectionRow;

/// Questions that may wait at one worker.
const MAILBOX_LEN: usize = 16;

/// How long a worker may take to answer: it answers within one turn unless it is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections on one page.
pub(crate) const PAGE_ROWS_MAX: usize = 128;

/// A question to one worker.
#[derive(Debug)]
pub(crate) enum Question {
    /// The next connections, at most [`PAGE_ROWS_MAX`].
    Connections {
        /// The first slot to look at.
        from: Cursor,
        /// For the answer.
        reply: oneshot::Sender<Page>,
    },
    /// How the worker is.
    Status {
        /// For the answer.
        reply: oneshot::Sender<WorkerStatus>,
    },
}

/// A place in a worker's table of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) u32);

/// A part of a worker's connections.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// In the order of their slots.
    pub(crate) rows: Vec<ConnectionRow>,
    /// Where to go on; `None`: that was all.
    pub(crate) next: Option<Cursor>,
}

/// How a worker is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerStatus {
    /// Its number.
    pub(crate) worker: u32,
    /// Its interface.
    pub(crate) interface: String,
    /// Its receive queue.
    pub(crate) queue: u32,
    /// The XDP mode in use.
    pub(crate) xdp_mode: String,
    /// TCP connections, half-open and TIME_WAIT ones not among them.
    pub(crate) connections: u64,
    /// Connections whose handshake is going on.
    pub(crate) handshakes: u64,
}

/// Wakes a worker that sleeps in its one wait.
pub(crate) trait Wake: Send + Sync {
    /// Makes the worker's next or present wait return.
    fn wake(&self);
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Mailbox(Receiver<Question>);

impl Mailbox {
    /// The next question, if there is one; never waits.
    pub(crate) fn next(&self) -> Option<Question> {
        self.0.try_recv().ok()
    }
}

/// The control plane's end of one worker.
#[derive(Clone)]
pub(crate) struct WorkerHandle {
    questions: SyncSender<Question>,
    waker: Arc<dyn Wake>,
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle").finish_non_exhaustive()
    }
}

/// The two ends of a worker's mailbox.
pub(crate) fn mailbox(waker: Arc<dyn Wake>) -> (WorkerHandle, Mailbox) {
    let (questions, receiver) = sync_channel(MAILBOX_LEN);
    (WorkerHandle { questions, waker }, Mailbox(receiver))
}

impl WorkerHandle {
    fn ask(&self, question: Question) -> Result<(), AskError> {
        self.questions.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => AskError::Busy,
            TrySendError::Disconnected(_) => AskError::Gone,
        })?;
        self.waker.wake();
        Ok(())
    }

    async fn answer<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, AskError> {
        let (reply, answer) = oneshot::channel();
        self.ask(question(reply))?;
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(answer) => answer.map_err(|_| AskError::Gone),
            Err(_) => Err(AskError::Busy),
        }
    }
}

/// All workers, as the control plane reaches them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ControlHandle {
    workers: Vec<WorkerHandle>,
}

impl ControlHandle {
    /// `workers`: in the order of their numbers.
    pub(crate) fn new(workers: Vec<WorkerHandle>) -> Self {
        Self { workers }
    }

    /// Wakes every worker, to make it look at the snapshot and the phase.
    pub(crate) fn wake_all(&self) {
        self.workers.iter().for_each(|worker| worker.waker.wake());
    }

    /// Every connection, up to `rows_max`.
    ///
    /// # Errors
    /// A worker that doesn't answer.
    pub(crate) async fn connections(
        &self,
        rows_max: usize,
    ) -> Result<Vec<ConnectionRow>, AskError> {
        let mut rows = Vec::new();
        for worker in &self.workers {
            let mut from = Some(Cursor::default());
            while let Some(cursor) = from.filter(|_| rows.len() < rows_max) {
                let page =
                    worker.answer(|reply| Question::Connections { from: cursor, reply }).await?;
                rows.extend(page.rows);
                from = page.next;
            }
        }
        rows.truncate(rows_max);
        Ok(rows)
    }

    /// How every worker is.
    ///
    /// # Errors
    /// A worker that doesn't answer.
    pub(crate) async fn status(&self) -> Result<Vec<WorkerStatus>, AskError> {
        let mut all = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            all.push(worker.answer(|reply| Question::Status { reply }).await?);
        }
        Ok(all)
    }
}

/// Why a worker gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskError {
    /// Its mailbox is full, or it didn't answer in time.
    Busy,
    /// It has ended.
    Gone,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "a worker does not answer",
            Self::Gone => "a worker has ended",
        })
    }
}

impl std::error::Error for AskError {}
