//! Reading and writing.

use std::ffi::{c_int, c_void};

use libc::{iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t};

use super::memory::{buffers, bytes, fail, fill, gather, put_address, scatter};
use super::shared::shared;
use crate::errno::Errno;
use crate::host::{Answer, Blocking, Call};

/// What `MSG_..` says: only that a call is not to wait.
fn blocking_of(flags: c_int) -> Result<Blocking, Errno> {
    match flags & !libc::MSG_NOSIGNAL {
        0 => Ok(Blocking::Waits),
        libc::MSG_DONTWAIT => Ok(Blocking::Fails),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// Reads up to `len` bytes.
///
/// # Safety
/// As [`super`] says, as for all functions here.
unsafe fn take(
    userdata: *mut c_void,
    fd: c_int,
    len: usize,
    flags: c_int,
) -> Result<Vec<u8>, Errno> {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let blocking = blocking_of(flags)?;
    let socket = shared.lock().socket(fd)?;
    match shared.call(Call::Read { socket, len }, blocking)? {
        Answer::Read(bytes) => Ok(bytes),
        Answer::Done | Answer::Accepted(_) | Answer::Written(_) => Err(Errno::EINVAL),
    }
}

/// Queues bytes for sending.
unsafe fn give(userdata: *mut c_void, fd: c_int, bytes: Vec<u8>, flags: c_int) -> ssize_t {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let result = blocking_of(flags).and_then(|blocking| {
        let socket = shared.lock().socket(fd)?;
        shared.call(Call::write(socket, bytes), blocking)
    });
    match result {
        Ok(Answer::Written(count)) => ssize_t::try_from(count).unwrap_or(ssize_t::MAX),
        Ok(_) => fail(Errno::EINVAL),
        Err(error) => fail(error),
    }
}

fn count(bytes: &[u8]) -> ssize_t {
    ssize_t::try_from(bytes.len()).unwrap_or(ssize_t::MAX)
}

fn total(list: &[iovec]) -> usize {
    list.iter().map(|part| part.iov_len).sum()
}

pub(super) unsafe extern "C" fn read(
    userdata: *mut c_void,
    fd: c_int,
    at: *mut c_void,
    len: size_t,
) -> ssize_t {
    // SAFETY: the caller's.
    unsafe { recv(userdata, fd, at, len, 0) }
}

pub(super) unsafe extern "C" fn recv(
    userdata: *mut c_void,
    fd: c_int,
    at: *mut c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's.
    match unsafe { take(userdata, fd, len, flags) } {
        Ok(taken) => {
            // SAFETY: the caller's.
            unsafe { fill(at, len, &taken) };
            count(&taken)
        }
        Err(error) => fail(error),
    }
}

pub(super) unsafe extern "C" fn recvfrom(
    userdata: *mut c_void,
    fd: c_int,
    at: *mut c_void,
    len: size_t,
    flags: c_int,
    from: *mut sockaddr,
    from_len: *mut socklen_t,
) -> ssize_t {
    // SAFETY: the caller's.
    let result = unsafe { recv(userdata, fd, at, len, flags) };
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let state = shared.lock();
    let ends = state.socket(fd).ok().and_then(|socket| state.host.ends(socket));
    if let (0.., Some((_, remote))) = (result, ends) {
        // SAFETY: the caller's.
        unsafe { put_address(from, from_len, remote) };
    }
    result
}

pub(super) unsafe extern "C" fn readv(
    userdata: *mut c_void,
    fd: c_int,
    list: *const iovec,
    parts: c_int,
) -> ssize_t {
    // SAFETY: the caller's.
    let list = unsafe { buffers(list, usize::try_from(parts).unwrap_or(0)) };
    // SAFETY: the caller's.
    match unsafe { take(userdata, fd, total(list), 0) } {
        Ok(taken) => {
            // SAFETY: the caller's.
            unsafe { scatter(list, &taken) };
            count(&taken)
        }
        Err(error) => fail(error),
    }
}

pub(super) unsafe extern "C" fn recvmsg(
    userdata: *mut c_void,
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's.
    let message = unsafe { &mut *message };
    // SAFETY: the caller's.
    let list = unsafe { buffers(message.msg_iov, message.msg_iovlen) };
    // SAFETY: the caller's.
    match unsafe { take(userdata, fd, total(list), flags) } {
        Ok(taken) => {
            // SAFETY: the caller's.
            unsafe { scatter(list, &taken) };
            // Nothing comes beside the bytes.
            message.msg_controllen = 0;
            message.msg_flags = 0;
            count(&taken)
        }
        Err(error) => fail(error),
    }
}

pub(super) unsafe extern "C" fn write(
    userdata: *mut c_void,
    fd: c_int,
    at: *const c_void,
    len: size_t,
) -> ssize_t {
    // SAFETY: the caller's.
    unsafe { send(userdata, fd, at, len, 0) }
}

pub(super) unsafe extern "C" fn send(
    userdata: *mut c_void,
    fd: c_int,
    at: *const c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's.
    unsafe { give(userdata, fd, bytes(at, len).to_vec(), flags) }
}

pub(super) unsafe extern "C" fn sendto(
    userdata: *mut c_void,
    fd: c_int,
    at: *const c_void,
    len: size_t,
    flags: c_int,
    _to: *const sockaddr,
    _to_len: socklen_t,
) -> ssize_t {
    // A stream has its peer already: the address counts for nothing.
    // SAFETY: the caller's.
    unsafe { send(userdata, fd, at, len, flags) }
}

pub(super) unsafe extern "C" fn writev(
    userdata: *mut c_void,
    fd: c_int,
    list: *const iovec,
    parts: c_int,
) -> ssize_t {
    // SAFETY: the caller's.
    unsafe {
        let list = buffers(list, usize::try_from(parts).unwrap_or(0));
        give(userdata, fd, gather(list), 0)
    }
}

pub(super) unsafe extern "C" fn sendmsg(
    userdata: *mut c_void,
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's.
    unsafe {
        let list = buffers((*message).msg_iov, (*message).msg_iovlen);
        give(userdata, fd, gather(list), flags)
    }
}
