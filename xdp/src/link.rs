//! Facts of an interface, as seen from the caller's network namespace.
//!
//! They are asked for by ioctl: `/sys/class/net` shows the namespace it was mounted in, which is
//! another one for a thread that has entered a namespace.

use std::io;
use std::os::fd::AsFd;

use kernel_version::KernelVersion;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::kernel::NETDEV_FEATURES;
use crate::netdev;
use crate::syscall::{self, Name};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Whether an interface is administratively up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `ip link set up`
    Up,
    /// `ip link set down`
    Down,
}

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// Its name.
    pub name: String,
    /// Its index in this namespace.
    pub index: u32,
    /// The driver's name; `None` if the driver does not tell, as of `lo`.
    pub driver: Option<String>,
    /// Its Ethernet address; `None` if it has none.
    pub mac: Option<Mac>,
    /// The largest IP packet, in bytes.
    pub mtu_bytes: u32,
    /// Receive queues in use.
    pub rx_queues: u32,
    /// Transmit queues in use.
    pub tx_queues: u32,
    /// Up or down.
    pub state: State,
    /// What the driver can do for XDP; `None` if this kernel can't tell (before 6.3), and only
    /// trying shows.
    pub xdp: Option<XdpFeatures>,
}

/// What a driver can do for XDP (`enum netdev_xdp_act`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpFeatures(u64);

impl XdpFeatures {
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// It runs programs itself and redirects what they say: native mode.
    #[must_use]
    pub const fn has_native(self) -> bool {
        self.0 & NATIVE == NATIVE
    }

    /// It receives into the UMEM and sends from it.
    #[must_use]
    pub const fn has_zero_copy(self) -> bool {
        self.0 & NETDEV_XDP_ACT_XSK_ZEROCOPY != 0
    }

    /// Its native programs take frames in several buffers.
    #[must_use]
    pub const fn has_multi_buffer(self) -> bool {
        self.0 & NETDEV_XDP_ACT_RX_SG != 0
    }
}

/// The names of all interfaces, in alphabetical order.
///
/// # Errors
/// The kernel refuses to tell.
pub fn names() -> io::Result<Vec<String>> {
    // The namespace of the thread that reads, which /sys does not show.
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    // A name may have a colon (`eth0:1`); numbers have none.
    let lines =
        text.lines().filter_map(|line| line.rsplit_once(": ").or_else(|| line.rsplit_once(':')));
    let mut names: Vec<_> = lines.map(|(name, _)| name.trim().to_owned()).collect();
    names.sort();
    Ok(names)
}

impl LinkFacts {
    /// Asks the kernel about the interface `name`.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name; others if the kernel refuses to tell.
    pub fn of(name: &str) -> io::Result<Self> {
        let kernel_name = Name::new(name).ok_or(io::ErrorKind::NotFound)?;
        let socket =
            socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        let socket = socket.as_fd();
        let index = netdevice::name_to_index(socket, name).map_err(not_found)?;
        let mtu_bytes = syscall::interface_mtu(socket, &kernel_name).map_err(not_found)?;
        let flags = syscall::interface_flags(socket, &kernel_name).map_err(not_found)?;
        let (hardware, mac) = syscall::interface_mac(socket, &kernel_name).map_err(not_found)?;
        let queues = Queues::of(syscall::channels(socket, &kernel_name).ok());
        Ok(Self {
            name: name.to_owned(),
            index,
            driver: syscall::driver_name(socket, &kernel_name).ok(),
            mac: (hardware == libc::ARPHRD_ETHER).then_some(mac),
            mtu_bytes,
            rx_queues: queues.rx,
            tx_queues: queues.tx,
            state: if flags & libc::IFF_UP == 0 { State::Down } else { State::Up },
            xdp: xdp_features(index),
        })
    }
}

struct Queues {
    rx: u32,
    tx: u32,
}

impl Queues {
    /// A driver without the ethtool call has one queue of each kind, as far as one can use them.
    fn of(channels: Option<crate::sys::EthtoolChannels>) -> Self {
        let (rx, tx) = channels
            .map_or((1, 1), |c| (c.rx_count + c.combined_count, c.tx_count + c.combined_count));
        Self { rx: rx.max(1), tx: tx.max(1) }
    }
}

fn not_found(error: impl Into<io::Error>) -> io::Error {
    let error = error.into();
    if error.raw_os_error() == Some(libc::ENODEV) { io::ErrorKind::NotFound.into() } else { error }
}

fn xdp_features(index: u32) -> Option<XdpFeatures> {
    if KernelVersion::effective() < NETDEV_FEATURES {
        return None;
    }
    netdev::xdp_features(index).ok().map(XdpFeatures::from_bits)
}

/// NETDEV_XDP_ACT_BASIC and NETDEV_XDP_ACT_REDIRECT.
const NATIVE: u64 = 1 | 2;
const NETDEV_XDP_ACT_XSK_ZEROCOPY: u64 = 8;
const NETDEV_XDP_ACT_RX_SG: u64 = 32;
