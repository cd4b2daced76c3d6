//! A pool of servers that speak one protocol and are interchangeable.

use std::num::NonZeroU16;
use std::time::Duration;

pub(crate) use weir_io::Address;

/// Servers of which any one can serve a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// Its name in the configuration, the key of `[pool.NAME]`.
    pub(crate) name: String,
    /// Stays the same for this name over every reload, and is never given to another name.
    pub(crate) index: u32,
    /// At least one.
    pub(crate) servers: Vec<Server>,
    /// How long one connect may take before the next server is tried.
    pub(crate) connect_timeout: Duration,
}

/// One server of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its address as the configuration spells it: what logs and metrics call it.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: Address,
    /// Its share of the pool's connections.
    pub(crate) weight: Weight,
}

/// Relative share of a server: 1 to 256, 1 unless configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight(NonZeroU16);

impl Weight {
    /// The largest weight.
    pub(crate) const MAX: u16 = 256;
    /// The weight of a server without one.
    pub(crate) const ONE: Self = Self(NonZeroU16::MIN);

    /// `None` outside 1 to 256.
    pub(crate) fn new(value: u16) -> Option<Self> {
        (value <= Self::MAX).then(|| NonZeroU16::new(value)).flatten().map(Self)
    }

    /// The plain number.
    pub(crate) fn get(self) -> u16 {
        self.0.get()
    }
}
