//! The ring protocol under every interleaving and every reordering that the memory model allows.
//!
//! The kernel's side is played by the other half of the same code.

use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use super::{Consumer, Full, Index, Producer, RingMemory};

/// A ring whose slots complain about a read or write that nothing orders.
struct Model {
    producer: AtomicU32,
    consumer: AtomicU32,
    slots: Vec<UnsafeCell<u32>>,
}

impl Model {
    /// Two slots; both indices wrap around after two entries.
    fn before_wrap() -> Arc<Self> {
        let start = u32::MAX - 1;
        Arc::new(Self {
            producer: AtomicU32::new(start),
            consumer: AtomicU32::new(start),
            slots: vec![UnsafeCell::new(0), UnsafeCell::new(0)],
        })
    }

    fn word(&self, index: Index) -> &AtomicU32 {
        match index {
            Index::Producer => &self.producer,
            Index::Consumer => &self.consumer,
        }
    }

    fn slot(&self, position: u32) -> &UnsafeCell<u32> {
        &self.slots[position as usize % self.slots.len()]
    }
}

// SAFETY: the slots are only touched as the protocol under test orders it; loom checks that it does.
unsafe impl Sync for Model {}

impl RingMemory for Arc<Model> {
    type Entry = u32;

    fn slots(&self) -> u32 {
        2
    }

    fn load(&self, index: Index, order: Ordering) -> u32 {
        self.word(index).load(order)
    }

    fn store(&self, index: Index, value: u32, order: Ordering) {
        self.word(index).store(value, order);
    }

    fn flags(&self) -> u32 {
        0
    }

    unsafe fn read(&self, position: u32) -> u32 {
        // SAFETY: loom fails the test if another thread writes meanwhile.
        self.slot(position).with(|slot| unsafe { *slot })
    }

    unsafe fn write(&self, position: u32, entry: u32) {
        // SAFETY: loom fails the test if another thread reads or writes meanwhile.
        self.slot(position).with_mut(|slot| unsafe { *slot = entry });
    }
}

fn producer(memory: &Arc<Model>) -> Producer<Arc<Model>> {
    // SAFETY: every test makes one.
    unsafe { Producer::new(Arc::clone(memory)) }
}

fn consumer(memory: &Arc<Model>) -> Consumer<Arc<Model>> {
    // SAFETY: every test makes one.
    unsafe { Consumer::new(Arc::clone(memory)) }
}

/// Takes entries until there are `count`.
fn take(consumer: &mut Consumer<Arc<Model>>, count: usize) -> Vec<u32> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match consumer.pop() {
            Some(entry) => taken.push(entry),
            None => thread::yield_now(),
        }
        consumer.release();
    }
    taken
}

#[test]
fn entries_arrive_once_and_in_order_across_the_wrap() {
    loom::model(|| {
        let memory = Model::before_wrap();
        let mut producer = producer(&memory);
        let mut consumer = consumer(&memory);
        let kernel = thread::spawn(move || {
            for entry in 1..=3 {
                while producer.push(entry).is_err() {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        assert_eq!(take(&mut consumer, 3), [1, 2, 3]);
        kernel.join().expect("no panic");
    });
}

#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    loom::model(|| {
        let memory = Model::before_wrap();
        let mut producer = producer(&memory);
        let mut consumer = consumer(&memory);
        let kernel = thread::spawn(move || {
            producer.push(1).expect("room");
            producer.push(2).expect("room");
            producer.publish();
        });
        let available = consumer.available();
        assert!(available == 0 || available == 2, "{available}");
        assert_eq!(take(&mut consumer, 2), [1, 2]);
        kernel.join().expect("no panic");
    });
}

#[test]
fn a_full_ring_takes_nothing_until_slots_are_given_back() {
    loom::model(|| {
        let memory = Model::before_wrap();
        let mut producer = producer(&memory);
        let mut consumer = consumer(&memory);
        assert_eq!(producer.room(1), 2);
        producer.push(1).expect("room");
        producer.push(2).expect("room");
        assert_eq!(producer.push(3), Err(Full));
        assert_eq!(consumer.pop(), None, "not published yet");
        producer.publish();
        assert_eq!(producer.waiting(), 2);
        assert_eq!(consumer.pop(), Some(1));
        assert_eq!(producer.push(3), Err(Full), "taken, but not given back yet");
        consumer.release();
        assert_eq!(producer.room(2), 1);
        producer.push(3).expect("room");
        assert_eq!(consumer.pop(), Some(2));
        assert_eq!(consumer.pop(), None);
    });
}
