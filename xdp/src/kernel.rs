//! The running kernel's version, and the newest one that weir may make use of.

use std::fmt;

/// Environment variable that hides what is newer than the version in it, as in `6.1`.
const KERNEL_MAX: &str = "WEIR_KERNEL_MAX";

/// A kernel version: `6.18`. The patch level says nothing about features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelVersion {
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

    /// The version whose features are used: the running one or `WEIR_KERNEL_MAX`, the older.
    #[must_use]
    pub fn effective() -> Self {
        let running = Self::running();
        std::env::var(KERNEL_MAX)
            .ok()
            .and_then(|text| Self::parse(&text))
            .map_or(running, |limit| limit.min(running))
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

/// What a driver can do for XDP, told by netlink.
pub(crate) const NETDEV_FEATURES: KernelVersion = KernelVersion::new(6, 3);
/// Packets of several buffers (XDP_USE_SG).
pub(crate) const MULTI_BUFFER: KernelVersion = KernelVersion::new(6, 6);
/// Checksum and timestamp requests in front of a transmitted frame.
pub(crate) const TX_METADATA: KernelVersion = KernelVersion::new(6, 8);
/// XDP_MAX_TX_SKB_BUDGET.
pub(crate) const TX_BUDGET: KernelVersion = KernelVersion::new(6, 17);
