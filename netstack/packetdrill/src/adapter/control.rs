//! Options, flags, readiness.

use std::ffi::{c_int, c_short, c_ulong, c_void};

use libc::{linger, nfds_t, pollfd, socklen_t};
use netstack::Span;

use super::memory::{bytes, fail, fill};
use super::shared::{State, shared, with};
use crate::errno::Errno;
use crate::host::{Blocking, Linger, Opt, OptValue, Readiness};
use crate::tcp_info::TcpInfo;

/// # Safety
/// As [`super`] says, as for all functions here.
pub(super) unsafe extern "C" fn fcntl(
    userdata: *mut c_void,
    fd: c_int,
    command: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            let socket = state.socket(fd)?;
            match command {
                libc::F_GETFL => Ok(match state.host.blocking(socket)? {
                    Blocking::Waits => libc::O_RDWR,
                    Blocking::Fails => libc::O_RDWR | libc::O_NONBLOCK,
                }),
                libc::F_SETFL => {
                    // An int, wherever the upper half of the register comes from.
                    let nonblocking = argument.addr() & libc::O_NONBLOCK.cast_unsigned() as usize;
                    let blocking = if nonblocking == 0 { Blocking::Waits } else { Blocking::Fails };
                    state.host.set_blocking(socket, blocking).map(|()| 0)
                }
                _ => Err(Errno::EINVAL),
            }
        })
    }
}

pub(super) unsafe extern "C" fn ioctl(
    userdata: *mut c_void,
    fd: c_int,
    request: c_ulong,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller's: these requests have an int as their argument.
    unsafe {
        with(userdata, |state| {
            let socket = state.socket(fd)?;
            let count = match request {
                libc::FIONREAD => state.host.unread_bytes(socket)?,
                libc::TIOCOUTQ => state.host.info(socket).map_or(0, |info| info.send_queue_bytes),
                _ => return Err(Errno::EINVAL),
            };
            let count = c_int::try_from(count).unwrap_or(c_int::MAX);
            fill(argument, size_of::<c_int>(), &count.to_ne_bytes());
            Ok(0)
        })
    }
}

pub(super) unsafe extern "C" fn getsockopt(
    userdata: *mut c_void,
    fd: c_int,
    level: c_int,
    name: c_int,
    at: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's: `len` says how many bytes `at` takes.
    unsafe {
        with(userdata, |state| {
            let socket = state.socket(fd)?;
            let option = Opt::from_numbers(level, name).ok_or(Errno::ENOPROTOOPT)?;
            let value = match state.host.option(socket, option)? {
                OptValue::Int(number) => number.to_ne_bytes().to_vec(),
                OptValue::Linger(Linger::Off) => vec![0; size_of::<linger>()],
                OptValue::Linger(Linger::Seconds(seconds)) => {
                    [1u32.to_ne_bytes(), seconds.to_ne_bytes()].concat()
                }
                // Plain numbers, and every byte of the structure is one of them: see below.
                OptValue::Info(info) => {
                    bytes((&raw const info).cast(), size_of::<TcpInfo>()).to_vec()
                }
            };
            if len.is_null() {
                return Err(Errno::EFAULT);
            }
            let count = fill(at, *len as usize, &value);
            *len = socklen_t::try_from(count).unwrap_or(0);
            Ok(0)
        })
    }
}

/// As long as its fields together: 8 octets, 24 words, 4 double words, 6 words, 1 double word.
const _: () = assert!(size_of::<TcpInfo>() == 8 + 24 * 4 + 4 * 8 + 6 * 4 + 8);

pub(super) unsafe extern "C" fn setsockopt(
    userdata: *mut c_void,
    fd: c_int,
    level: c_int,
    name: c_int,
    at: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller's.
    let value = unsafe { bytes(at, len as usize) };
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            let socket = state.socket(fd)?;
            let option = Opt::from_numbers(level, name).ok_or(Errno::ENOPROTOOPT)?;
            let (words, _) = value.as_chunks::<4>();
            let word = |at: usize| words.get(at).map(|word| i32::from_ne_bytes(*word));
            let first = word(0).ok_or(Errno::EINVAL)?;
            let value = match (option, word(1)) {
                (Opt::Linger, None) => return Err(Errno::EINVAL),
                (Opt::Linger, Some(_)) if first == 0 => OptValue::Linger(Linger::Off),
                (Opt::Linger, Some(seconds)) => {
                    OptValue::Linger(Linger::Seconds(u32::try_from(seconds).unwrap_or(0)))
                }
                _ => OptValue::Int(first),
            };
            state.host.set_option(socket, option, value).map(|()| 0)
        })
    }
}

/// Waits until one of the sockets is ready, or for `timeout_ms` of virtual time; below 0 without
/// a limit.
pub(super) unsafe extern "C" fn poll(
    userdata: *mut c_void,
    list: *mut pollfd,
    len: nfds_t,
    timeout_ms: c_int,
) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let len = usize::try_from(len).unwrap_or(0);
    if list.is_null() && len > 0 {
        return fail(Errno::EFAULT);
    }
    let list = if len == 0 {
        &mut []
    } else {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(list, len) }
    };
    let mut state = shared.lock();
    let wait_ms = u64::try_from(timeout_ms).ok();
    let end = wait_ms.map(|wait_ms| state.host.now() + Span::from_millis(wait_ms));
    loop {
        let ready = list.iter_mut().filter_map(|entry| look(&state, entry)).count();
        if ready > 0 || end.is_some_and(|end| state.host.now() >= end) {
            return c_int::try_from(ready).unwrap_or(c_int::MAX);
        }
        state = shared.wait(state);
    }
}

/// Fills `revents`; `None` if nothing is to tell.
fn look(state: &State, entry: &mut pollfd) -> Option<()> {
    entry.revents = 0;
    let readiness = match state.socket(entry.fd).and_then(|socket| state.host.readiness(socket)) {
        Ok(readiness) => readiness,
        Err(_) if entry.fd < 0 => return None,
        Err(_) => {
            entry.revents = libc::POLLNVAL;
            return Some(());
        }
    };
    let Readiness { readable, writable, error, hung_up } = readiness;
    let bit = |set: bool, bit: c_short| if set { bit } else { 0 };
    let asked = bit(readable, libc::POLLIN) | bit(writable, libc::POLLOUT);
    entry.revents = asked & entry.events | bit(error, libc::POLLERR) | bit(hung_up, libc::POLLHUP);
    (entry.revents != 0).then_some(())
}
