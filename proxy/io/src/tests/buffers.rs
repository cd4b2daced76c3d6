//! Record buffers: who has them, and what happens when there are none.

use std::io::Write;

use super::{assert_all_free, assert_baseline, config, next, pair, pattern, receive, ring};
use crate::{
    BufferPool, Class, Completion, Entries, HEADER_ROOM, PoolConfig, PoolError, Ring, RingConfig,
    TAG_ROOM,
};

fn pool() -> BufferPool {
    BufferPool::new(&config().pool).expect("a pool")
}

#[test]
fn taken_buffer_is_empty_with_room_on_both_sides() {
    for class in Class::ALL {
        let pool = pool();
        let mut buffer = pool.take(class).expect("a buffer");
        assert!(buffer.is_empty());
        assert_eq!(buffer.range(), HEADER_ROOM..HEADER_ROOM);
        assert_eq!(buffer.raw_mut().len(), HEADER_ROOM + class.payload_bytes() + TAG_ROOM);
        buffer.raw_mut().fill(0xa5);
        buffer.set_range(0..class.buffer_bytes());
        assert!(buffer.iter().all(|byte| *byte == 0xa5));
    }
}

#[test]
fn buffers_of_a_class_do_not_overlap() {
    let pool = pool();
    let mut buffers: Vec<_> = (0..8).map(|_| pool.take(Class::Small).expect("a buffer")).collect();
    for (fill, buffer) in (0..).zip(&mut buffers) {
        buffer.raw_mut().fill(fill);
        buffer.set_range(0..Class::Small.buffer_bytes());
    }
    for (fill, buffer) in (0..).zip(&buffers) {
        assert!(buffer.iter().all(|byte| *byte == fill));
    }
}

#[test]
fn counts_add_up_and_touched_bytes_are_the_high_water() {
    let pool = pool();
    let stride = pool.memory(Class::Medium).reserved_bytes / 8;
    assert!(stride >= Class::Medium.buffer_bytes() as u64);
    assert_eq!(pool.memory(Class::Medium).touched_bytes, 0);
    let held: Vec<_> = (0..3).map(|_| pool.take(Class::Medium).expect("a buffer")).collect();
    let counts = pool.counts(Class::Medium);
    assert_eq!((counts.total, counts.free, counts.kernel, counts.held), (8, 5, 0, 3));
    assert_eq!(pool.memory(Class::Medium).touched_bytes, 3 * stride);
    drop(held);
    assert_eq!(pool.free(Class::Medium), 8);
    for _ in 0..20 {
        drop(pool.take(Class::Medium));
    }
    assert_eq!(pool.memory(Class::Medium).touched_bytes, 3 * stride, "freed ones are used first");
}

#[test]
fn class_that_is_used_up_gives_none_until_one_is_dropped() {
    let pool = pool();
    let mut held: Vec<_> = std::iter::from_fn(|| pool.take(Class::Large)).collect();
    assert_eq!(held.len(), 8);
    assert!(pool.take(Class::Small).is_some(), "other classes have their own");
    held.pop();
    assert!(pool.take(Class::Large).is_some());
}

#[test]
#[should_panic(expected = "range lies within the record buffer")]
fn range_beyond_the_buffer_panics() {
    let mut buffer = pool().take(Class::Small).expect("a buffer");
    buffer.set_range(0..Class::Small.buffer_bytes() + 1);
}

#[test]
fn sizes_out_of_range_are_refused() {
    let empty = PoolConfig { entries: Entries { small: 0, medium: 1, large: 1 }, depth: 8 };
    assert!(matches!(
        BufferPool::new(&empty),
        Err(PoolError::Entries { class: Class::Small, entries: 0 })
    ));
    let huge = PoolConfig { entries: Entries { small: 1, medium: 65_537, large: 1 }, depth: 8 };
    assert!(matches!(BufferPool::new(&huge), Err(PoolError::Entries { class: Class::Medium, .. })));
    let uneven = RingConfig { pool: PoolConfig { depth: 12, ..config().pool }, ..config() };
    assert!(Ring::<Vec<u8>>::new(&uneven).is_err());
}

#[test]
fn used_up_class_loses_no_data_and_recovers() {
    let entries = Entries { small: 2, medium: 1, large: 1 };
    let pool = PoolConfig { entries, ..config().pool };
    let mut ring: Ring<Vec<u8>> = Ring::new(&RingConfig { pool, ..config() }).expect("a ring");
    let (socket, mut peer) = pair(&mut ring);
    let data = pattern(3 * Class::Small.payload_bytes());
    peer.write_all(&data).expect("written");
    let first = receive(&mut ring, &socket, Class::Small).expect("data");
    let second = receive(&mut ring, &socket, Class::Small).expect("data");
    for _ in 0..2 {
        ring.recv(&socket, Class::Small, 7).expect("armed");
        let completion = next(&mut ring);
        assert!(
            matches!(completion, Completion::NoBuffers { token: 7, class: Class::Small }),
            "{completion:?}"
        );
    }
    assert_eq!(ring.counters().no_buffers, 2);
    let mut received = [&first[..], &second[..]].concat();
    drop((first, second));
    while received.len() < data.len() {
        received.extend_from_slice(&receive(&mut ring, &socket, Class::Small).expect("data"));
    }
    assert!(received == data, "what arrives is what was sent");
    drop(socket);
    assert_baseline(&ring);
    assert_all_free(ring);
}

#[test]
fn receives_beyond_the_kernels_ring_wait_for_a_turn_not_for_the_caller() {
    let pool = PoolConfig { depth: 1, ..config().pool };
    let mut ring: Ring<Vec<u8>> = Ring::new(&RingConfig { pool, ..config() }).expect("a ring");
    let mut pairs: Vec<_> = (0..6).map(|_| pair(&mut ring)).collect();
    for (_, peer) in &mut pairs {
        peer.write_all(b"all at once").expect("written");
    }
    for (socket, _) in &pairs {
        ring.recv(socket, Class::Small, 7).expect("armed");
    }
    for _ in &pairs {
        let completion = next(&mut ring);
        let Completion::Received { result: Ok(Some(buffer)), .. } = completion else {
            panic!("{completion:?}");
        };
        assert_eq!(&*buffer, b"all at once");
    }
    assert!(ring.counters().receives_rearmed > 0);
    assert_eq!(ring.counters().no_buffers, 0);
}

#[test]
fn buffers_outlive_the_ring() {
    let mut ring = ring();
    let (socket, mut peer) = pair(&mut ring);
    peer.write_all(b"still here").expect("written");
    let buffer = receive(&mut ring, &socket, Class::Small).expect("data");
    let pool = ring.pool().clone();
    drop(ring);
    assert_eq!(&*buffer, b"still here");
    assert_eq!(pool.counts(Class::Small).held, 1);
    drop(buffer);
    assert_eq!(pool.free(Class::Small), 8);
}

#[test]
fn kernel_is_lent_only_what_armed_receives_could_use() {
    let mut ring = ring();
    let pairs: Vec<_> = (0..3).map(|_| pair(&mut ring)).collect();
    for (socket, _) in &pairs {
        ring.recv(socket, Class::Large, 7).expect("armed");
    }
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    let counts = ring.pool().counts(Class::Large);
    assert_eq!((counts.free, counts.kernel, counts.held), (5, 3, 0));
    assert_eq!(ring.pool().memory(Class::Large).touched_bytes, 0, "lent is not yet touched");
    assert_all_free(ring);
}
