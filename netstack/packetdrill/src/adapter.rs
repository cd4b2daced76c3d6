//! packetdrill's shared-object interface: `packetdrill --so_filename=.. --so_flags=..`.
//!
//! packetdrill loads the library, calls [`packetdrill_interface_init`], and from then on calls the
//! functions of the table it was given where it would otherwise make system calls. A call that
//! blocks is made on a thread of its own while the other one plays packets, so everything lies
//! behind one mutex. Descriptors are real ones, for packetdrill closes what a script leaves open by
//! itself, and not through the table.
//!
//! `unsafe` lives here alone. What every function relies on, and packetdrill keeps: pointers are
//! valid for the length that comes with them, `userdata` is what the table has, and nothing is
//! called after `free`.

mod control;
mod data;
mod memory;
mod missing;
mod netdev;
mod shared;
mod sockets;

use std::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_uint, c_ulong, c_void};
use std::io::Write as _;

use libc::{
    epoll_event, iovec, loff_t, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t,
    timeval, useconds_t,
};
use netstack::Instant;

use crate::flags::HostConfig;
use crate::host::Host;
use shared::Shared;

/// Declares the table: every entry once, in packetdrill's order.
macro_rules! table {
    ($($name:ident: fn($($type:ty),*) -> $result:ty = $function:path;)+) => {
        /// `struct packetdrill_interface`: the table that packetdrill calls through. A variadic
        /// function has its one argument declared: on x86-64 and AArch64 Linux it is passed like
        /// any other.
        #[repr(C)]
        pub struct Interface {
            userdata: *mut c_void,
            free: unsafe extern "C" fn(*mut c_void),
            $($name: unsafe extern "C" fn(*mut c_void $(, $type)*) -> $result,)+
        }

        impl Interface {
            fn new(userdata: *mut c_void) -> Self {
                Self { userdata, free: shared::free, $($name: $function,)+ }
            }
        }
    };
}

table! {
    socket: fn(c_int, c_int, c_int) -> c_int = sockets::socket;
    bind: fn(c_int, *const sockaddr, socklen_t) -> c_int = sockets::bind;
    listen: fn(c_int, c_int) -> c_int = sockets::listen;
    accept: fn(c_int, *mut sockaddr, *mut socklen_t) -> c_int = sockets::accept;
    connect: fn(c_int, *const sockaddr, socklen_t) -> c_int = sockets::connect;
    read: fn(c_int, *mut c_void, size_t) -> ssize_t = data::read;
    readv: fn(c_int, *const iovec, c_int) -> ssize_t = data::readv;
    recv: fn(c_int, *mut c_void, size_t, c_int) -> ssize_t = data::recv;
    recvfrom: fn(c_int, *mut c_void, size_t, c_int, *mut sockaddr, *mut socklen_t) -> ssize_t
        = data::recvfrom;
    recvmsg: fn(c_int, *mut msghdr, c_int) -> ssize_t = data::recvmsg;
    write: fn(c_int, *const c_void, size_t) -> ssize_t = data::write;
    writev: fn(c_int, *const iovec, c_int) -> ssize_t = data::writev;
    send: fn(c_int, *const c_void, size_t, c_int) -> ssize_t = data::send;
    sendto: fn(c_int, *const c_void, size_t, c_int, *const sockaddr, socklen_t) -> ssize_t
        = data::sendto;
    sendmsg: fn(c_int, *const msghdr, c_int) -> ssize_t = data::sendmsg;
    fcntl: fn(c_int, c_int, *mut c_void) -> c_int = control::fcntl;
    ioctl: fn(c_int, c_ulong, *mut c_void) -> c_int = control::ioctl;
    close: fn(c_int) -> c_int = sockets::close;
    shutdown: fn(c_int, c_int) -> c_int = sockets::shutdown;
    getsockopt: fn(c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int
        = control::getsockopt;
    setsockopt: fn(c_int, c_int, c_int, *const c_void, socklen_t) -> c_int = control::setsockopt;
    poll: fn(*mut pollfd, nfds_t, c_int) -> c_int = control::poll;
    netdev_send: fn(*const c_void, size_t) -> c_int = netdev::send;
    netdev_receive: fn(*mut c_void, *mut size_t, *mut c_longlong) -> c_int = netdev::receive;
    usleep: fn(useconds_t) -> c_int = netdev::usleep;
    gettimeofday: fn(*mut timeval, *mut c_void) -> c_int = netdev::gettimeofday;
    epoll_create: fn(c_int) -> c_int = missing::epoll_create;
    epoll_ctl: fn(c_int, c_int, c_int, *mut epoll_event) -> c_int = missing::epoll_ctl;
    epoll_wait: fn(c_int, *mut epoll_event, c_int, c_int) -> c_int = missing::epoll_wait;
    pipe: fn(*mut c_int) -> c_int = missing::pipe;
    splice: fn(c_int, *mut loff_t, c_int, *mut loff_t, size_t, c_uint) -> c_int = missing::splice;
}

/// A pointer and 32 functions: one more or less, and every entry behind it is another.
const _: () = assert!(size_of::<Interface>() == 33 * size_of::<c_long>());

/// When the clock begins: not at 0, which packetdrill takes for 'never'.
const START: Instant = Instant::from_millis(1_000);

/// Fills packetdrill's table. `flags` is what `--so_flags` said, or null. A flag that is not
/// understood ends the process with a message: packetdrill gives no way to report it.
///
/// # Safety
/// `flags` is null or a C string, `interface` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn packetdrill_interface_init(
    flags: *const c_char,
    interface: *mut Interface,
) {
    let mut config = HostConfig::new();
    if !flags.is_null() {
        // SAFETY: the caller passes a C string, which it keeps during this call.
        let flags = unsafe { CStr::from_ptr(flags) }.to_string_lossy();
        if let Err(what) = config.apply(&flags) {
            give_up(&format!("--so_flags: {what}"));
        }
    }
    let host = match Host::new(config, START) {
        Ok(host) => host,
        Err(error) => give_up(&format!("--so_flags: no engine can run so: {error}")),
    };
    let userdata = Box::into_raw(Box::new(Shared::new(host)));
    // SAFETY: the caller passes a table to be filled.
    unsafe { interface.write(Interface::new(userdata.cast())) };
}

/// Says why, and ends the process.
fn give_up(what: &str) -> ! {
    // Nobody is left to tell that this failed.
    drop(writeln!(std::io::stderr(), "netstack-packetdrill: {what}"));
    std::process::exit(1)
}
