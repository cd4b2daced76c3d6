use std::sync::Arc;
use std::thread;

use super::{Threads, join};
use crate::admin::workers::ControlHandle;
use crate::drain::{Drain, Lifecycle, Phase};
use crate::run::RunError;

#[test]
fn worker_that_fails_takes_the_others_along() {
    let lifecycle = Arc::new(Lifecycle::default());
    let mut threads = Threads::new();
    let phase = Arc::clone(&lifecycle);
    let serves = move || {
        while phase.phase() < Phase::Stopping {
            thread::yield_now();
        }
        Ok(())
    };
    threads.spawn(serves).expect("a thread");
    threads.spawn(|| panic!("on purpose")).expect("a thread");
    let outcome = join(threads, &lifecycle, &ControlHandle::default());
    assert!(matches!(outcome, Err(RunError::Panicked)), "{outcome:?}");
}

#[test]
fn drain_is_over_when_the_last_worker_has_drained() {
    let lifecycle = Lifecycle::default();
    lifecycle.enlist();
    lifecycle.enlist();
    lifecycle.advance(Phase::Draining);
    assert_eq!((lifecycle.drained(), lifecycle.phase()), (Drain::GoesOn, Phase::Draining));
    assert_eq!((lifecycle.drained(), lifecycle.phase()), (Drain::Over, Phase::Stopping));
}
