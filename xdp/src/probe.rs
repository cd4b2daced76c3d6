//! What this kernel can do for packet I/O, and what weir does without.

use kernel_version::KernelVersion;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::kernel::{MULTI_BUFFER, NETDEV_FEATURES, TX_BUDGET};

/// Whether a feature can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is there.
    Available,
    /// It is there, but `WEIR_KERNEL_MAX` hides it.
    Hidden,
    /// The kernel is too old, or was built without it.
    Missing,
    /// It is there for the kernel, but not for this user: a capability is missing.
    Forbidden,
}

/// One feature of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is.
    pub name: &'static str,
    /// Whether it can be used.
    pub support: Support,
    /// The kernel it came with.
    pub since: KernelVersion,
    /// What happens without it, in words for `weir doctor`.
    pub fallback: &'static str,
}

impl Feature {
    /// Whether it can be used.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.support == Support::Available
    }
}

/// Every feature that packet I/O makes use of, those of the oldest kernel first.
#[must_use]
pub fn probe() -> Vec<Feature> {
    let running = KernelVersion::running();
    let effective = KernelVersion::effective();
    let by_version = |name, since, fallback| {
        let support = if effective >= since {
            Support::Available
        } else if running >= since {
            Support::Hidden
        } else {
            Support::Missing
        };
        Feature { name, support, since, fallback }
    };
    vec![
        Feature {
            name: "AF_XDP sockets",
            support: af_xdp(),
            since: KernelVersion::new(4, 18),
            fallback: "none: weir does not run without; the kernel needs CONFIG_XDP_SOCKETS, and the \
                       user CAP_NET_RAW",
        },
        by_version(
            "XDP attached as a BPF link",
            KernelVersion::new(5, 9),
            "none: weir does not run without, since a netlink attachment would outlive a crash",
        ),
        by_version(
            "native XDP on veth with frames in several buffers",
            KernelVersion::new(5, 18),
            "the program runs in SKB mode where the MTU is above a page",
        ),
        by_version(
            "XDP features of a driver by netlink",
            NETDEV_FEATURES,
            "what a driver can do is only known once it was tried",
        ),
        by_version(
            "multi-buffer AF_XDP packets",
            MULTI_BUFFER,
            "a frame must fit one chunk of 4 KiB: an MTU above 3822 is refused",
        ),
        by_version(
            "AF_XDP TX budget",
            TX_BUDGET,
            "in copy mode the kernel is called once for every 32 frames sent",
        ),
    ]
}

fn af_xdp() -> Support {
    use rustix::io::Errno;
    match socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None) {
        Ok(_) => Support::Available,
        Err(Errno::PERM | Errno::ACCESS) => Support::Forbidden,
        Err(_) => Support::Missing,
    }
}
