//! Full queues, and features that are not there.

use std::io::Read;
use std::time::Duration;

use kernel_version::KernelVersion;

use super::{assert_baseline, config, next, pair, receive, send};
use crate::{
    Address, ArmError, Class, Completion, ConnectError, Presence, Ring, RingConfig, RingError,
    probe,
};

#[test]
fn full_slots_refuse_and_give_the_data_back() {
    // The waker has one of them.
    let config = RingConfig { operations_max: 3, ..config() };
    let mut ring: Ring<Vec<u8>> = Ring::new(&config).expect("a ring");
    let (socket, _peer) = pair(&mut ring);
    ring.recv(&socket, Class::Small, 1).expect("the second");
    ring.send(&socket, b"third".to_vec(), 0..5, 2).expect("the third");
    let full = ring.send(&socket, b"fourth".to_vec(), 0..6, 3).expect_err("no slot is left");
    assert_eq!(full.0, b"fourth");
    assert_eq!(ring.shutdown_write(&socket, 4), Err(ArmError::Full));
    let address = Address::Inet(([127, 0, 0, 1], 1).into());
    assert!(matches!(ring.connect(&address, 5), Err(ConnectError::Full)));
    assert!(matches!(ring.watch(std::os::fd::AsFd::as_fd(&socket), 6), Err(RingError::Full)));

    assert!(matches!(next(&mut ring), Completion::Sent { token: 2, result: Ok(5), .. }));
    ring.send(&socket, full.0, 0..6, 3).expect("a slot is free again");
    assert!(matches!(next(&mut ring), Completion::Sent { token: 3, result: Ok(6), .. }));
}

#[test]
fn full_submission_queue_enters_early_and_loses_nothing() {
    let config = RingConfig { submissions: 1, ..config() };
    let mut ring: Ring<Vec<u8>> = Ring::new(&config).expect("a ring");
    let mut pairs: Vec<_> = (0..20).map(|_| pair(&mut ring)).collect();
    for (socket, _) in &pairs {
        ring.send(socket, b"hello".to_vec(), 0..5, 8).expect("queued");
        ring.recv(socket, Class::Small, 7).expect("armed");
    }
    for _ in &pairs {
        assert!(matches!(next(&mut ring), Completion::Sent { result: Ok(5), .. }));
    }
    assert!(ring.counters().enters_early > 0);
    for (_, peer) in &mut pairs {
        let mut hello = [0; 5];
        peer.read_exact(&mut hello).expect("read");
        assert_eq!(&hello, b"hello");
    }
    for (socket, _) in &pairs {
        ring.cancel(socket);
    }
    for _ in &pairs {
        assert!(matches!(next(&mut ring), Completion::Received { result: Err(_), .. }));
    }
    assert_baseline(&ring);
}

#[test]
fn slots_are_used_again_and_their_memory_is_counted() {
    let mut ring: Ring<Vec<u8>> = Ring::new(&config()).expect("a ring");
    let (socket, mut peer) = pair(&mut ring);
    let before = ring.memory();
    assert!(before.touched_bytes <= before.reserved_bytes);
    for _ in 0..1000 {
        send(&mut ring, &socket, b"ping");
        let mut ping = [0; 4];
        peer.read_exact(&mut ping).expect("read");
        std::io::Write::write_all(&mut peer, &ping).expect("written");
        assert_eq!(&*receive(&mut ring, &socket, Class::Small).expect("data"), b"ping");
    }
    assert_eq!(ring.memory(), before);
    assert_baseline(&ring);
}

#[test]
fn limits_out_of_range_are_refused() {
    for (operations_max, submissions) in [(0, 64), (32_769, 64), (64, 0), (64, 32_769)] {
        let config = RingConfig { operations_max, submissions, ..config() };
        assert!(matches!(Ring::<Vec<u8>>::new(&config), Err(RingError::Limits)));
    }
    let path = Address::Unix("/".repeat(200).into());
    let mut ring: Ring<Vec<u8>> = Ring::new(&config()).expect("a ring");
    assert!(matches!(ring.connect(&path, 1), Err(ConnectError::Path)));
}

#[test]
fn probe_tells_every_feature_with_its_fallback() {
    let features = probe();
    assert!(features.iter().any(|feature| feature.since == KernelVersion::new(6, 1)));
    assert!(features.iter().all(|feature| !feature.fallback.is_empty()));
    let rings = features.iter().find(|feature| feature.name == "io_uring buffer rings");
    let rings = rings.expect("buffer rings are probed");
    assert_eq!(rings.presence, Presence::Present, "a ring can't be made without");
}

#[test]
fn newer_features_than_asked_for_are_not_tried() {
    let config = RingConfig { kernel_max: Some(KernelVersion::new(6, 1)), ..config() };
    let mut ring: Ring<Vec<u8>> = Ring::new(&config).expect("a ring");
    let (_socket, _peer) = pair(&mut ring);
    ring.turn(Some(Duration::ZERO)).expect("a turn");
    assert_eq!(ring.no_delay, crate::ring::NoDelay::BySystemCall);
}
