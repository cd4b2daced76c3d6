//! The admin socket: a request is a line, an answer is one line of JSON.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::reload::Reloader;
use super::workers::ControlHandle;
use crate::drain::Lifecycle;

/// Owner and group may ask.
const MODE: u32 = 0o660;

/// Longest request.
const REQUEST_BYTES_MAX: u64 = 1_024;

/// Requests at once; more wait.
const REQUESTS_MAX: usize = 16;

/// How long a request may take to arrive, and an answer to be taken.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that one answer may list.
const ROWS_MAX: usize = 100_000;

/// What the verbs answer from.
#[derive(Clone, Debug)]
pub(crate) struct Verbs {
    /// The workers.
    pub(crate) workers: ControlHandle,
    /// Reload.
    pub(crate) reloader: Arc<Reloader>,
    /// The phase.
    pub(crate) lifecycle: Arc<Lifecycle>,
}

/// A bound admin socket; its file goes away with it.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: std::os::unix::net::UnixListener,
    path: PathBuf,
}

impl AdminSocket {
    /// Binds `path`, with the folder above it if that is missing, in place of a socket that
    /// nobody listens on any more.
    ///
    /// # Errors
    /// What the system says; `AddrInUse` when another process answers there.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            std::fs::create_dir(folder)?;
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // Bound under another name, so that nobody can connect before the mode is set.
        let unready = path.with_extension(format!("{}.unready", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&unready)?;
        let ready = std::fs::set_permissions(&unready, Permissions::from_mode(MODE))
            .and_then(|()| std::fs::rename(&unready, path));
        if let Err(error) = ready {
            std::fs::remove_file(&unready)?;
            return Err(error);
        }
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until the runtime ends.
    ///
    /// # Errors
    /// The socket can't be registered with the runtime.
    pub(crate) async fn serve(self, verbs: Verbs) -> io::Result<()> {
        let listener = UnixListener::from_std(self.listener.try_clone()?)?;
        let permits = Arc::new(Semaphore::new(REQUESTS_MAX));
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            let Ok((stream, _)) = listener.accept().await else { continue };
            let verbs = verbs.clone();
            tokio::spawn(async move {
                if tokio::time::timeout(CLIENT_TIMEOUT, answer(stream, &verbs)).await.is_err() {
                    tracing::debug!("an admin client took too long");
                }
                drop(permit);
            });
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "admin socket not removed");
        }
    }
}

async fn answer(mut stream: UnixStream, verbs: &Verbs) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(REQUEST_BYTES_MAX)).read_line(&mut line).await?;
    let verb = line.trim();
    let (uid, gid, pid) = (peer.uid(), peer.gid(), peer.pid());
    let answer = match verb {
        "conns" => said(verbs.workers.connections(ROWS_MAX).await),
        "status" => status(verbs).await,
        "reload" => {
            tracing::info!(uid, gid, pid, verb, "admin request");
            reload(verbs)
        }
        // Not logged as it came: its bytes are the client's.
        _ => error("unknown verb; there are conns, status and reload"),
    };
    tracing::debug!(uid, gid, pid, "admin answer");
    let mut text = answer.to_string();
    text.push('\n');
    writer.write_all(text.as_bytes()).await?;
    writer.shutdown().await
}

async fn status(verbs: &Verbs) -> Value {
    match verbs.workers.status().await {
        Ok(workers) => {
            let phase = verbs.lifecycle.phase().to_string();
            json!({ "ok": { "phase": phase, "pid": std::process::id(), "workers": workers } })
        }
        Err(problem) => error(&problem.to_string()),
    }
}

fn reload(verbs: &Verbs) -> Value {
    match verbs.reloader.reload(SystemTime::now()) {
        Ok(reloaded) => json!({ "ok": reloaded.to_string() }),
        Err(report) => error(&report.to_string()),
    }
}

fn said<T: Serialize, E: std::fmt::Display>(answer: Result<T, E>) -> Value {
    match answer {
        Ok(answer) => json!({ "ok": answer }),
        Err(problem) => error(&problem.to_string()),
    }
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}
