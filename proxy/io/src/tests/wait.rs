//! The loop's one wait and what ends it.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::{config, kernels, next, ring};
use crate::{Completion, OperationError, Ring, RingConfig};

#[test]
fn waker_of_another_thread_ends_the_wait_with_every_kernels_features() {
    for kernel_max in kernels() {
        let config = RingConfig { kernel_max, ..config() };
        let mut ring: Ring<Vec<u8>> = Ring::new(&config).expect("a ring");
        for _ in 0..3 {
            let waker = ring.waker();
            let thread = thread::spawn(move || waker.wake());
            ring.turn(None).expect("a turn");
            assert!(matches!(ring.next_completion(), Some(Completion::Woken)));
            assert!(ring.next_completion().is_none());
            thread.join().expect("woke");
        }
    }
}

#[test]
fn wakes_before_the_wait_count_as_one() {
    let mut ring = ring();
    let waker = ring.waker();
    waker.wake();
    waker.clone().wake();
    assert!(matches!(next(&mut ring), Completion::Woken));
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    assert!(ring.next_completion().is_none());
    waker.wake();
    assert!(matches!(next(&mut ring), Completion::Woken));
}

#[test]
fn waker_outlives_the_ring() {
    let waker = ring().waker();
    waker.wake();
    waker.wake();
}

#[test]
fn watched_descriptor_reports_each_time_until_it_is_unwatched() {
    let mut ring = ring();
    let (mut writer, reader) = UnixStream::pair().expect("a pair");
    let watch = ring.watch(reader.as_fd(), 42).expect("watched");
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    assert!(ring.next_completion().is_none(), "nothing to read");
    for _ in 0..3 {
        writer.write_all(b"x").expect("written");
        assert!(matches!(next(&mut ring), Completion::Ready { token: 42 }));
    }
    assert_eq!(ring.operations().watches, 1);
    ring.unwatch(watch);
    let completion = next(&mut ring);
    assert!(
        matches!(
            completion,
            Completion::Unwatched { token: 42, reason: OperationError::Cancelled }
        ),
        "{completion:?}"
    );
    writer.write_all(b"x").expect("written");
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    assert!(ring.next_completion().is_none());
    assert_eq!(ring.operations().watches, 0);
}

#[test]
fn watch_of_a_descriptor_that_is_readable_already_reports_at_once() {
    let mut ring = ring();
    let (mut writer, reader) = UnixStream::pair().expect("a pair");
    writer.write_all(b"x").expect("written");
    let _watch = ring.watch(reader.as_fd(), 42).expect("watched");
    drop(reader);
    assert!(matches!(next(&mut ring), Completion::Ready { token: 42 }));
}

#[test]
fn turn_with_nothing_to_do_does_not_enter_the_kernel() {
    let mut ring = ring();
    ring.turn(Some(Duration::ZERO)).expect("submits the waker");
    let before = ring.counters();
    for _ in 0..100 {
        ring.turn(Some(Duration::ZERO)).expect("a turn");
    }
    let after = ring.counters();
    assert_eq!((after.turns - before.turns, after.enters - before.enters), (100, 0));
}

#[test]
fn turn_times_out_and_does_not_wait_while_completions_are_here() {
    let mut ring = ring();
    ring.turn(Some(Duration::from_millis(1))).expect("times out");
    assert!(ring.next_completion().is_none());
    ring.waker().wake();
    ring.turn(None).expect("woken");
    // Would hang if it waited: the completion was not taken yet.
    ring.turn(None).expect("does not wait");
    assert!(matches!(ring.next_completion(), Some(Completion::Woken)));
}
