//! Memory of idle buffers goes back to the kernel, and no other.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::{assert_all_free, config, pattern, receive, ring_of};
use crate::free_list::{FreeList, KEPT};
use crate::{BufferPool, Class, Entries, PoolConfig, RecordBuffer};

/// Buffers of each class: many more than keep their memory.
const BUFFERS: u32 = 400;

fn pool_config() -> PoolConfig {
    PoolConfig {
        entries: Entries { small: BUFFERS, medium: BUFFERS, large: BUFFERS },
        ..config().pool
    }
}

fn pool() -> BufferPool {
    BufferPool::new(&pool_config()).expect("a pool")
}

fn take(pool: &BufferPool, class: Class) -> RecordBuffer {
    let mut buffer = pool.take(class).expect("a buffer");
    buffer.raw_mut().fill(0xa5);
    buffer
}

fn take_all(pool: &BufferPool, class: Class) -> Vec<RecordBuffer> {
    (0..BUFFERS).map(|_| take(pool, class)).collect()
}

/// A period in which nothing happens, and its end.
fn pass_period(pool: &BufferPool) {
    pool.begin_period();
    while pool.give_back_idle(50) > 0 {}
}

fn touched(pool: &BufferPool, class: Class) -> usize {
    let stride = pool.memory(class).reserved_bytes / u64::from(BUFFERS);
    usize::try_from(pool.memory(class).touched_bytes / stride).expect("a number of buffers")
}

/// Bytes of the pages behind `addresses`, as far as they are in memory.
fn resident_bytes(addresses: std::ops::Range<usize>) -> usize {
    let page = rustix::param::page_size();
    let pagemap = File::open("/proc/self/pagemap").expect("the kernel has a page map");
    let present = |number: &usize| {
        let mut entry = [0; 8];
        pagemap.read_exact_at(&mut entry, 8 * *number as u64).expect("an entry");
        u64::from_le_bytes(entry) & (1 << 63) != 0
    };
    page * (addresses.start / page..addresses.end.div_ceil(page)).filter(present).count()
}

/// Where all buffers of a class are.
fn addresses(buffers: &[RecordBuffer]) -> std::ops::Range<usize> {
    let starts = buffers.iter().map(|buffer| buffer.as_ptr().addr());
    let start = starts.clone().min().expect("buffers");
    let end = starts.max().expect("buffers");
    start..end + Class::Large.buffer_bytes()
}

#[test]
fn memory_of_idle_buffers_goes_back_but_for_a_few() {
    for class in Class::ALL {
        let pool = pool();
        let buffers = take_all(&pool, class);
        let addresses = addresses(&buffers);
        let all = resident_bytes(addresses.clone());
        drop(buffers);
        assert_eq!(pool.spare(), BUFFERS as usize - KEPT);
        pass_period(&pool);
        assert_eq!(touched(&pool, class), KEPT, "{class:?}");
        assert_eq!(pool.spare(), 0, "{class:?}: nobody has to look again");
        // Each of those that keep theirs has at most a page more, at either end.
        let kept = usize::try_from(pool.memory(class).touched_bytes).expect("a size");
        let most = kept + 2 * KEPT * rustix::param::page_size();
        let left = resident_bytes(addresses);
        assert!(left <= most.min(all / 2), "{class:?}: {left} of {all} bytes, ledger {most}");
    }
}

#[test]
fn bytes_of_buffers_in_use_stay() {
    for class in Class::ALL {
        let pool = pool();
        let mut buffers = take_all(&pool, class);
        // Every page has a neighbour that is idle, and one that is not.
        let mut number = 0;
        buffers.retain(|_| {
            number += 1;
            number % 3 == 0
        });
        pass_period(&pool);
        for buffer in &mut buffers {
            assert!(buffer.raw_mut().iter().all(|byte| *byte == 0xa5), "{class:?}");
        }
        assert_eq!(touched(&pool, class), buffers.len() + KEPT, "{class:?}");
    }
}

#[test]
fn buffers_used_within_the_period_keep_their_memory() {
    let pool = pool();
    drop(take_all(&pool, Class::Large));
    pool.begin_period();
    let used: Vec<_> = (0..300).map(|_| take(&pool, Class::Large)).collect();
    drop(used);
    assert_eq!(pool.give_back_idle(1000), 0);
    // Of the hundred that were not used, as many as are always kept stay behind.
    assert_eq!(touched(&pool, Class::Large), 300 + KEPT);
}

#[test]
fn buffers_that_gave_their_memory_back_can_be_taken_again() {
    let pool = pool();
    drop(take_all(&pool, Class::Medium));
    pass_period(&pool);
    let mut buffers: Vec<_> = std::iter::from_fn(|| pool.take(Class::Medium)).collect();
    assert_eq!(buffers.len(), BUFFERS as usize);
    assert_eq!(touched(&pool, Class::Medium), BUFFERS as usize);
    for buffer in &mut buffers {
        // What was given back reads as zeros; the rest of a shared page as what was left there.
        assert!(buffer.raw_mut().iter().all(|byte| matches!(byte, 0 | 0xa5)));
    }
}

#[test]
fn entry_is_warm_from_the_moment_that_it_is_taken() {
    let mut list = FreeList::new(2);
    assert!(list.are_cold(0, 1));
    let index = list.take().expect("an entry");
    assert_eq!(list.touched(), 0, "lent, not used");
    assert!(!list.are_cold(0, 1) && !list.are_cold(0, 0) && list.are_cold(1, 1));
    list.put(index);
    assert!(!list.are_cold(0, 0), "it may have pages");
}

#[test]
fn buffers_lent_to_the_kernel_keep_what_it_writes() {
    let mut ring = ring_of(pool_config());
    // The kernel gets those that were dropped last. All their neighbours are idle.
    let buffers = take_all(ring.pool(), Class::Small).into_iter().enumerate();
    let (last, first): (Vec<_>, Vec<_>) = buffers.partition(|(number, _)| number % 6 == 0);
    drop(first);
    drop(last);
    ring.pool().begin_period();
    let mut pairs: Vec<_> = (0..4).map(|_| super::pair(&mut ring)).collect();
    for (socket, _) in &pairs {
        ring.recv(socket, Class::Small, 7).expect("armed");
    }
    ring.turn(Some(std::time::Duration::ZERO)).expect("a turn");
    assert_eq!(ring.pool().counts(Class::Small).kernel, pairs.len());
    let data = pattern(Class::Small.payload_bytes());
    for (_, peer) in &mut pairs {
        std::io::Write::write_all(peer, &data).expect("written");
    }
    // Where the kernel runs the completion's work by itself, the bytes may be there by now.
    while ring.pool().give_back_idle(50) > 0 {}
    for _ in &pairs {
        let crate::Completion::Received { result, .. } = super::next(&mut ring) else {
            panic!("a receive")
        };
        assert!(*result.expect("received").expect("data") == data[..]);
    }
    let (socket, mut peer) = super::pair(&mut ring);
    std::io::Write::write_all(&mut peer, &data).expect("written");
    assert!(*receive(&mut ring, &socket, Class::Small).expect("data") == data[..]);
    drop((socket, pairs));
    assert_all_free(ring);
}
