//! The first kernels that have what packet I/O can use.

use kernel_version::KernelVersion;

/// What a driver can do for XDP, told by netlink.
pub(crate) const NETDEV_FEATURES: KernelVersion = KernelVersion::new(6, 3);
/// Packets of several buffers (XDP_USE_SG).
pub(crate) const MULTI_BUFFER: KernelVersion = KernelVersion::new(6, 6);
/// XDP_MAX_TX_SKB_BUDGET.
pub(crate) const TX_BUDGET: KernelVersion = KernelVersion::new(6, 17);
