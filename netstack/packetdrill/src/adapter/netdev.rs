//! Packets and the clock.

use std::ffi::{c_int, c_longlong, c_void};

use libc::{size_t, timeval, useconds_t};
use netstack::Span;

use super::memory::{bytes, fill};
use super::shared::{Woken, shared, with};

/// How far the clock moves on when it is looked at: packetdrill waits by looking at it.
const LOOK: Span = Span::from_micros(1);
/// How long one call waits for a packet.
const PATIENCE: Span = Span::from_millis(1);
/// After so long without a packet there is none to come: an empty one ends packetdrill's wait,
/// which would never end by itself.
const SILENCE_MAX: Span = Span::from_secs(600);

/// A packet arrives.
///
/// # Safety
/// As [`super`] says.
pub(super) unsafe extern "C" fn send(
    userdata: *mut c_void,
    packet: *const c_void,
    len: size_t,
) -> c_int {
    // SAFETY: the caller's.
    let packet = unsafe { bytes(packet, len) };
    // SAFETY: the caller's.
    unsafe {
        with(userdata, |state| {
            state.host.inject(packet);
            Ok(0)
        })
    }
}

/// The next packet that leaves, and when it left: 0. Without one for a while: -1, so packetdrill
/// asks again.
///
/// # Safety
/// As [`super`] says.
pub(super) unsafe extern "C" fn receive(
    userdata: *mut c_void,
    packet: *mut c_void,
    len: *mut size_t,
    time_us: *mut c_longlong,
) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let mut state = shared.lock();
    let end = state.host.now() + PATIENCE;
    let mut woken = state.retry();
    while woken == Woken::Nobody && !state.host.has_sent() && state.host.step(end) {
        woken = state.retry();
    }
    if woken == Woken::Nobody && !state.host.has_sent() {
        state.host.advance(end);
        woken = state.retry();
    }
    let Some(sent) = state.host.sniff() else {
        state.silence += PATIENCE;
        let over = state.silence >= SILENCE_MAX;
        shared.hand_over(state, woken);
        if !over {
            return -1;
        }
        // SAFETY: the caller's.
        unsafe { *len = 0 };
        return 0;
    };
    state.silence = Span::ZERO;
    shared.hand_over(state, woken);
    let at_us = c_longlong::try_from(sent.at.as_micros()).unwrap_or(c_longlong::MAX);
    // SAFETY: the caller's: `len` says how many bytes `packet` takes.
    unsafe {
        *len = fill(packet, *len, &sent.packet);
        *time_us = at_us;
    }
    0
}

/// Lets time pass. It may return early, when a call that waited is done; packetdrill looks at
/// the clock and sleeps again.
///
/// # Safety
/// As [`super`] says.
pub(super) unsafe extern "C" fn usleep(userdata: *mut c_void, us: useconds_t) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let end = shared.lock().host.now() + Span::from_micros(us.into());
    shared.sleep_until(end);
    0
}

/// The time, a little later than when it was last asked for.
///
/// # Safety
/// As [`super`] says; `time` is valid for writing.
pub(super) unsafe extern "C" fn gettimeofday(
    userdata: *mut c_void,
    time: *mut timeval,
    _zone: *mut c_void,
) -> c_int {
    // SAFETY: the caller's.
    let shared = unsafe { shared(userdata) };
    let mut state = shared.lock();
    let now = state.host.now() + LOOK;
    state.host.advance(now);
    let woken = state.retry();
    shared.hand_over(state, woken);
    let us = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    // SAFETY: the caller's.
    unsafe { *time = timeval { tv_sec: us / 1_000_000, tv_usec: us % 1_000_000 } };
    0
}
