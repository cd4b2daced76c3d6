//! Chunks and their owners, without a socket.

use std::rc::Rc;

use crate::umem::{Frame, Owner, Pool, PoolConfig};

const CHUNK_BYTES: u32 = 2048;

fn pool() -> Rc<Pool> {
    let config =
        PoolConfig { chunks: 4, chunk_bytes: CHUNK_BYTES, jumbo_bytes: 9018, jumbos_max: 2 };
    Pool::new(&config).expect("memory")
}

fn counts(pool: &Pool) -> [u32; 4] {
    [Owner::Free, Owner::Fill, Owner::Tx, Owner::Held].map(|owner| pool.count(owner))
}

fn descriptor(addr: u64, len: u32) -> libc::xdp_desc {
    libc::xdp_desc { addr, len, options: 0 }
}

#[test]
fn a_chunk_goes_round_receiving_and_sending() {
    let pool = pool();
    let address = pool.take_for_fill().expect("a chunk");
    assert_eq!(counts(&pool), [3, 1, 0, 0]);
    let frame = pool.received(&descriptor(address + 256, 60));
    assert_eq!(frame.len(), 60);
    assert_eq!(frame.capacity(), 2048 - 256);
    assert_eq!(counts(&pool), [3, 0, 0, 1]);
    let sent = frame.into_tx().expect("a chunk");
    assert_eq!(sent, address + 256, "sent from where it was received");
    assert_eq!(counts(&pool), [3, 0, 1, 0]);
    pool.completed(sent);
    assert_eq!(counts(&pool), [4, 0, 0, 0]);
}

#[test]
fn frames_do_not_overlap() {
    let pool = pool();
    let mut frames: Vec<Frame> = std::iter::from_fn(|| pool.alloc()).collect();
    assert_eq!(frames.len(), 4);
    for (value, frame) in (1..).zip(&mut frames) {
        assert_eq!(frame.len(), CHUNK_BYTES as usize);
        frame.fill(value);
    }
    for (value, frame) in (1..).zip(&frames) {
        assert!(frame.iter().all(|byte| *byte == value));
    }
}

#[test]
fn a_frame_moves_without_its_bytes_moving() {
    let pool = pool();
    let frame = pool.alloc().expect("a chunk");
    let before = frame.as_ptr();
    let boxed = Box::new(frame);
    assert_eq!(boxed.as_ptr(), before);
}

#[test]
fn what_the_kernel_had_is_taken_back_at_the_end() {
    let pool = pool();
    let _filled = pool.take_for_fill().expect("a chunk");
    let _sent = pool.alloc().expect("a chunk").into_tx().expect("a chunk");
    let held = pool.alloc().expect("a chunk");
    assert_eq!(counts(&pool), [1, 1, 1, 1]);
    pool.reclaim();
    assert_eq!(counts(&pool), [3, 0, 0, 1]);
    drop(held);
    assert_eq!(counts(&pool), [4, 0, 0, 0]);
}

#[test]
fn large_buffers_are_bounded_and_used_again() {
    let pool = pool();
    let first = pool.alloc_jumbo().expect("a buffer");
    let second = pool.alloc_jumbo().expect("a buffer");
    assert!(pool.alloc_jumbo().is_none());
    assert_eq!(first.len(), 9018);
    let place = first.as_ptr();
    assert_eq!(pool.jumbos().held, 2);
    drop(first);
    let again = pool.alloc_jumbo().expect("the same buffer");
    assert_eq!(again.as_ptr(), place);
    assert_eq!(pool.jumbos().allocated, 2);
    drop((second, again));
    assert_eq!(pool.jumbos().held, 0);
    assert_eq!(counts(&pool), [4, 0, 0, 0], "no chunk was touched");
}

#[test]
fn a_large_buffer_is_not_sent_as_a_chunk() {
    let pool = pool();
    let jumbo = pool.alloc_jumbo().expect("a buffer");
    let jumbo = jumbo.into_tx().expect_err("not a chunk");
    assert_eq!(jumbo.len(), 9018);
}

#[test]
#[should_panic(expected = "capacity")]
fn a_length_beyond_the_chunk_is_refused() {
    let pool = pool();
    let mut frame = pool.alloc().expect("a chunk");
    frame.set_len(CHUNK_BYTES as usize + 1);
}
