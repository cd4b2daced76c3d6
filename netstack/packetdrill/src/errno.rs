//! Why a call failed, as C programs know it.

use std::fmt;

/// An error number of `errno.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

/// Declares the numbers that calls give, with their names.
macro_rules! errnos {
    ($($name:ident,)+) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "` of `errno.h`.")]
            pub const $name: Self = Self(libc::$name);)+

            /// The number of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Its name.
            const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EALREADY, EBADF, ECONNABORTED, ECONNREFUSED,
    ECONNRESET, EFAULT, EHOSTUNREACH, EINPROGRESS, EINVAL, EISCONN, EMFILE, ENETUNREACH, ENOBUFS,
    ENOPROTOOPT, ENOSYS, ENOTCONN, EOPNOTSUPP, EPIPE, EPROTONOSUPPORT, ETIMEDOUT,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}
