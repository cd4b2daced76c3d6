//! A question to the running weir through its admin socket.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks `verb` of the weir that listens on `socket`.
///
/// # Errors
/// [`AskError`].
pub(super) fn ask<T: DeserializeOwned>(socket: &Path, verb: &str) -> Result<T, AskError> {
    let no_answer = |error| AskError::NoAnswer { socket: socket.to_owned(), error };
    let text = exchange(socket, verb).map_err(no_answer)?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|_| AskError::Garbled)?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(AskError::Refused(error.to_owned()));
    }
    let ok = answer.get_mut("ok").map(Value::take).ok_or(AskError::Garbled)?;
    serde_json::from_value(ok).map_err(|_| AskError::Garbled)
}

fn exchange(socket: &Path, verb: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("{verb}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum AskError {
    /// Nobody listens, or the socket is not ours to use.
    NoAnswer {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The answer can't be read: it is from another version.
    Garbled,
    /// weir says no.
    Refused(String),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { socket, error } => {
                let hint = match error.kind() {
                    io::ErrorKind::PermissionDenied => "; use sudo, or join the socket's group",
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        "; is weir running? another socket: --socket PATH"
                    }
                    _ => "",
                };
                write!(f, "no answer from {}: {error}{hint}", socket.display())
            }
            Self::Garbled => f.write_str("the answer makes no sense: is it the same version?"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for AskError {}
