//! An allocator for tests: the system's, with counts for each thread.
//!
//! A test binary makes it its `#[global_allocator]`; a test, which has a thread of its own, compares
//! two [`Counts`]. What one thread allocates and another frees is counted where it happens.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// What a thread has allocated since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that are allocated now, as they were asked for; below 0 where it frees what others
    /// allocated.
    pub bytes: isize,
    /// Allocations and reallocations so far.
    pub allocations: u64,
}

thread_local! {
    /// Initialized without allocating, and without a destructor: it can be used at any time.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { bytes: 0, allocations: 0 }) };
}

impl Counts {
    /// Those of this thread.
    #[must_use]
    pub fn now() -> Self {
        COUNTS.get()
    }

    /// What happened on this thread since `self` was taken.
    #[must_use]
    pub fn until_now(self) -> Self {
        let now = Self::now();
        Self { bytes: now.bytes - self.bytes, allocations: now.allocations - self.allocations }
    }
}

/// Counts `freed` bytes less and `allocated` more.
fn count(freed: usize, allocated: usize) {
    let mut counts = COUNTS.get();
    counts.bytes = counts.bytes.wrapping_add_unsigned(allocated).wrapping_sub_unsigned(freed);
    counts.allocations += u64::from(allocated > 0);
    COUNTS.set(counts);
}

// SAFETY: every call is passed on to the system's allocator as it came, and its answer back.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: `pointer` came from `System` with this layout, because all calls are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        // SAFETY: as for `dealloc`; the caller sees to `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
