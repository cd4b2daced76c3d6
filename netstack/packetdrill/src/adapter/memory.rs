//! The caller's memory: addresses, buffers, lists of buffers, `errno`.

use std::ffi::{c_int, c_void};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr::NonNull;

use libc::{iovec, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

use crate::errno::Errno;

/// Sets `errno` and gives -1 as any kind of number.
pub(super) fn fail<T: From<i8>>(error: Errno) -> T {
    // SAFETY: the C library gives each thread a place of its own, which lives as long as it does.
    unsafe { *libc::__errno_location() = error.0 };
    T::from(-1)
}

/// Bytes that the caller lets us read; none if `at` is null.
///
/// # Safety
/// `at` is null or valid for `len` bytes, which do not change during `'a`.
pub(super) unsafe fn bytes<'a>(at: *const c_void, len: usize) -> &'a [u8] {
    match NonNull::new(at.cast_mut().cast::<u8>()) {
        // SAFETY: the caller's.
        Some(at) => unsafe { std::slice::from_raw_parts(at.as_ptr(), len) },
        None => &[],
    }
}

/// Writes as much of `bytes` as fits; how much that was.
///
/// # Safety
/// `at` is null or valid for writing `len` bytes.
pub(super) unsafe fn fill(at: *mut c_void, len: usize, bytes: &[u8]) -> usize {
    let count = if at.is_null() { 0 } else { bytes.len().min(len) };
    // SAFETY: the caller's; `bytes` is ours, so the two do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at.cast::<u8>(), count) };
    count
}

/// The buffers of a list.
///
/// # Safety
/// `list` is valid for `count` buffers, which are valid themselves.
pub(super) unsafe fn buffers<'a>(list: *const iovec, count: usize) -> &'a [iovec] {
    if list.is_null() {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(list, count) }
}

/// What the buffers of a list hold, one behind the other.
///
/// # Safety
/// The buffers are valid.
pub(super) unsafe fn gather(list: &[iovec]) -> Vec<u8> {
    let mut gathered = Vec::new();
    for part in list {
        // SAFETY: the caller's.
        gathered.extend_from_slice(unsafe { bytes(part.iov_base, part.iov_len) });
    }
    gathered
}

/// Spreads `bytes` over the buffers of a list.
///
/// # Safety
/// The buffers are valid for writing.
pub(super) unsafe fn scatter(list: &[iovec], bytes: &[u8]) {
    let mut rest = bytes;
    for part in list {
        // SAFETY: the caller's.
        let count = unsafe { fill(part.iov_base, part.iov_len, rest) };
        rest = &rest[count..];
    }
}

/// The address that `at` points to.
///
/// # Safety
/// `at` is null or valid for `len` bytes.
pub(super) unsafe fn address(at: *const sockaddr, len: socklen_t) -> Result<SocketAddr, Errno> {
    // SAFETY: the caller's.
    let bytes = unsafe { bytes(at.cast(), len as usize) };
    let family = bytes.first_chunk::<2>().ok_or(Errno::EINVAL)?;
    let port = |bytes: &[u8]| u16::from_be_bytes([bytes[2], bytes[3]]);
    match c_int::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let bytes = bytes.first_chunk::<8>().ok_or(Errno::EINVAL)?;
            let [.., a, b, c, d] = *bytes;
            Ok(SocketAddr::from((Ipv4Addr::new(a, b, c, d), port(bytes))))
        }
        libc::AF_INET6 => {
            let bytes = bytes.first_chunk::<24>().ok_or(Errno::EINVAL)?;
            let mut octets = [0; 16];
            octets.copy_from_slice(&bytes[8..]);
            Ok(SocketAddr::from((Ipv6Addr::from(octets), port(bytes))))
        }
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// Writes an address for the caller, as much of it as fits, and its whole length.
///
/// # Safety
/// `at` is null, or valid for as many bytes as `len` says, and `len` for reading and writing.
pub(super) unsafe fn put_address(at: *mut sockaddr, len: *mut socklen_t, address: SocketAddr) {
    if at.is_null() || len.is_null() {
        return;
    }
    let mut bytes = Vec::new();
    let (family, whole) = match address {
        SocketAddr::V4(_) => (libc::AF_INET, size_of::<sockaddr_in>()),
        SocketAddr::V6(_) => (libc::AF_INET6, size_of::<sockaddr_in6>()),
    };
    bytes.extend_from_slice(&u16::try_from(family).unwrap_or(0).to_ne_bytes());
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(address) => bytes.extend_from_slice(&address.ip().octets()),
        SocketAddr::V6(address) => {
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&address.ip().octets());
        }
    }
    bytes.resize(whole, 0);
    // SAFETY: the caller's.
    unsafe {
        fill(at.cast(), *len as usize, &bytes);
        *len = socklen_t::try_from(whole).unwrap_or(0);
    }
}
