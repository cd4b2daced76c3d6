//! Where a backend is, and the socket to reach it by.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::ConnectError;

/// A backend's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP over IPv4 or IPv6.
    Inet(SocketAddr),
    /// A unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl Address {
    /// The form the kernel reads.
    pub(crate) fn to_kernel(&self) -> Result<SocketAddrAny, ConnectError> {
        match self {
            Self::Inet(address) => Ok((*address).into()),
            Self::Unix(path) => {
                let address = SocketAddrUnix::new(path).map_err(|_| ConnectError::Path)?;
                Ok(address.into())
            }
        }
    }

    /// A stream socket for this address.
    ///
    /// It is not marked non-blocking: io_uring never blocks the worker on a socket, and takes the
    /// mark as a wish to see `EAGAIN` instead of waiting.
    pub(crate) fn open(&self) -> Result<OwnedFd, ConnectError> {
        let family = match self {
            Self::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
            Self::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
            Self::Unix(_) => AddressFamily::UNIX,
        };
        rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|errno| ConnectError::Socket(errno.into()))
    }
}
