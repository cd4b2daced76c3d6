//! The running kernel's version, and the newest one that weir may make use of.
//!
//! Packet I/O and io_uring ask the same question: is a feature there, and may it be used? The
//! environment variable `WEIR_KERNEL_MAX` hides what is newer than the version in it, so that a new
//! kernel can stand in for an old one.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::fmt;

/// A kernel version: `6.18`. The patch level says nothing about features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelVersion {
    /// The environment variable that hides newer kernels' features, as in `6.1`.
    pub const MAX_VARIABLE: &'static str = "WEIR_KERNEL_MAX";

    /// A version from its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The version that runs; `0.0` if its name has another form.
    #[must_use]
    pub fn running() -> Self {
        let name = rustix::system::uname();
        name.release().to_str().ok().and_then(Self::parse).unwrap_or(Self::new(0, 0))
    }

    /// What [`MAX_VARIABLE`](Self::MAX_VARIABLE) says, if it is set and a version.
    #[must_use]
    pub fn max_from_environment() -> Option<Self> {
        std::env::var(Self::MAX_VARIABLE).ok().and_then(|text| Self::parse(&text))
    }

    /// The version whose features are used: the running one or
    /// [`MAX_VARIABLE`](Self::MAX_VARIABLE)'s, the older.
    #[must_use]
    pub fn effective() -> Self {
        let running = Self::running();
        Self::max_from_environment().map_or(running, |limit| limit.min(running))
    }

    /// Reads the start of a release name such as `6.1.0-18-amd64`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(|c: char| !c.is_ascii_digit());
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
