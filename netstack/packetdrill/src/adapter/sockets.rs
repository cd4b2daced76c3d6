//! Sockets and connections.

use std::ffi::{c_int, c_void};

use libc::{sockaddr, socklen_t};

use super::memory::{address, fail, put_address};
use super::shared::{shared, with};
use crate::errno::Errno;
use crate::host::{Answer, Blocking, Call, Half};

/// # Safety
/// As [`super`] says, as for all functions here.
pub(super) unsafe extern "C" fn socket(
    userdata: *mut c_void,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> c_int {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            if domain != libc::AF_INET && domain != libc::AF_INET6 {
                return Err(Errno::EAFNOSUPPORT);
            }
            let tcp = protocol == 0 || protocol == libc::IPPROTO_TCP;
            if kind & !flags != libc::SOCK_STREAM || !tcp {
                return Err(Errno::EPROTONOSUPPORT);
            }
            let socket = state.host.socket();
            if kind & libc::SOCK_NONBLOCK != 0 {
                state.host.set_blocking(socket, Blocking::Fails)?;
            }
            state.name(socket)
        })
    }
}

pub(super) unsafe extern "C" fn bind(
    userdata: *mut c_void,
    fd: c_int,
    at: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller's.
    let address = unsafe { address(at, len) };
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            let socket = state.socket(fd)?;
            state.host.bind(socket, address?).map(|()| 0)
        })
    }
}

pub(super) unsafe extern "C" fn listen(userdata: *mut c_void, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            let socket = state.socket(fd)?;
            state.host.listen(socket, u32::try_from(backlog).unwrap_or(1)).map(|()| 0)
        })
    }
}

pub(super) unsafe extern "C" fn accept(
    userdata: *mut c_void,
    fd: c_int,
    at: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let socket = shared.lock().socket(fd);
    let result = socket.and_then(|socket| shared.call(Call::Accept(socket), Blocking::Waits));
    let accepted = match result {
        Ok(Answer::Accepted(accepted)) => accepted,
        Ok(_) => return fail(Errno::EINVAL),
        Err(error) => return fail(error),
    };
    let mut state = shared.lock();
    if let Some((_, remote)) = state.host.ends(accepted) {
        // SAFETY: the caller's.
        unsafe { put_address(at, len, remote) };
    }
    state.name(accepted).unwrap_or_else(fail)
}

pub(super) unsafe extern "C" fn connect(
    userdata: *mut c_void,
    fd: c_int,
    at: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    // SAFETY: the caller's.
    let remote = unsafe { address(at, len) };
    let socket = shared.lock().socket(fd);
    let call = socket.and_then(|socket| Ok(Call::connect(socket, remote?)));
    match call.and_then(|call| shared.call(call, Blocking::Waits)) {
        Ok(_) => 0,
        Err(error) => fail(error),
    }
}

pub(super) unsafe extern "C" fn shutdown(userdata: *mut c_void, fd: c_int, how: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            let half = match how {
                libc::SHUT_RD => Half::Read,
                libc::SHUT_WR => Half::Write,
                libc::SHUT_RDWR => Half::Both,
                _ => return Err(Errno::EINVAL),
            };
            let socket = state.socket(fd)?;
            state.host.shutdown(socket, half).map(|()| 0)
        })
    }
}

pub(super) unsafe extern "C" fn close(userdata: *mut c_void, fd: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            let socket = state.forget(fd)?;
            // SAFETY: the descriptor came from `State::name`, was in its table until now, and so
            // was not closed before.
            rustix::io::close(fd);
            state.host.close(socket).map(|()| 0)
        })
    }
}
