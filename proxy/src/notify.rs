//! What the service manager is told: ready, reloading, stopping. The protocol is that of
//! sd_notify(3): a datagram of assignments to the socket that `NOTIFY_SOCKET` names.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// Names the service manager's socket: a path, or a name in the abstract namespace behind `@`.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// How long the service manager may keep weir waiting.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The way to the service manager. Without one, nobody is told.
#[derive(Debug, Default)]
pub(crate) struct Notifier(Option<Target>);

#[derive(Debug)]
struct Target {
    socket: UnixDatagram,
    address: SocketAddr,
}

/// How a reload came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// The new configuration is in use.
    Done,
    /// The old one still is.
    Refused,
}

impl Notifier {
    /// The service manager that started this process. One that can't be told is as none, and the log
    /// says why.
    pub(crate) fn from_environment() -> Self {
        let Some(name) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) else {
            return Self(None);
        };
        Self::to(&name).unwrap_or_else(|error| {
            warn!(?name, %error, "the service manager is not told: see NOTIFY_SOCKET");
            Self(None)
        })
    }

    /// The service manager at `name`.
    ///
    /// # Errors
    /// No name of a socket, or no socket to send from.
    fn to(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(Some(Target { socket, address })))
    }

    /// Every listener serves.
    pub(crate) fn ready(&self) {
        self.send("READY=1\nSTATUS=Serving");
    }

    /// The configuration is being read again. [`Self::reloaded`] must follow.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::try_from(now).unwrap_or_default().as_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// The reload is over, and weir serves as before or anew.
    pub(crate) fn reloaded(&self, reload: Reload) {
        match reload {
            Reload::Done => self.ready(),
            Reload::Refused => self.send(
                "READY=1\nSTATUS=Serving, with the configuration before the last reload, which was \
                 refused: see the log",
            ),
        }
    }

    /// No new connection is taken from now on, or soon.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Draining");
    }

    fn send(&self, state: &str) {
        let Self(Some(Target { socket, address })) = self else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            warn!(%error, state, "the service manager was not told");
        }
    }
}
