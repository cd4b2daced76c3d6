//! The calls that rustix does not have.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sys;

/// In the form that addresses have.
const AF_PACKET: libc::sa_family_t = 17;
const _: () = assert!(AF_PACKET as libc::c_int == libc::AF_PACKET);

/// Raises what one `sendto` moves in copy mode. The TX ring must exist; `descriptors` is from 32
/// to its length.
pub(crate) fn set_tx_budget(socket: BorrowedFd<'_>, descriptors: u32) -> io::Result<()> {
    set_option(socket, (libc::SOL_XDP, sys::XDP_MAX_TX_SKB_BUDGET), descriptors)
}

/// Turns on an option of an AF_PACKET socket.
pub(crate) fn set_packet_option(socket: BorrowedFd<'_>, option: libc::c_int) -> io::Result<()> {
    set_option(socket, (libc::SOL_PACKET, option), 1)
}

/// Binds an AF_PACKET socket to an interface, for sending alone.
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: AF_PACKET,
        sll_protocol: 0,
        sll_ifindex: interface.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer is to a live address of the length given; the kernel only reads it.
    let result = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), socklen::<libc::sockaddr_ll>())
    };
    check(result)
}

/// The MTU of an interface.
pub(crate) fn interface_mtu(socket: BorrowedFd<'_>, name: &Name) -> io::Result<u32> {
    let request = interface_request(socket, name, libc::SIOCGIFMTU)?;
    // SAFETY: the kernel has filled this member of the union for SIOCGIFMTU.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    Ok(u32::try_from(mtu).unwrap_or(0))
}

/// The IFF_ flags of an interface.
pub(crate) fn interface_flags(socket: BorrowedFd<'_>, name: &Name) -> io::Result<i32> {
    let request = interface_request(socket, name, libc::SIOCGIFFLAGS)?;
    // SAFETY: the kernel has filled this member of the union for SIOCGIFFLAGS.
    Ok(i32::from(unsafe { request.ifr_ifru.ifru_flags }))
}

/// The ARP hardware type of an interface and its address.
pub(crate) fn interface_mac(socket: BorrowedFd<'_>, name: &Name) -> io::Result<(u16, [u8; 6])> {
    let request = interface_request(socket, name, libc::SIOCGIFHWADDR)?;
    // SAFETY: the kernel has filled this member of the union for SIOCGIFHWADDR.
    let address = unsafe { request.ifr_ifru.ifru_hwaddr };
    let mut mac = [0; 6];
    for (to, from) in mac.iter_mut().zip(address.sa_data) {
        *to = from.cast_unsigned();
    }
    Ok((address.sa_family, mac))
}

/// The name of an interface's driver.
pub(crate) fn driver_name(socket: BorrowedFd<'_>, name: &Name) -> io::Result<String> {
    let mut info = sys::EthtoolDrvinfo {
        cmd: sys::ETHTOOL_GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        fw_version: [0; 32],
        bus_info: [0; 32],
        erom_version: [0; 32],
        reserved2: [0; 12],
        n_priv_flags: 0,
        n_stats: 0,
        testinfo_len: 0,
        eedump_len: 0,
        regdump_len: 0,
    };
    // SAFETY: the struct is the one that ETHTOOL_GDRVINFO fills, and outlives the call.
    unsafe { ethtool(socket, name, (&raw mut info).cast()) }?;
    Ok(info.driver.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect())
}

/// The queues of an interface as its driver counts them.
pub(crate) fn channels(socket: BorrowedFd<'_>, name: &Name) -> io::Result<sys::EthtoolChannels> {
    let mut channels =
        sys::EthtoolChannels { cmd: sys::ETHTOOL_GCHANNELS, ..sys::EthtoolChannels::default() };
    // SAFETY: the struct is the one that ETHTOOL_GCHANNELS fills, and outlives the call.
    unsafe { ethtool(socket, name, (&raw mut channels).cast()) }?;
    Ok(channels)
}

/// An interface name in the kernel's form: at most 15 bytes and a zero.
#[derive(Clone, Copy)]
pub(crate) struct Name([libc::c_char; libc::IFNAMSIZ]);

impl Name {
    /// `None` if no interface can have this name.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() >= libc::IFNAMSIZ || text.contains(['\0', '/']) {
            return None;
        }
        let mut name = [0; libc::IFNAMSIZ];
        for (to, from) in name.iter_mut().zip(text.bytes()) {
            *to = from.cast_signed();
        }
        Some(Self(name))
    }
}

fn interface_request(
    socket: BorrowedFd<'_>,
    name: &Name,
    request: libc::Ioctl,
) -> io::Result<libc::ifreq> {
    let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: std::ptr::null_mut() };
    let mut argument = libc::ifreq { ifr_name: name.0, ifr_ifru };
    // SAFETY: every request used here reads the name and fills the union of this live struct.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut argument) };
    check(result)?;
    Ok(argument)
}

/// # Safety
/// `data` points to the struct that its first word, the ETHTOOL_ command, asks for.
unsafe fn ethtool(socket: BorrowedFd<'_>, name: &Name, data: *mut libc::c_char) -> io::Result<()> {
    let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: data };
    let mut argument = libc::ifreq { ifr_name: name.0, ifr_ifru };
    // SAFETY: the caller vouches for what `data` points to; `argument` outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut argument) };
    check(result)
}

/// Sets a socket option of one word, named by its level and its number.
fn set_option(
    socket: BorrowedFd<'_>,
    (level, option): (libc::c_int, libc::c_int),
    value: u32,
) -> io::Result<()> {
    // SAFETY: the pointer is to a live u32 of the length given; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            socklen::<u32>(),
        )
    };
    check(result)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("structs of the kernel are small")
}
