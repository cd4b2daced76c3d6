//! The frames lie in huge pages where the machine has any, and in normal ones elsewhere.

use std::fs;

use xdp::{Pages, Queue, QueueConfig};

use crate::link::{DEVICE, Link, assert_all_free, small};

/// Huge pages that the kernel makes when they are asked for, beyond those that are reserved.
const OVERCOMMIT: &str = "/proc/sys/vm/nr_overcommit_hugepages";

/// Frames of the smallest chunks in one huge page.
const FRAMES_PER_PAGE: u64 = 1024;

/// Allows more huge pages than before until it is dropped; none is reserved.
struct Allowance {
    before: u64,
}

impl Allowance {
    fn of(pages: u64) -> Self {
        let text = fs::read_to_string(OVERCOMMIT).expect("a kernel with huge pages");
        let before: u64 = text.trim().parse().expect("a number of pages");
        fs::write(OVERCOMMIT, (before + pages).to_string()).expect("root may allow huge pages");
        Self { before }
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        if let Err(error) = fs::write(OVERCOMMIT, self.before.to_string()) {
            eprintln!("{OVERCOMMIT} was {}: {error}", self.before);
        }
    }
}

#[test]
fn frames_lie_in_huge_pages_as_far_as_there_are_any() {
    let link = Link::new();
    link.on_edge(|| {
        // More than the other tests of this program could take meanwhile.
        let allowance = Allowance::of(64);
        let queue = Queue::open(DEVICE, 0, &small()).expect("a queue");
        let memory = queue.memory_use();
        assert_eq!(memory.pages, Pages::Huge);
        // 256 frames are less than one huge page, which is resident as a whole.
        assert_eq!(memory.frames_bytes, 2 << 20);
        assert_all_free(queue.close());
        // One frame more than fit into all that there are.
        let pages_max = free_pages() + allowance.before + 64;
        drop(allowance);
        let frames = u32::try_from(pages_max * FRAMES_PER_PAGE + 1).expect("not that many");
        let queue = Queue::open(DEVICE, 0, &QueueConfig { frames, ..small() }).expect("a queue");
        assert_eq!(queue.memory_use().pages, Pages::Normal);
        assert_all_free(queue.close());
    });
}

/// Huge pages that are reserved and free.
fn free_pages() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").expect("facts of the memory");
    let free = text.lines().find_map(|line| line.strip_prefix("HugePages_Free:"));
    free.expect("a kernel with huge pages").trim().parse().expect("a number of pages")
}
