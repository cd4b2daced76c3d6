//! Socket options.

use netstack::{Nagle, Span};

use super::Host;
use super::socket::{Kind, SocketId};
use crate::errno::Errno;
use crate::tcp_info::TcpInfo;

/// What a socket was told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    pub(super) linger: Linger,
    pub(super) blocking: Blocking,
    pub(super) no_delay: bool,
    pub(super) keepalive: bool,
    pub(super) reuse_address: bool,
}

/// What `close` does with what is not sent yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Linger {
    /// It is sent, and nobody waits for it.
    #[default]
    Off,
    /// So many seconds are left for it; with 0 the connection is reset.
    Seconds(u32),
}

/// What a call does that can't be done yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocking {
    /// It waits.
    #[default]
    Waits,
    /// It fails: `O_NONBLOCK`.
    Fails,
}

/// A socket option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt {
    /// `SO_REUSEADDR`.
    ReuseAddress,
    /// `SO_KEEPALIVE`.
    Keepalive,
    /// `SO_LINGER`.
    Linger,
    /// `SO_ERROR`.
    Error,
    /// `SO_TYPE`.
    Type,
    /// `TCP_NODELAY`.
    NoDelay,
    /// `TCP_MAXSEG`.
    MaxSegment,
    /// `TCP_INFO`.
    Info,
    /// `TCP_USER_TIMEOUT`.
    UserTimeout,
}

/// The value of a socket option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptValue {
    /// A number.
    Int(i32),
    /// Of `SO_LINGER`.
    Linger(Linger),
    /// Of `TCP_INFO`.
    Info(TcpInfo),
}

impl Opt {
    /// The option of that level and number; `None` if there is none that we know.
    #[must_use]
    pub const fn from_numbers(level: i32, name: i32) -> Option<Self> {
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => Some(Self::ReuseAddress),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => Some(Self::Keepalive),
            (libc::SOL_SOCKET, libc::SO_LINGER) => Some(Self::Linger),
            (libc::SOL_SOCKET, libc::SO_ERROR) => Some(Self::Error),
            (libc::SOL_SOCKET, libc::SO_TYPE) => Some(Self::Type),
            (libc::IPPROTO_TCP, libc::TCP_NODELAY) => Some(Self::NoDelay),
            (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => Some(Self::MaxSegment),
            (libc::IPPROTO_TCP, libc::TCP_INFO) => Some(Self::Info),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => Some(Self::UserTimeout),
            _ => None,
        }
    }
}

impl Host {
    /// What calls on a socket do that can't be done yet.
    ///
    /// # Errors
    /// There is no such socket.
    pub fn blocking(&self, socket: SocketId) -> Result<Blocking, Errno> {
        Ok(self.get(socket)?.settings.blocking)
    }

    /// Says what calls on a socket do that can't be done yet.
    ///
    /// # Errors
    /// There is no such socket.
    pub fn set_blocking(&mut self, socket: SocketId, blocking: Blocking) -> Result<(), Errno> {
        self.get_mut(socket)?.settings.blocking = blocking;
        Ok(())
    }

    /// Sets an option. The engine decides some things for all connections at once, by
    /// `--so_flags`: an option that asks for anything else is refused rather than ignored.
    ///
    /// # Errors
    /// The option can't be set, or not to this.
    pub fn set_option(
        &mut self,
        socket: SocketId,
        option: Opt,
        value: OptValue,
    ) -> Result<(), Errno> {
        let tcp = self.config.engine.tcp;
        let settings = &mut self.get_mut(socket)?.settings;
        match (option, value) {
            (Opt::ReuseAddress, OptValue::Int(on)) => settings.reuse_address = on != 0,
            (Opt::Linger, OptValue::Linger(linger)) => settings.linger = linger,
            (Opt::NoDelay, OptValue::Int(on)) => {
                if (on != 0) != (tcp.nagle == Nagle::Off) {
                    return Err(Errno::EOPNOTSUPP);
                }
                settings.no_delay = on != 0;
            }
            (Opt::Keepalive, OptValue::Int(on)) => {
                if (on != 0) != tcp.keepalive.is_some() {
                    return Err(Errno::EOPNOTSUPP);
                }
                settings.keepalive = on != 0;
            }
            (Opt::UserTimeout, OptValue::Int(millis)) => {
                let millis = u64::try_from(millis).map_err(|_| Errno::EINVAL)?;
                if Span::from_millis(millis) != tcp.user_timeout {
                    return Err(Errno::EOPNOTSUPP);
                }
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// Reads an option. `SO_ERROR` is cleared by it.
    ///
    /// # Errors
    /// There is no such socket.
    pub fn option(&mut self, socket: SocketId, option: Opt) -> Result<OptValue, Errno> {
        let info = self.info(socket);
        let tcp = self.config.engine.tcp;
        let entry = self.get_mut(socket)?;
        let settings = entry.settings;
        Ok(match option {
            Opt::ReuseAddress => OptValue::Int(settings.reuse_address.into()),
            Opt::Keepalive => OptValue::Int(tcp.keepalive.is_some().into()),
            Opt::Linger => OptValue::Linger(settings.linger),
            Opt::Type => OptValue::Int(libc::SOCK_STREAM),
            Opt::NoDelay => OptValue::Int((tcp.nagle == Nagle::Off).into()),
            Opt::UserTimeout => {
                let millis = tcp.user_timeout.as_millis();
                OptValue::Int(i32::try_from(millis).unwrap_or(i32::MAX))
            }
            Opt::MaxSegment => OptValue::Int(info.map_or(536, |info| info.mss_bytes.into())),
            Opt::Info => OptValue::Info(match (&entry.kind, info) {
                (Kind::Listening { .. }, _) => TcpInfo::listening(),
                (_, Some(info)) => TcpInfo::of(&info, tcp.receive_window_bytes),
                (_, None) => TcpInfo::closed(),
            }),
            Opt::Error => {
                let error = entry.stream_mut().and_then(|stream| stream.error.take());
                OptValue::Int(error.map_or(0, |error| error.0))
            }
        })
    }
}
